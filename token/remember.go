package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/scope"
)

// errKeyChanged says that a remembered token has to be verified again.
var errKeyChanged = errors.New("token: the key that verified it is not current")

// recheck says what verifying a remembered token again would say. Its text has not changed, nor has the policy; what may have is
// judged again: which keys are current, what time it is, and what the caller has seen proved.
//
// Like a verification it refuses what has expired before it says that the keys could not be had.
func (v *Verifier) recheck(ctx context.Context, c *Claims, have []Proof) error {
	keys, err := v.publicKeys(ctx, c.keyID, c.algorithm)
	now := time.Now() // counts the wait for keys
	if err := v.policy.checkExpiry(c, now); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if !isAmong(c.signer, keys) {
		return errKeyChanged
	}
	if err := v.policy.checkStart(c, now); err != nil {
		return err
	}
	if err := v.policy.checkLifetime(c, now); err != nil {
		return err
	}
	return c.checkProofs(have)
}

// isAmong reports whether one of the keys is this very key. It allocates nothing, unlike the Equal methods of the keys.
func isAmong(signer crypto.PublicKey, keys []crypto.PublicKey) bool {
	for _, k := range keys {
		if isSameKey(signer, k) {
			return true
		}
	}
	return false
}

func isSameKey(a, b crypto.PublicKey) bool {
	switch a := a.(type) {
	case *rsa.PublicKey:
		b, ok := b.(*rsa.PublicKey)
		return ok && (a == b || b != nil && b.N != nil && a.N.Cmp(b.N) == 0 && a.E == b.E)
	case *ecdsa.PublicKey:
		b, ok := b.(*ecdsa.PublicKey)
		return ok && (a == b || b != nil && b.X != nil && b.Y != nil && a.Curve == b.Curve && //nolint:staticcheck // Bytes would allocate
			a.X.Cmp(b.X) == 0 && a.Y.Cmp(b.Y) == 0) //nolint:staticcheck // Bytes would allocate
	case ed25519.PublicKey:
		b, ok := b.(ed25519.PublicKey)
		return ok && a.Equal(b)
	default:
		return false
	}
}

// end is the last Unix second in which c can still be good.
func (p *policy) end(c *Claims) int64 {
	end := int64(math.MaxInt64)
	if !c.expiry.IsZero() {
		end = c.expiry.Add(p.leeway).Unix()
	}
	if p.maxAge > 0 {
		end = min(end, c.issuedAt.Add(p.maxAge).Add(p.leeway).Unix())
	}
	return end
}

// detached returns a copy of c that keeps nothing else alive: not the text of the token, nor its signature.
func (c *Claims) detached() *Claims {
	d := *c
	d.issuer = c.verifier.policy.issuer
	d.scopes = scope.Granted(c.scopes.String())
	d.payload = slices.Clone(c.payload)
	d.audiences = slices.Clone(c.audiences)
	d.confirmations = slices.Clone(c.confirmations)
	fields := []*string{&d.subject, &d.clientID, &d.id, &d.keyID, &d.algorithm}
	for i := range d.audiences {
		fields = append(fields, &d.audiences[i])
	}
	for i := range d.confirmations {
		fields = append(fields, &d.confirmations[i].Method, &d.confirmations[i].Thumbprint)
	}
	pack(fields)
	return &d
}

// pack copies strings into one piece of memory.
func pack(fields []*string) {
	var all strings.Builder
	for _, f := range fields {
		all.WriteString(*f)
	}
	text := all.String()
	for _, f := range fields {
		*f, text = text[:len(*f)], text[len(*f):]
	}
}

// What the parts of claims take in memory.
const (
	claimsBytes = 320
	stringBytes = 16
)

// size is what detached claims take in memory, about.
func (c *Claims) size() int {
	n := claimsBytes + len(c.payload) + len(c.subject) + len(c.clientID) + len(c.id) + len(c.keyID) + len(c.algorithm)
	for _, a := range c.audiences {
		n += stringBytes + len(a)
	}
	for s := range c.scopes.Tokens() {
		n += stringBytes + len(s) + 1
	}
	for _, p := range c.confirmations {
		n += 2*stringBytes + len(p.Method) + len(p.Thumbprint)
	}
	return n
}
