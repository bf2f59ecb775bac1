package jwks

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// flight is one fetch under way, shared by all who wait for it. It belongs to none of them: its time is bounded by Timeout
// alone, and it ends its goroutine with it.
type flight struct {
	started time.Time
	paid    bool // by the bucket, for an unknown kid
	landed  atomic.Bool
	done    chan struct{}
	err     *FetchError // set before done is closed
}

// succeeded reports whether the fetch is over and brought a good key set.
func (f *flight) succeeded() bool {
	select {
	case <-f.done:
		return f.err == nil
	default:
		return false
	}
}

// wait returns nil when the fetch is over, well or not.
func (f *flight) wait(ctx context.Context, expired <-chan time.Time) error {
	select {
	case <-f.done:
		return nil
	case <-expired:
		return errSlow
	case <-ctx.Done():
		return left(ctx)
	}
}

// left is the error of a caller whose own context ended.
func left(ctx context.Context) error {
	return fmt.Errorf("jwks: left while the keys were fetched: %w", ctx.Err())
}

// schedule starts a fetch if it is still wanted.
func (c *Cache) schedule(now time.Time) *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state.Load()
	if s.wants(now) {
		return c.launch(now, false)
	}
	return s
}

// launch starts a fetch. The caller holds mu and has seen that none is under way.
func (c *Cache) launch(now time.Time, paid bool) *state {
	s := *c.state.Load()
	s.flight = &flight{started: now, paid: paid, done: make(chan struct{})}
	c.state.Store(&s)
	go c.fly(s.flight, s.memory, s.set)
	return &s
}

// fly makes the fetch. It lands whatever happens: a panic of the caller's RoundTripper is a failed fetch, and so is one that
// ends its goroutine or does not heed its context.
func (c *Cache) fly(f *flight, m memory, known *Set) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	stop := context.AfterFunc(ctx, func() {
		c.land(f, answer{err: failed(classTimeout), memory: m.expired(f.started)})
	})
	a := answer{err: failed(classPanic), memory: m.unconditional()}
	defer func() {
		_ = recover()
		stop()
		cancel()
		c.land(f, a)
	}()
	a = c.fetcher.fetch(ctx, m, known)
}

// land publishes what the fetch brought and lets the waiters go, then does what nobody should wait for. Only the first to land
// a flight counts.
func (c *Cache) land(f *flight, a answer) {
	if f.landed.Swap(true) {
		return
	}
	var kept *saved
	if a.err != nil && c.state.Load().set == nil {
		kept = c.snapshot.restore(c.maxStale)
	}
	now := time.Now()
	c.settle(f, a, kept, now)
	if a.err == nil {
		c.snapshot.save(&c.state)
	}
	c.report(f, now)
}

// settle publishes the state after a fetch.
func (c *Cache) settle(f *flight, a answer, kept *saved, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := *c.state.Load()
	s.flight, s.attempted, s.memory, s.err = nil, f.started, a.memory, a.err
	if a.err == nil {
		s.refresh(f, a, c)
		s.next = now.Add(minBackoff) // were MaxAge shorter than a fetch takes, one would chase the other
	} else {
		s.failures++
		s.next = now.Add(backoff(s.failures))
		s.refusal = fmt.Errorf("%w: %w", ErrUnavailable, a.err)
	}
	if kept != nil {
		s.set, s.document, s.fresh, s.restored = kept.set, kept.document, c.maxAge, true
		s.asOf = now.Add(-elapsed(kept.fetched, now)) // the same moment, by the monotonic clock as well: the wall clock may be set back
	}
	c.state.Store(&s)
	f.err = a.err
	close(f.done)
}

// refresh makes s the state after a good fetch. Its age counts from the start of the fetch: what the issuer withdrew meanwhile
// is not known to be good.
func (s *state) refresh(f *flight, a answer, c *Cache) {
	if !a.notModified {
		s.set = a.set
		s.document = nil
		if c.snapshotPath != "" {
			s.document = a.document
		}
	}
	s.asOf, s.fresh, s.restored = f.started, c.fresh(a.stated), false
	s.failures, s.refusal = 0, ErrUnavailable
}
