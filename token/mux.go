package token

import (
	"context"
	"errors"
	"maps"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// Mux verifies the tokens of several issuers. Which verifier a token is for is decided by its iss claim, byte by byte, before any
// key is looked up; that verifier then checks everything, iss included, by its own keys and policy. So a key of one issuer never
// verifies a token of another. A Mux is immutable and safe for concurrent use.
//
// The zero Mux decides nothing: every token is undecided.
type Mux struct {
	byIssuer map[string]*Verifier
	reads    map[string]bool
	maxBytes int
	cache    *Cache // that of the verifiers that have one
}

// NewMux returns a Mux over one verifier per issuer. None at all, a nil one, two of the same issuer and two with different caches are
// mistakes, reported together. A token that a verifier remembers is remembered for the Mux too, and the other way round.
func NewMux(vs ...*Verifier) (*Mux, error) {
	var wrong mistakes
	if len(vs) == 0 {
		wrong.addf("a Mux needs a Verifier")
	}
	m := &Mux{byIssuer: map[string]*Verifier{}, reads: map[string]bool{}}
	for i, v := range vs {
		issuer := v.issuer()
		if issuer == "" {
			wrong.addf("Verifier %d is nil or was not made by NewVerifier", i)
			continue
		}
		if m.byIssuer[issuer] != nil {
			wrong.addf("Verifier %d is another one of issuer %q", i, issuer)
			continue
		}
		if v.cache != nil && m.cache != nil && v.cache != m.cache {
			wrong.addf("Verifier %d has another Cache than one before it", i)
		}
		if v.cache != nil {
			m.cache = v.cache
		}
		m.byIssuer[issuer] = v
		m.maxBytes = max(m.maxBytes, v.maxBytes)
		maps.Copy(m.reads, v.policy.reads)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return m, nil
}

// Verify is [Verifier.Verify] by the verifier of the token's issuer. A token of any other issuer is refused.
func (m *Mux) Verify(ctx context.Context, raw string, have ...Proof) (*Claims, error) {
	if m == nil || m.byIssuer == nil {
		return nil, errNoVerifier
	}
	if m.cache == nil || len(raw) > m.maxBytes {
		return m.verify(ctx, raw, have)
	}
	k := m.cache.keyer.of(raw)
	if c, err := m.cache.recall(ctx, &k, m, have); c != nil || err != nil {
		return c, err
	}
	c, err := m.verify(ctx, raw, have)
	if err == nil {
		m.cache.remember(&k, c)
	}
	return c, err
}

// verify is Verify without a memory.
func (m *Mux) verify(ctx context.Context, raw string, have []Proof) (*Claims, error) {
	msg, err := jws.Parse(raw, m.maxBytes)
	if err != nil {
		return nil, refuseJWS(err)
	}
	claims, err := scan(msg.Payload(), m.reads)
	if err != nil {
		return nil, err
	}
	value, _ := claims.get("iss")
	issuer, _ := strictjson.String(value)
	v, known := m.byIssuer[issuer]
	if !known {
		return nil, refuse(ReasonIssuer, "iss")
	}
	if len(raw) > v.maxBytes {
		return nil, refuse(ReasonMalformed, "token")
	}
	if err := v.policy.checkHeader(msg.Header()); err != nil {
		return nil, err
	}
	return v.decide(ctx, msg, claims, have)
}
