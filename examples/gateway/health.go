package main

import (
	"sync"
	"time"
)

// steady is how long something must have been well to be called so: what fails every other time is news once, not each time.
const steady = 5 * time.Second

// health is whether something works, as far as those who use it have seen. The zero health is well.
type health struct {
	mu     sync.Mutex
	why    string    // it failed at first; empty: it is well
	since  time.Time // of the first failure in a row
	latest time.Time // failure
}

// failed notes a failure and reports whether it is the first of a row.
func (h *health) failed(now time.Time, why string) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latest = now
	if h.why != "" {
		return false
	}
	h.why, h.since = why, now
	return true
}

// worked notes a success and reports whether it ends a row of failures.
func (h *health) worked(now time.Time) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == "" || now.Sub(h.latest) < steady {
		return false
	}
	h.why, h.since = "", time.Time{}
	return true
}

// failing returns why and since when; empty if it is well.
func (h *health) failing() (why string, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why, h.since
}
