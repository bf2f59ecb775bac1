package token

import (
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// checkHeader judges what needs no payload: algorithm, key set URL and type.
func (p *policy) checkHeader(h jws.Header) error {
	if !slices.Contains(p.algorithms, canonicalAlgorithm(h.Algorithm)) {
		return refuse(ReasonAlgorithm, "alg")
	}
	if h.KeySetURL != "" && !slices.Contains(p.keySetURLs, h.KeySetURL) {
		return refuse(ReasonHeader, "jku")
	}
	return p.checkType(h.Type)
}

// checkEarly refuses what is not worth a key look-up. That it returns nil proves nothing: the claims are unverified, and m may not tell
// all of them yet.
func (p *policy) checkEarly(c *Claims, m *members, now time.Time) error {
	if m.tells(atIssuer) {
		if err := p.checkIssuer(m); err != nil {
			return err
		}
	}
	if m.tells(atAudience) {
		if err := p.checkAudience(c); err != nil {
			return err
		}
	}
	if m.tells(atExpiry) {
		return p.checkExpiry(c, now)
	}
	return nil
}

// check judges every claim. It is called on verified claims only, of which m tells all.
func (p *policy) check(c *Claims, m *members, now time.Time) error {
	if err := p.checkEarly(c, m, now); err != nil {
		return err
	}
	if err := p.checkKind(m); err != nil {
		return err
	}
	if err := p.checkStart(c, now); err != nil {
		return err
	}
	if err := p.checkLifetime(c, now); err != nil {
		return err
	}
	if err := p.checkRequired(m); err != nil {
		return err
	}
	return p.checkClient(c)
}

func (p *policy) checkIssuer(m *members) error {
	if !says(*m.at(atIssuer), p.issuer) { // RFC 7519 section 4.1.1, RFC 9068 section 4: exactly
		return refuse(ReasonIssuer, "iss")
	}
	return nil
}

func (p *policy) checkAudience(c *Claims) error {
	if p.anyAudience || slices.ContainsFunc(p.audiences, c.HasAudience) {
		return nil
	}
	return refuse(ReasonAudience, "aud")
}

func (p *policy) checkExpiry(c *Claims, now time.Time) error {
	if !c.expiry.given {
		if p.mayLackExpiry() {
			return nil // checkLifetime demands iat
		}
		return refuse(ReasonClaim, "exp")
	}
	if !now.Before(c.expiry.time().Add(p.leeway)) { // RFC 7519 section 4.1.4: on or after
		return refuse(ReasonExpired, "exp")
	}
	return nil
}

func (p *policy) checkStart(c *Claims, now time.Time) error {
	latest := now.Add(p.leeway)
	if latest.Before(c.notBefore.time()) {
		return refuse(ReasonNotYetValid, "nbf")
	}
	if latest.Before(c.issuedAt.time()) {
		return refuse(ReasonNotYetValid, "iat")
	}
	return nil
}

// checkLifetime needs no leeway for the distance of two times of the same clock.
func (p *policy) checkLifetime(c *Claims, now time.Time) error {
	if p.maxLifetime == 0 && p.maxAge == 0 {
		return nil
	}
	if !c.issuedAt.given {
		return refuse(ReasonLifetime, "iat")
	}
	if p.maxLifetime > 0 && c.expiry.time().Sub(c.issuedAt.time()) > p.maxLifetime {
		return refuse(ReasonLifetime, "exp")
	}
	if p.maxAge > 0 && now.Add(-p.leeway).Sub(c.issuedAt.time()) > p.maxAge {
		return refuse(ReasonLifetime, "iat")
	}
	return nil
}

func (p *policy) checkRequired(m *members) error {
	for _, r := range p.required {
		value := *m.at(r.at)
		if value == "" || value == "null" {
			return refuse(ReasonClaim, r.name)
		}
		if value == `""` || r.value != "" && !says(value, r.value) {
			return refuse(ReasonClaim, r.name)
		}
	}
	return nil
}

// says reports whether a claim is a string, and that string.
func says(value, want string) bool {
	s, ok := strictjson.String(value)
	return ok && s == want
}

func (p *policy) checkClient(c *Claims) error {
	if p.clientRequired && c.clientID == "" {
		return refuse(ReasonClient, "client")
	}
	if len(p.clientIDs) > 0 && !slices.Contains(p.clientIDs, c.clientID) {
		return refuse(ReasonClient, "client")
	}
	return nil
}
