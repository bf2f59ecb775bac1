package jwks

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/internal/keyat"
)

const (
	maxWait    = 2 * time.Second // of one caller for one look-up
	maxWaiters = 1000            // callers that wait to learn of an unknown key id
)

// Cache holds the current public keys of one issuer. All methods are safe for concurrent use. Make one with [New] or
// [NewFromIssuer] and keep it: what it knows is worth a fetch.
//
// The zero Cache and a nil *Cache fetch nothing: every look-up is undecided.
type Cache struct {
	settings
	lookup
	fetcher fetcher

	state   atomic.Pointer[state] // nil in the zero Cache only; stored under mu only
	waiting atomic.Int32          // callers of await

	mu     sync.Mutex // guards changes of state, and what is below
	bucket bucket

	snapshot   snapshotFile
	hookPanics atomic.Int64
}

// New returns a Cache for the key set at url. It makes no request: the first look-up does, or Refresh, or Run.
//
// The error lists every mistake in url and opts. Both are copied.
func New(url string, opts *Options) (*Cache, error) {
	s, err := opts.compile()
	if err := errors.Join(checkURL("the key set URL", url, s.insecureHTTP), err); err != nil {
		return nil, err
	}
	return newCache(s, opts, fetcher{url: url}), nil
}

// NewFromIssuer returns a Cache that finds the key set by the issuer's discovery document: that of OpenID Connect, or where
// there is none (404), that of RFC 8414. Its issuer must be exactly the given one, and its jwks_uri must obey the rules that
// hold for the URL given to New. Discovery is part of the first fetch. It is repeated after an hour, or when the key set is gone (404).
//
// The error lists every mistake in issuer and opts. Both are copied.
func NewFromIssuer(issuer string, opts *Options) (*Cache, error) {
	s, err := opts.compile()
	if err := errors.Join(checkIssuer(issuer, s.insecureHTTP), err); err != nil {
		return nil, err
	}
	return newCache(s, opts, fetcher{issuer: issuer}), nil
}

func newCache(s settings, opts *Options, f fetcher) *Cache {
	f.insecureHTTP = s.insecureHTTP
	if opts == nil {
		opts = &Options{}
	}
	f.client = client(opts.HTTPClient)
	c := &Cache{
		settings: s,
		fetcher:  f,
		bucket:   newBucket(s.minInterval),
		snapshot: snapshotFile{path: s.snapshotPath, url: f.url, issuer: f.issuer},
	}
	c.state.Store(&state{refusal: ErrUnavailable})
	c.lookup = keyat.NewSource(c, c.at)
	return c
}

// PublicKeys returns the keys that may have signed a token whose header names kid and alg.
//
// An empty result means that the issuer has no such key, as of a fetch within the last MinInterval; or that it has the kid, and
// not for alg. An error means that this could not be found out, the token is then neither good nor bad; it matches
// [ErrUnavailable] or is that of ctx.
//
// A known kid never waits while an issuer is down or slow, but for one wait of at most 2 s after an idle gap of twice MaxAge. It is
// refused only when the last good fetch is older than MaxStale. An unknown kid costs at most one fetch, shared with everyone who
// asks meanwhile, and at most 2 s; where MinInterval allows no fetch it is decided at once. At most 1,000 callers wait for that,
// more are undecided at once. Each may leave by its own ctx, the fetch goes on for the others.
//
// An empty kid asks for every key that fits alg; who tries them all should bound how many. A key without an alg of its own fits
// each algorithm of its type and curve; EdDSA and Ed25519 name one algorithm. An alg that is no asymmetric signature fits no key.
//
// The result is shared: callers must not write to it. A look-up of a known kid takes no lock and allocates
// nothing, but for the one that starts a fetch.
func (c *Cache) PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	s := c.current()
	if s == nil {
		return nil, errNotMade
	}
	now := time.Now()
	if found, decided := s.at(now).Find(kid, alg); decided {
		return found, nil
	}
	return c.consult(ctx, s, now, kid, alg)
}

// lookup spares who has read the clock that it is read again.
type lookup = keyat.Source

// at is what PublicKeys answers from where that takes no thought of the network.
func (c *Cache) at(now time.Time) keyat.Keys { return c.state.Load().at(now) }

// current is the state, nil if no constructor made c.
func (c *Cache) current() *state {
	if c == nil {
		return nil
	}
	return c.state.Load()
}

// consult decides what the fresh keys could not.
func (c *Cache) consult(ctx context.Context, s *state, now time.Time, kid, alg string) ([]crypto.PublicKey, error) {
	if !supported(alg) {
		return nil, nil
	}
	if s.wants(now) {
		s = c.schedule(now)
	}
	if s.usable(now, c.maxStale) {
		if found, decided := s.set.find(kid, alg); decided {
			if s.flight != nil && s.idle(now) {
				return c.catchUp(ctx, s, kid, alg)
			}
			return found, nil
		}
	}
	return c.await(ctx, now, kid, alg)
}

// catchUp lets the caller wait for the fetch that ends an idle gap. All callers together wait 2 s from its start, then the old
// keys answer: the one wait that a known key may cost.
func (c *Cache) catchUp(ctx context.Context, old *state, kid, alg string) ([]crypto.PublicKey, error) {
	f := old.flight
	expired := time.After(maxWait - elapsed(f.started, time.Now()))
	if err := f.wait(ctx, expired); err != nil && !errors.Is(err, ErrUnavailable) {
		return nil, err
	}
	return c.conclude(f, kid, alg)
}

// await decides about a kid that the keys at hand do not: by the fetch under way, or by one that the backoff or the bucket allows.
//
// It takes two rounds at most. A fetch that was under way for another reason may have read the key set before the token was
// signed; if it does not know the kid either, one of the caller's own follows.
func (c *Cache) await(ctx context.Context, asked time.Time, kid, alg string) ([]crypto.PublicKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, left(ctx)
	}
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > maxWaiters {
		return nil, errCrowded
	}
	var expired <-chan time.Time
	for {
		s, f := c.join(kid, alg)
		if f == nil {
			return s.answer(&c.settings, time.Now(), kid, alg)
		}
		if expired == nil {
			expired = time.After(maxWait) // for both rounds
		}
		if err := f.wait(ctx, expired); err != nil {
			return nil, err
		}
		if f.paid || !f.succeeded() || !f.started.Before(asked) {
			return c.conclude(f, kid, alg)
		}
	}
}

// join returns the fetch to wait for, one under way before a new one; nil if the state decides, or if none may start now.
func (c *Cache) join(kid, alg string) (*state, *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	s := c.state.Load()
	usable := s.usable(now, c.maxStale)
	if usable {
		if _, decided := s.set.find(kid, alg); decided { // by a fetch that has just ended
			return s, nil
		}
	}
	switch {
	case s.flight != nil:
	case s.wants(now):
		s = c.launch(now, false)
	case usable && c.bucket.take(now):
		s = c.launch(now, true)
	}
	return s, s.flight
}

// conclude answers by the fetch that the caller has waited for.
func (c *Cache) conclude(f *flight, kid, alg string) ([]crypto.PublicKey, error) {
	s := c.state.Load()
	if f.succeeded() {
		found, _ := s.set.find(kid, alg)
		return found, nil
	}
	return s.answer(&c.settings, time.Now(), kid, alg)
}
