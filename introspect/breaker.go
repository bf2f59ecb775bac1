package introspect

import (
	"sync"
	"time"
)

const (
	failuresInARow = 5
	pause          = time.Second
)

// breaker leaves alone for a moment what has failed several times in a row, and then lets one call try it. The zero breaker is
// closed: it lets all calls through.
type breaker struct {
	mu       sync.Mutex
	failures int
	last     error // how the last call failed
	until    time.Time
	probing  bool
}

// pass is the right to one call, which must be ended by done.
type pass struct{ probe bool }

// ask returns a pass, or the last failure.
func (b *breaker) ask(now time.Time) (p pass, last error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut(now) {
		return pass{}, b.last
	}
	if b.failures < failuresInARow {
		return pass{}, nil
	}
	b.probing = true
	return pass{probe: true}, nil
}

// paused returns the last failure while ask would.
func (b *breaker) paused(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut(now) {
		return b.last
	}
	return nil
}

func (b *breaker) shut(now time.Time) bool {
	return b.failures >= failuresInARow && (b.probing || elapsed(b.until, now) < 0)
}

// done says how a call went: nil is well. Calls that were under way when the pause began do not prolong it.
func (b *breaker) done(p pass, now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = b.probing && !p.probe
	if err == nil {
		b.failures, b.last = 0, nil
		return
	}
	if b.failures < failuresInARow || p.probe {
		b.failures = min(b.failures+1, failuresInARow)
		b.last, b.until = err, now.Add(pause)
	}
}
