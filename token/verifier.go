package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/keyat"
)

// KeySource knows the public keys of one issuer.
//
// PublicKeys returns the keys that may have signed a token whose header names kid and alg, exactly; with an empty kid all keys
// that fit alg. An empty result means that the issuer has no such key, and the token is refused. An error means that this could
// not be found out, and the token is neither good nor bad. alg may be "EdDSA" or "Ed25519", which name one thing.
//
// It must be safe for concurrent use. The keys are not written to.
type KeySource interface {
	PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// maxWithoutKeyID is how many keys may fit a token that does not say which one it is: each costs a signature check at the
// sender's choice.
const maxWithoutKeyID = 2

// Verifier verifies the tokens of one issuer. It is immutable and safe for concurrent use.
//
// The zero Verifier decides nothing: every token is undecided.
type Verifier struct {
	keys     KeySource
	keysAt   keyat.Lookup // nil: none
	policy   *policy
	maxBytes int
	maxSlow  int // for those algorithms of which isSlow
	headers  *headers
	cache    *Cache // nil: none
	vouchers vouchers
}

var errNoVerifier = errors.New("token: undecided: the verifier was not made by its constructor")

// NewVerifier returns a verifier of tokens that keys of the source signed and that satisfy the policy. All mistakes are reported
// together. It asks the source for nothing yet.
func NewVerifier(keys KeySource, p Policy, opts *Options) (*Verifier, error) {
	var m mistakes
	if isNil(keys) {
		m.addf("the key source is nil")
	}
	if opts == nil {
		opts = &Options{}
	}
	size, slow := maxBytes, maxSlow
	if opts.MaxBytes != 0 {
		size, slow = opts.MaxBytes, opts.MaxBytes
	}
	if size < 0 || size > maxBytes {
		m.addf("Options.MaxBytes is %d, not between 1 and %d", size, maxBytes)
	}
	if opts.Cache != nil && opts.Cache.keyer == nil {
		m.addf("Options.Cache was not made by NewCache")
	}
	compiled, err := compile(p)
	if err := errors.Join(append(m, err)...); err != nil {
		return nil, err
	}
	return &Verifier{keys: keys, keysAt: keyat.Of(keys), policy: compiled, maxBytes: size, maxSlow: slow, headers: new(headers), cache: opts.Cache}, nil
}

// isNil also sees a nil pointer, map or function in the interface, whose methods would panic at the first token.
func isNil(keys KeySource) bool {
	if keys == nil {
		return true
	}
	switch v := reflect.ValueOf(keys); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Slice, reflect.Chan:
		return v.IsNil()
	default:
		return false
	}
}

// issuer is "" for a verifier that its constructor did not make.
func (v *Verifier) issuer() string {
	if v == nil || v.policy == nil {
		return ""
	}
	return v.policy.issuer
}

// Verify returns the claims of a token that is genuine, current and meant for us.
//
// have is what the caller has itself seen proved. A token that is bound to a key or a certificate is refused unless every member
// of its cnf claim equals one of the proofs; a token that is bound to nothing needs none and is not made better by them.
//
// An error that is [ErrRefused] means that the token is not good. Any other error means that the keys could not be had, and wraps
// what the key source returned, or is that of a proof's Find.
//
// Verify costs at most one call of the key source, and none for a token that can be refused without. Of a payload with more than 48 members and elements
// or 24 escapes only the start is looked at for that, and of one with more than 2 KiB only the first KiB, up to 16 members and elements, or 8 escapes; not at an
// aud with more than 8 backslashes or a date of more than 20 bytes. What is wrong there is found after the signature.
// A token that is remembered costs one call as well, and a second if its key was replaced by another.
func (v *Verifier) Verify(ctx context.Context, raw string, have ...Proof) (*Claims, error) {
	if v == nil || v.policy == nil {
		return nil, errNoVerifier
	}
	if v.cache == nil || len(raw) > v.maxBytes {
		c, _, err := v.verify(ctx, raw, have, nil)
		return c, err
	}
	if !v.cache.mayKnow(raw) {
		c, by, err := v.verify(ctx, raw, have, nil)
		if err == nil {
			c = v.cache.meet(raw, c, by)
		}
		return c, err
	}
	k := v.cache.keyer.of(raw)
	c, vouched, err := v.cache.recall(ctx, &k, v, have)
	if c != nil || err != nil {
		return c, err
	}
	c, by, err := v.verify(ctx, raw, have, vouched)
	return v.cache.learn(&k, c, by, vouched, err)
}

