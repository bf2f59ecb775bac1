package introspect

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// flight is the finding out about one token, shared by all who wait for it. It belongs to none of them: its time is bounded by
// timeouts of its own.
type flight struct {
	done  chan struct{}
	entry *entry // set before done is closed, as is err
	err   error

	// Guarded by the client's lock.
	callers   int
	forgotten bool // by Forget, while it was under way: what it brings is too old
	queued    bool
	abandon   context.CancelFunc // ends the waiting for a call
}

// consult decides what is not remembered. It takes a second round if the token was forgotten in the first.
func (c *Client) consult(ctx context.Context, k key, tok string) (*entry, error) {
	for range 2 {
		if ctx.Err() != nil {
			return nil, left(ctx)
		}
		e, f := c.join(ctx, k, tok)
		if f == nil {
			return e, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			c.quit(k, f)
			return nil, left(ctx)
		}
		if !c.quit(k, f) {
			return f.entry, f.err
		}
	}
	return nil, errForgotten
}

// join returns the flight to wait for, one under way before a new one; or the entry that has come meanwhile.
func (c *Client) join(ctx context.Context, k key, tok string) (*entry, *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[k]; f != nil {
		f.callers++
		return nil, f
	}
	if e := c.cache.fresh(&k, time.Now()); e != nil {
		return e, nil
	}
	waiting, abandon := context.WithTimeout(context.Background(), c.timeout)
	f := &flight{done: make(chan struct{}), callers: 1, queued: true, abandon: abandon}
	c.flights[k] = f
	go c.fly(waiting, f, k, tok, peerFrom(ctx))
	return nil, f
}

// quit ends a caller's waiting. A flight that nobody waits for any more gives up its place in the queue.
func (c *Client) quit(k key, f *flight) (forgotten bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.callers--
	if f.callers == 0 && f.queued {
		f.abandon()
		if c.flights[k] == f {
			delete(c.flights, k)
		}
	}
	return f.forgotten
}

// fly finds out and lets the waiters go.
func (c *Client) fly(waiting context.Context, f *flight, k key, tok string, peer netip.Prefix) {
	e, err := c.decide(waiting, f, k, tok, peer)
	f.abandon() // releases what the waiting held
	c.land(f, k, e, err)
}

func (c *Client) decide(waiting context.Context, f *flight, k key, tok string, peer netip.Prefix) (*entry, error) {
	if err := c.enter(waiting, f, peer); err != nil {
		return nil, err
	}
	defer c.gate.leave(peer)
	if e, ok := c.shared.recall(k); ok {
		return e, nil
	}
	return c.call(k, tok, peer)
}

// enter waits until a call may begin. Where nothing but a call could help, it does not wait for one that would not be made.
func (c *Client) enter(waiting context.Context, f *flight, peer netip.Prefix) error {
	if c.shared == nil {
		if last := c.breaker.paused(time.Now(), peer); last != nil {
			return c.paused(last)
		}
	}
	err := c.gate.enter(waiting, peer)
	c.mu.Lock()
	f.queued = false
	abandoned := f.callers == 0
	c.mu.Unlock()
	switch {
	case err == nil && !abandoned:
		return nil
	case err == nil: // Forget would not find what it brings: quit has taken it from the flights
		c.gate.leave(peer)
		return errSlow
	}
	c.tell("crowded")
	if !errors.Is(err, errCrowded) {
		return errSlow
	}
	return err
}

func (c *Client) paused(last error) error {
	c.tell("paused")
	f, ok := errors.AsType[*failure](last)
	return &failure{class: "paused", outage: ok && f.outage}
}

// call asks the endpoint.
func (c *Client) call(k key, tok string, peer netip.Prefix) (*entry, error) {
	asked := time.Now()
	p, last := c.breaker.ask(asked, peer)
	if last != nil {
		return nil, c.paused(last)
	}
	c.tell("asked")
	a, err := c.asker.ask(tok)
	c.breaker.done(p, time.Now(), unwell(err))
	if err != nil {
		c.tell("failed")
		return nil, err
	}
	if a.verdict == rejected {
		c.tell("rejected")
	}
	e := c.entry(k, a, asked, asked)
	c.shared.share(e)
	return e, nil
}

// unwell keeps a failure that may be the doing of whoever sent the token from counting against the endpoint.
func unwell(err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.well {
		return nil
	}
	return err
}

// land remembers what the flight brought and publishes it.
func (c *Client) land(f *flight, k key, e *entry, err error) {
	if err == nil {
		c.mu.Lock()
		if !f.forgotten {
			c.cache.put(e, time.Now())
		}
		c.mu.Unlock()
	} else if old := c.standIn(k, err); old != nil {
		e, err = old, nil
	}
	f.entry, f.err = e, err
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] == f {
		delete(c.flights, k)
	}
	close(f.done)
}

// standIn returns the old answer that may be used because of this error, or nil.
func (c *Client) standIn(k key, err error) *entry {
	f, ok := errors.AsType[*failure](err)
	if !ok || !f.outage || c.stale == 0 {
		return nil
	}
	e := c.cache.last(&k, time.Now())
	if e == nil || c.shared.marked(k) {
		return nil
	}
	c.tell("stale")
	return e
}

// entry makes what is remembered of an answer that was given to a call begun at asked. It has been at hand since from, which is
// later if another gateway asked.
func (s *settings) entry(k key, a answer, asked, from time.Time) *entry {
	e := &entry{answer: a, key: k, asked: asked, good: a.verdict == active && s.check(a.result, time.Now()) == nil}
	e.size = a.result.size()
	if !e.good {
		e.ttl, e.keep = s.negativeTTL, s.negativeTTL
		return e
	}
	e.ttl = min(s.ttl, elapsed(asked, from)+s.localTTL)
	if s.stale > 0 {
		e.keep = s.ttl + s.stale
	}
	if x := a.result.expiry; !x.IsZero() {
		e.ttl, e.keep = min(e.ttl, x.Sub(asked)), min(e.keep, x.Sub(asked))
	}
	e.keep = max(e.keep, e.ttl)
	return e
}
