package jwks

import (
	"context"
	"math/rand/v2"
	"time"
)

// Refresh fetches the keys now, or joins the fetch that is under way, and returns how that went: nil, a [*FetchError], or the
// error of ctx if it ends first; the fetch then goes on. A failed one removes no key. Use it to warm a Cache at start.
//
// It heeds neither MaxAge nor MinInterval nor the pause after a failure: do not call it because a request asks for it.
func (c *Cache) Refresh(ctx context.Context) error {
	if c.current() == nil {
		return errNotMade
	}
	if ctx.Err() != nil {
		return left(ctx)
	}
	f := c.flight()
	if err := f.wait(ctx, nil); err != nil {
		return err
	}
	if f.err != nil {
		return f.err
	}
	return nil
}

// flight returns the fetch under way, or a new one.
func (c *Cache) flight() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.state.Load(); s.flight != nil {
		return s.flight
	}
	return c.launch(time.Now(), false).flight
}

// Run keeps the keys fresh until ctx is done, whether anybody asks for them or not, and returns the error of ctx. It fetches at
// once if there are no keys, then a little before they are due, at a moment of chance so that a fleet does not ask in step; after a
// failure when the pause is over. The caller owns the goroutine that it runs in. One is enough for a Cache.
func (c *Cache) Run(ctx context.Context) error {
	if c.current() == nil {
		return errNotMade
	}
	share := tickShare()
	for ctx.Err() == nil {
		now := time.Now()
		s := c.state.Load()
		if s.flight != nil {
			_ = s.flight.wait(ctx, nil)
			continue
		}
		if pause := s.untilTick(now, share); pause > 0 {
			sleep(ctx, min(pause, time.Minute)) // no longer: a timer does not count the time that a machine sleeps
			continue
		}
		c.flight()
		share = tickShare()
	}
	return ctx.Err()
}

// tickShare is the part of their age that keys reach under Run: three quarters to nineteen twentieths.
func tickShare() float64 { return 0.75 + 0.2*rand.Float64() }

// untilTick is how long Run leaves s alone.
func (s *state) untilTick(now time.Time, share float64) time.Duration {
	pause := -elapsed(s.next, now)
	if s.set != nil {
		pause = max(pause, time.Duration(share*float64(s.fresh))-elapsed(s.asOf, now))
	}
	return pause
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
