package token

import (
	"context"
	"crypto"
	"errors"

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
	all      map[*Verifier]bool
	maxBytes int
	headers  *headers
	cache    *Cache // that of the verifiers that have one
}

// NewMux returns a Mux over one verifier per issuer. None at all, a nil one, two of the same issuer and two with different caches are
// mistakes, reported together. A token that a verifier remembers is remembered for the Mux too, and the other way round.
func NewMux(vs ...*Verifier) (*Mux, error) {
	var wrong mistakes
	if len(vs) == 0 {
		wrong.addf("a Mux needs a Verifier")
	}
	m := &Mux{byIssuer: map[string]*Verifier{}, all: map[*Verifier]bool{}, headers: new(headers)}
	for i, v := range vs {
		issuer := v.issuer()
		if issuer == "" {
			wrong.addf("Verifier %d is nil or was not made by NewVerifier", i)
			continue
		}
		if _, known := m.byIssuer[issuer]; known {
			wrong.addf("Verifier %d is another one of issuer %q", i, issuer)
			continue
		}
		if v.cache != nil && m.cache != nil && v.cache != m.cache {
			wrong.addf("Verifier %d has another Cache than one before it", i)
		}
		if v.cache != nil {
			m.cache = v.cache
		}
		m.all[v] = true
		m.byIssuer[issuer] = v
		m.maxBytes = max(m.maxBytes, v.maxBytes)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return m, nil
}

// Verify is [Verifier.Verify] by the verifier of the token's issuer. A token of any other issuer is refused, and so is one whose iss is not in its first
// 6 KiB, or comes after more than 256 members and elements, of which each claim counts as four, and an empty object or array as two. Of a payload with more
// than 4 KiB, or behind a header of more than 512 bytes as it is sent, it looks at nothing else before the signature, so that one that has expired costs a call of the
// key source as well, and is undecided without keys.
func (m *Mux) Verify(ctx context.Context, raw string, have ...Proof) (*Claims, error) {
	if m == nil || m.byIssuer == nil {
		return nil, errNoVerifier
	}
	if m.cache == nil || len(raw) > m.maxBytes {
		c, _, err := m.verify(ctx, raw, have, nil)
		return c, err
	}
	if !m.cache.mayKnow(raw) {
		c, by, err := m.verify(ctx, raw, have, nil)
		if err == nil {
			c = m.cache.meet(raw, c, by)
		}
		return c, err
	}
	k := m.cache.keyer.of(raw)
	c, vouched, err := m.cache.recall(ctx, &k, m, have)
	if c != nil || err != nil {
		return c, err
	}
	c, by, err := m.verify(ctx, raw, have, vouched)
	return m.cache.learn(&k, c, by, vouched, err)
}

// verify is Verify without a memory, but for a voucher of this very token.
func (m *Mux) verify(ctx context.Context, raw string, have []Proof, vouched *voucher) (*Claims, crypto.PublicKey, error) {
	var msg jws.Message
	if err := msg.Split(raw, m.maxBytes); err != nil {
		return nil, nil, refuseJWS(err)
	}
	passed, err := m.headers.read(&msg)
	if err != nil {
		return nil, nil, err
	}
	worth := worthSearching(&msg)
	start, err := startOf(&msg, worth, worth)
	if err != nil {
		return nil, nil, err
	}
	v, err := m.choose(start, len(start) < msg.PayloadSize())
	if err != nil {
		return nil, nil, err
	}
	if !v.takes(&msg) {
		return nil, nil, refuse(ReasonMalformed, "token")
	}
	if passed != v.policy {
		if err := v.policy.checkHeader(msg.Header()); err != nil {
			return nil, nil, err
		}
	}
	var claims members
	if msg.PayloadSize() > worthTwice || len(msg.HeaderSegment()) > longHeader {
		claims.putOff(v.policy.reads)
	} else if err := claims.readStart(start, &msg, v.policy.reads); err != nil {
		return nil, nil, err
	}
	c, by, err := v.decide(ctx, &msg, &claims, have, vouched)
	if err == nil && passed == nil { // issuers with the same header do not take it from each other
		m.headers.add(&msg, v.policy)
	}
	return c, by, err
}

// Where an iss is looked for: its sender may be anybody.
const (
	maxUpToIssuer   = 6 << 10 // bytes of a token
	maxBeforeIssuer = 256     // members and elements
	longHeader      = 512     // bytes as it is sent, behind which nothing else is looked for
)

// worthSearching is how many bytes of a payload are. Who has sent a long header has had his share.
func worthSearching(msg *jws.Message) int {
	return max(worthReading, (maxUpToIssuer-len(msg.HeaderSegment())-1)/4*3)
}

// choose returns the verifier of the issuer that a payload names, of which start is all or, if it is partly so, as much as is worth it.
func (m *Mux) choose(start string, partly bool) (*Verifier, error) {
	value, err := strictjson.Find(start, "iss", maxBeforeIssuer)
	if err != nil && (partly || errors.Is(err, strictjson.ErrTooMany)) {
		return nil, refuse(ReasonMalformed, "iss")
	}
	if err != nil {
		return nil, malformed(err)
	}
	issuer, _ := strictjson.String(value)
	v, known := m.byIssuer[issuer]
	if !known {
		return nil, refuse(ReasonIssuer, "iss")
	}
	return v, nil
}
