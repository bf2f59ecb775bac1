package introspect

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"
)

// Store keeps values for gateways that share what they were told. It is trusted with nothing: values are encrypted, and one that was
// changed, cut short, kept beyond its time or copied from another key is not read.
//
// A Store must be safe for concurrent use and should heed its context, whose time is short. It is never needed: what it fails to do is
// done without it, and while it fails repeatedly it is left alone but for one attempt a second.
type Store interface {
	// Get returns the value of key, or nil and no error if there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set keeps value under key, in place of any other, for ttl.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete removes the value of key, if there is one.
	Delete(ctx context.Context, key string) error
}

// shared is what gateways know together. A nil *shared knows nothing.
type shared struct {
	*settings

	store   Store
	timeout time.Duration
	names   []byte // the key of the HMACs that values are kept under
	seal    sealer
	breaker breaker
}

// Forget and inactive answers put a mark beside the value, so that an answer which another gateway asked for before is not kept
// after.
const (
	valuePrefix = "perimeter:introspect:v:"
	markPrefix  = "perimeter:introspect:w:"
)

func (s *shared) valueName(k key) string { return valuePrefix + s.name(k) }
func (s *shared) markName(k key) string  { return markPrefix + s.name(k) }

func (s *shared) name(k key) string {
	mac := hmac.New(sha256.New, s.names)
	mac.Write(k[:])
	return b64(mac.Sum(nil))
}

// allowedSkew is how far another gateway's clock may be ahead of ours.
const allowedSkew = 5 * time.Second

var errStorePaused = errors.New("introspect: the store is left alone for a moment after failures")

// do makes one operation, unless too many have failed of late.
func (s *shared) do(op func(context.Context) ([]byte, error)) ([]byte, error) {
	p, last := s.breaker.ask(time.Now(), netip.Prefix{})
	if last != nil {
		return nil, errStorePaused
	}
	value, err := s.try(op)
	s.breaker.done(p, time.Now(), err)
	return value, err
}

// try makes one operation, which ends in time whatever the Store does.
func (s *shared) try(op func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	value, err := contain(ctx, op)
	if err != nil {
		s.tell("store_failed")
	}
	return value, err
}

// get returns what a gateway has put under name, if it may still be used after so long.
func (s *shared) get(name string, lasts func(sealed) time.Duration) (sealed, bool, error) {
	value, err := s.do(func(ctx context.Context) ([]byte, error) { return s.store.Get(ctx, name) })
	if err != nil || value == nil {
		return sealed{}, false, err
	}
	v, ok := s.seal.open(name, value)
	if age := time.Since(v.asked); !ok || age < -allowedSkew {
		s.tell("store_foreign")
		return sealed{}, false, nil
	} else if age >= lasts(v) {
		return sealed{}, false, nil
	}
	return v, true, nil
}

func (s *shared) set(name string, v sealed, ttl time.Duration) func(context.Context) ([]byte, error) {
	value := s.seal.seal(name, v)
	return func(ctx context.Context) ([]byte, error) { return nil, s.store.Set(ctx, name, value, ttl) }
}

func (s *shared) remove(name string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) { return nil, s.store.Delete(ctx, name) }
}

// recall returns the answer that a gateway was given about the token, as an entry of ours.
func (s *shared) recall(k key) (*entry, bool) {
	if s == nil {
		return nil, false
	}
	began := time.Now()
	v, ok, _ := s.get(s.valueName(k), s.lifetime)
	if !ok {
		return nil, false
	}
	a, ok := v.answer(s.issuer)
	if !ok || a.verdict == active && s.marked(k) { // what was written after Forget, late or again
		return nil, false
	}
	e := s.entry(k, a, began.Add(-max(0, began.Sub(v.asked))), began) // a time that also has a monotonic reading
	s.tell("store_hit")
	return e, true
}

func (s *shared) lifetime(v sealed) time.Duration {
	if v.verdict == active {
		return s.ttl
	}
	return s.negativeTTL
}

// share keeps e for the other gateways. It looks for a mark after it has written, not before: what Forget removes after our
// writing is removed, and before Forget removes it has set the mark. Who reads a value looks for a mark as well, because a Store
// may carry out late what it was told.
func (s *shared) share(e *entry) {
	if s == nil || e.verdict == rejected || e.ttl <= 0 {
		return
	}
	v, ttl := sealed{verdict: e.verdict, asked: e.asked}, s.negativeTTL
	if e.verdict == active {
		v.payload, ttl = e.result.payload, s.ttl
		if x := e.result.expiry; !x.IsZero() {
			ttl = min(ttl, x.Sub(e.asked))
		}
	}
	if ttl < time.Millisecond {
		return
	}
	_, err := s.do(s.set(s.valueName(e.key), v, ttl))
	switch {
	case e.verdict != active && s.stale > 0:
		_, _ = s.do(s.mark(e.key)) // no other gateway's old answer may stand in from now on
	case e.verdict == active && err == nil && s.marked(e.key):
		_, _ = s.do(s.remove(s.valueName(e.key)))
	}
}

// markLifetime is longer than anything that was asked before the mark can be under way or stand in.
func (s *shared) markLifetime(sealed) time.Duration {
	return s.ttl + s.stale + 2*s.settings.timeout
}

func (s *shared) mark(k key) func(context.Context) ([]byte, error) {
	return s.set(s.markName(k), sealed{verdict: inactive, asked: time.Now()}, s.markLifetime(sealed{}))
}

// marked reports whether a gateway was told otherwise of the token. When the store does not tell, it is.
func (s *shared) marked(k key) bool {
	if s == nil {
		return false
	}
	_, is, err := s.get(s.markName(k), s.markLifetime)
	return is || err != nil
}

// forget removes the answer about a token for all gateways. It tries even a store that is left alone by others.
func (s *shared) forget(k key) error {
	_, errMark := s.try(s.mark(k))
	_, errRemove := s.try(s.remove(s.valueName(k)))
	return errors.Join(errMark, errRemove)
}
