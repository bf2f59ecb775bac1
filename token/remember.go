package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/keyat"
	"github.com/perimeter-go/perimeter/scope"
)

// errKeyChanged says that a remembered token has to be verified again.
var errKeyChanged = errors.New("token: the key that verified it is not current")

// recheck says what verifying a remembered token again would say. Its text has not changed, nor has the policy; what may have is
// judged again: which keys are current, what time it is, and what the caller has seen proved.
func (v *Verifier) recheck(ctx context.Context, c *Claims, have []Proof) error {
	now := time.Now()
	isCurrent, err := v.keysAt != nil && c.signer.isIn(v.keysAt(now)), error(nil)
	if !isCurrent {
		var keys []crypto.PublicKey
		keys, now, err = v.keysAfter(ctx, now, c.signer.keyID, c.signer.algorithm)
		isCurrent = isAmong(c.signer.key, keys)
	}
	if err := v.policy.recheck(c, isCurrent, err, now); err != nil {
		return err
	}
	return c.checkProofs(have)
}

// signer is a key that has signed tokens with that kid and that alg. Who has them remembered shares it, so that the key is looked for once in each set of
// keys, and not for each token.
type signer struct {
	key              crypto.PublicKey
	keyID, algorithm string
	foundIn          atomic.Pointer[keyat.ID] // where it was found last; nil before the first time
	bytes            int                      // that it takes in memory, 0 if it is shared
}

func (s *signer) isOf(key crypto.PublicKey, h *jws.Header) bool {
	return s.keyID == h.KeyID && s.algorithm == h.Algorithm && isSameKey(s.key, key)
}

// isIn reports whether it can be told at once that it is one of these keys.
func (s *signer) isIn(keys keyat.Keys) bool {
	if keys.ID == nil {
		return false
	}
	if s.foundIn.Load() == keys.ID {
		return true
	}
	if found, known := keys.Find(s.keyID, s.algorithm); known {
		if found, err := candidates(found, s.keyID); err == nil && isAmong(s.key, found) {
			s.foundIn.Store(keys.ID)
			return true
		}
	}
	return false
}

// keysAfter is publicKeys at the time now, and the time then, which counts the wait for them.
func (v *Verifier) keysAfter(ctx context.Context, now time.Time, kid, alg string) ([]crypto.PublicKey, time.Time, error) {
	if v.keysAt != nil {
		if keys, known := v.keysAt(now).Find(kid, alg); known { // without a wait
			keys, err := candidates(keys, kid)
			return keys, now, err
		}
	}
	keys, err := v.publicKeys(ctx, kid, alg)
	return keys, time.Now(), err
}

// recheck is what depends on whether the key is current, or on why that is not known, and on the time. Like a verification of a short payload it refuses
// what has expired before it says anything of keys.
func (p *policy) recheck(c *Claims, isCurrent bool, noKeys error, now time.Time) error {
	isIn := c.window.has(now)
	if !isIn {
		if err := p.checkExpiry(c, now); err != nil {
			return err
		}
	}
	if noKeys != nil {
		return noKeys
	}
	if !isCurrent {
		return errKeyChanged
	}
	if isIn {
		return nil
	}
	if err := p.checkStart(c, now); err != nil {
		return err
	}
	return p.checkLifetime(c, now)
}

// window is a time in which claims are good, as far as that is a matter of time, in nanoseconds of Unix time: from the first to
// before the last. It is a shortcut only: outside of it the claims tell.
type window struct{ from, until int64 }

func (w window) has(now time.Time) bool {
	t := now.UnixNano()
	return w.from <= t && t < w.until
}

func (p *policy) window(c *Claims) window {
	w := window{0, math.MaxInt64}
	for _, start := range [...]moment{c.notBefore, c.issuedAt} {
		if start.given {
			w.from = max(w.from, nanoseconds(start.time().Add(-p.leeway)))
		}
	}
	if c.expiry.given {
		w.until = nanoseconds(c.expiry.time().Add(p.leeway))
	}
	if p.maxAge > 0 {
		w.until = min(w.until, nanoseconds(c.issuedAt.time().Add(p.maxAge).Add(p.leeway)))
	}
	return w
}