// verify is Verify without a memory, but for a voucher of this very token. It returns the key that signed it as well.
func (v *Verifier) verify(ctx context.Context, raw string, have []Proof, vouched *voucher) (*Claims, crypto.PublicKey, error) {
	var msg jws.Message
	if err := msg.Split(raw, v.maxBytes); err != nil {
		return nil, nil, refuseJWS(err)
	}
	passed, err := v.headers.read(&msg)
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
	var m members
	if err := m.read(&msg, v.policy.reads); err != nil {
		return nil, nil, err
	}
	c, by, err := v.decide(ctx, &msg, &m, have, vouched)
	if err == nil && passed != v.policy {
		v.headers.add(&msg, v.policy)
	}
	return c, by, err
}

// takes reports whether a message, whose header is read, is no longer than is looked at.
func (v *Verifier) takes(msg *jws.Message) bool {
	size := msg.Size()
	return size <= v.maxSlow || size <= v.maxBytes && !isSlow(msg.Header().Algorithm)
}

// isSlow is true of the algorithms with RSA, which is fast, and SHA-512 or half of it, which is not.
func isSlow(alg string) bool {
	switch alg {
	case "RS384", "RS512", "PS384", "PS512":
		return true
	default:
		return false
	}
}

// decide goes from a token whose header has passed to a verdict, and to the key that signed it.
func (v *Verifier) decide(ctx context.Context, msg *jws.Message, m *members, have []Proof, vouched *voucher) (*Claims, crypto.PublicKey, error) {
	c, err := v.policy.read(m, msg)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	if err := v.policy.checkEarly(c, m, now); err != nil {
		return nil, nil, err
	}
	by, now, err := v.checkSignature(ctx, msg, now, vouched)
	if err != nil {
		return nil, nil, err
	}
	if m.partly {
		if c, err = v.readAll(msg, m); err != nil {
			return nil, nil, err
		}
	}
	if err := v.policy.readRest(c, m); err != nil {
		return nil, nil, err
	}
	// From here on c is verified, although most of it may have been read before: the signature covers the token's own text, of which msg
	// decoded the payload once, into a string, by an encoding with exactly one spelling. So nothing is read again, but everything is judged
	// again, at a time that counts the wait for keys.
	if err := v.policy.check(c, m, now); err != nil {
		return nil, nil, err
	}
	if err := c.checkProofs(have); err != nil {
		return nil, nil, err
	}
	c.verifier = v
	return c, by, nil
}

// readAll reads what was read only partly.
func (v *Verifier) readAll(msg *jws.Message, m *members) (*Claims, error) {
	if err := m.readAll(msg, v.policy.reads); err != nil {
		return nil, err
	}
	return v.policy.read(m, msg)
}

// publicKeys asks for the keys that may have signed a token, of which there is at least one.
func (v *Verifier) publicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	keys, err := v.keys.PublicKeys(ctx, kid, alg)
	if err != nil {
		return nil, undecided(err)
	}
	return candidates(keys, kid)
}

// candidates are the keys, if there is one and they are not more than may be tried.
func candidates(keys []crypto.PublicKey, kid string) ([]crypto.PublicKey, error) {
	if len(keys) == 0 || kid == "" && len(keys) > maxWithoutKeyID {
		return nil, refuse(ReasonUnknownKey, "kid")
	}
	return keys, nil
}

// checkSignature returns the key of the issuer that made the signature, and a time that counts the wait for it; without one, an error. It does not
// calculate again what v vouches for.
func (v *Verifier) checkSignature(ctx context.Context, msg *jws.Message, now time.Time, vouched *voucher) (crypto.PublicKey, time.Time, error) {
	h := msg.Header()
	keys, now, err := v.keysAfter(ctx, now, h.KeyID, h.Algorithm)
	if err != nil {
		return nil, now, err
	}
	if slices.ContainsFunc(keys, func(k crypto.PublicKey) bool { return vouched.says(v, k) }) {
		return vouched.signer.key, now, nil
	}
	key, err := msg.Signer(keys) // of which there is one, but for a rotation or a token that does not say which
	if err == nil {
		return key, now, nil
	}
	if e, ok := errors.AsType[*jws.Error](err); ok && e.Kind == jws.KindSignature {
		return nil, now, refuse(ReasonSignature, "signature")
	}
	return nil, now, refuse(ReasonUnknownKey, "kid")
}

// undecided is the error of a token whose keys could not be had.
func undecided(err error) error {
	if errors.Is(err, ErrRefused) { // a key source has no say on the token
		return fmt.Errorf("token: undecided: no keys: %v", err) //nolint:errorlint // the chain must not say refused
	}
	return fmt.Errorf("token: undecided: no keys: %w", err)
}
