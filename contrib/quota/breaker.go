package quota

import (
	"sync"
	"time"
)

const (
	failuresInARow = 3
	pause          = time.Second
)

// A breaker leaves alone for a moment what has failed several times in a row, and then lets one call try it. The zero breaker lets
// all calls through. Every ask that was answered with yes must be followed by done.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
}

// ask says whether to call.
func (b *breaker) ask(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < failuresInARow {
		return true
	}
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(maxTimeout + pause) // nobody else tries before this one is done
	return true
}

// done says how a call went.
func (b *breaker) done(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failures = 0
		return
	}
	b.failures = min(b.failures+1, failuresInARow)
	b.until = now.Add(pause)
}