// nanoseconds is Unix time in nanoseconds, or the largest number there is: that ends in the year 2262.
func nanoseconds(t time.Time) int64 {
	if t.Unix() >= math.MaxInt64/int64(time.Second) {
		return math.MaxInt64
	}
	return t.UnixNano()
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

// detached returns a copy of c, to be kept, which keeps nothing else alive: the payload is no part of the token. What many tokens have in common
// they share.
func (c *Claims) detached(p *scopePool) *Claims {
	kept := *c
	d := &kept
	d.recalled = true
	d.window = c.verifier.policy.window(c)
	d.scopes = p.shared(c.scopes)
	if policy := c.verifier.policy; len(c.audiences) > 1 && strings.Contains(c.payload, `\`) && !slices.Equal(c.audiences, policy.audiences) {
		d.audiences = copied(c.audiences)
	}
	if !c.known {
		d.header = &jws.Header{KeyID: strings.Clone(c.header.KeyID), Algorithm: strings.Clone(c.header.Algorithm)}
	}
	return d
}

// size is what detached claims take in memory, about, as if nothing was shared.
func (c *Claims) size() int { return claimsBytes + len(c.payload) + c.textBytes() + c.listBytes() }

// copied copies a list and its strings in two pieces. Strings that had escapes may each keep alive the memory of all those before them.
func copied(list []string) []string {
	text := strings.Join(list, "")
	list = slices.Clone(list)
	for i, s := range list {
		list[i], text = text[:len(s)], text[len(s):]
	}
	return list
}

// textBytes is what the texts take that may be no parts of the payload, as they had escapes.
func (c *Claims) textBytes() int {
	return len(c.subject) + len(c.clientID) + len(c.id) + len(c.header.KeyID) + len(c.header.Algorithm)
}

// scopePool lets tokens with the same scopes share the set.
type scopePool struct {
	seed   maphash.Seed
	places [256]atomic.Pointer[pooledSet]
}

type pooledSet struct {
	text string
	set  scope.Set
}

const maxPooled = 512 // bytes: longer sets are rare, and for themselves

func (p *scopePool) shared(s scope.Set) scope.Set {
	text := s.String()
	if len(text) > maxPooled {
		return scope.Granted(text)
	}
	place := &p.places[maphash.String(p.seed, text)%uint64(len(p.places))]
	have := place.Load()
	if have == nil || have.text != text {
		text = strings.Clone(text) // of one scope it is a part of the payload
		have = &pooledSet{text, scope.Granted(text)}
		place.Store(have)
	}
	return have.set
}

// What the parts of claims take in memory.
const (
	claimsBytes = 224 + 64 // and a header
	stringBytes = 16
	signerBytes = 64
)

// listBytes is what the lists take, as if they were not shared.
func (c *Claims) listBytes() (n int) {
	for _, a := range c.audiences {
		n += stringBytes + len(a)
	}
	for s := range c.scopes.Tokens() {
		n += stringBytes + len(s) + 1
	}
	for _, asked := range c.bound.asks() {
		n += 2*stringBytes + len(asked.Method) + len(asked.Thumbprint)
	}
	return n
}

// A voucher is what is remembered of a token that has come once: that this verifier has verified it, and by which key. It stands where claims would,
// and says nothing else.
type voucher Claims

// isVoucher tells a voucher from the claims of a token, whose payload has at least two bytes.
func (c *Claims) isVoucher() bool { return c.payload == "" }

// says reports whether it was v that verified the token, by this very key. A nil voucher says nothing.
func (o *voucher) says(v *Verifier, key crypto.PublicKey) bool {
	return o != nil && o.verifier == v && isSameKey(o.signer.key, key)
}

// vouchers lets the tokens of a verifier that one key signed, under one kid and alg, share a voucher. Where more are in use at once than it has places, some
// tokens have a voucher of their own, which counts.
type vouchers struct {
	places [8]atomic.Pointer[shared]
	mu     sync.Mutex // of who makes one
}

// shared is a voucher, and when its place may be given to another: those that tokens still share then are too few to count.
type shared struct {
	*voucher

	until time.Time
}

// voucherLasts is for how long a voucher is shared at least.
const voucherLasts = 10 * time.Minute

// voucher returns one for a token of that key and with that header, and what it takes in memory if it is the token's own.
func (v *Verifier) voucher(by crypto.PublicKey, h *jws.Header) (_ *voucher, size int) {
	for i := range v.vouchers.places {
		if have := v.vouchers.places[i].Load(); have != nil && have.signer.isOf(by, h) {
			return have.voucher, 0
		}
	}
	made := &voucher{verifier: v, signer: &signer{key: by, keyID: strings.Clone(h.KeyID), algorithm: strings.Clone(h.Algorithm)}}
	if v.vouchers.share(made, time.Now()) {
		return made, 0
	}
	made.signer.bytes = signerBytes + len(h.KeyID) + len(h.Algorithm)
	return made, claimsBytes + made.signer.bytes
}

// share reports false if there is no place.
func (o *vouchers) share(made *voucher, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.places {
		if have := o.places[i].Load(); have == nil || now.After(have.until) {
			o.places[i].Store(&shared{made, now.Add(voucherLasts)})
			return true
		}
	}
	return false
}
