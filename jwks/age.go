package jwks

import "time"

// elapsed is the time from then to now, by the clock that says more.
//
// Go's monotonic clock stands still while a machine sleeps, so that after a night's sleep it speaks of seconds; the wall clock
// can be set back. Each alone would keep a withdrawn key alive. A wall clock set forward only costs a fetch.
func elapsed(then, now time.Time) time.Duration {
	// Of a zero then UnixNano is meaningless, and Sub already gives the largest duration there is.
	return max(now.Sub(then), time.Duration(now.UnixNano()-then.UnixNano()))
}

// reached reports whether the moment at has come, by either clock.
func reached(at, now time.Time) bool { return elapsed(at, now) >= 0 }
