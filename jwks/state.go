package jwks

import (
	"crypto"
	"time"

	"github.com/perimeter-go/perimeter/internal/keyat"
)

// state is everything a look-up needs, published as a whole and never changed: whoever loads it can decide without a lock.
type state struct {
	set      *Set          // the last good keys; nil before the first
	document []byte        // what set was parsed from, if there is a Snapshot file to keep up
	asOf     time.Time     // start of the fetch that set is known to be good from
	fresh    time.Duration // age up to which set is used without asking again
	restored bool          // set is from the Snapshot file, no fetch has confirmed it

	flight    *flight   // under way; nil when none is
	attempted time.Time // start of the last completed fetch
	failures  int       // completed fetches that failed, since the last good one
	err       *FetchError
	refusal   error     // what look-ups without usable keys get: ErrUnavailable, with err if there is one
	next      time.Time // no scheduled fetch before; zero after a good one
	memory    memory
}

// usable reports whether set may answer at all.
func (s *state) usable(now time.Time, maxStale time.Duration) bool {
	return s.set != nil && elapsed(s.asOf, now) < maxStale
}

// isFresh reports whether set answers without a thought of the network. fresh is never above MaxStale.
func (s *state) isFresh(now time.Time) bool {
	return s.set != nil && elapsed(s.asOf, now) < s.fresh
}

// at returns set while it is fresh.
func (s *state) at(now time.Time) keyat.Keys {
	if !s.isFresh(now) {
		return keyat.Keys{}
	}
	return keyat.Keys{ID: s.set.id, In: (*finder)(s.set)}
}

// wants reports whether a scheduled fetch should start: the keys are due or missing, none is under way, and the backoff is over.
func (s *state) wants(now time.Time) bool {
	return s.flight == nil && !s.isFresh(now) && reached(s.next, now)
}

// idle reports whether the keys are overdue, older than twice their age, because nobody used them. After a failed attempt that
// takes a second look: while an issuer is down, traffic causes an attempt each minute at least, so that two minutes without one
// tell an idle gap from an outage.
func (s *state) idle(now time.Time) bool {
	if s.failures > 0 && elapsed(s.attempted, now) < max(2*s.fresh, 2*maxBackoff) {
		return false
	}
	return elapsed(s.asOf, now) >= 2*s.fresh
}

// answer is the verdict on a look-up that will not wait, or has waited: keys, no such key, or undecided.
func (s *state) answer(c *settings, now time.Time, kid, alg string) ([]crypto.PublicKey, error) {
	if !s.usable(now, c.maxStale) {
		return nil, s.refusal
	}
	if found, decided := s.set.find(kid, alg); decided {
		return found, nil
	}
	if s.failures == 0 && elapsed(s.asOf, now) <= c.minInterval {
		return nil, nil
	}
	return nil, errUnknown
}
