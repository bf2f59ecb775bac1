package jwks

import (
	"time"
)

// Status is what a [Cache] knows of itself at one moment. It holds no key material, and of what the issuer sent only key ids.
type Status struct {
	URL         string         // of the key set; empty until discovery has found it
	Issuer      string         // as given to NewFromIssuer
	Usable      bool           // there are keys, and they are younger than MaxStale
	KeyIDs      []string       // sorted, each once
	Keys        int            // usable keys, those without a key id included
	Skipped     map[string]int // entries that are not used, by reason; see Set.Skipped
	Age         time.Duration  // since LastSuccess, by the wall clock or the monotonic one, whichever says more
	LastSuccess time.Time      // start of the last good fetch, or the one that the snapshot file records; zero before
	LastAttempt time.Time      // start of the last fetch that is over; zero before
	LastError   error          // of that fetch, a *FetchError; nil if it was good
	Failures    int            // fetches that failed since the last good one
	NextAttempt time.Time      // a scheduled fetch starts with the first look-up after this, or a little before by Run
	Fetching    bool           // a fetch is under way
	Restored    bool           // the keys are from the snapshot file, and no fetch has succeeded since
	Snapshot    error          // why the snapshot file was ignored, or could not be written; nil if all is well with it
	HookPanics  int            // how often OnRefresh panicked

	_ struct{}
}

// Refresh tells OnRefresh of one fetch.
type Refresh struct {
	Err      error         // a *FetchError; nil if it was good
	Duration time.Duration // from its start until its result was published
	Status   Status        // after it

	_ struct{}
}

// Status returns a value of its own: it does not change and may be kept. It waits for no fetch.
func (c *Cache) Status() Status {
	s := c.current()
	if s == nil {
		return Status{}
	}
	now := time.Now()
	st := Status{
		URL:         s.memory.url,
		Issuer:      c.fetcher.issuer,
		Usable:      s.usable(now, c.maxStale),
		LastAttempt: s.attempted,
		Failures:    s.failures,
		NextAttempt: s.next,
		Fetching:    s.flight != nil,
		Restored:    s.restored,
		Snapshot:    c.snapshot.trouble(),
		HookPanics:  int(c.hookPanics.Load()),
	}
	if c.fetcher.url != "" {
		st.URL = c.fetcher.url
	}
	if s.err != nil {
		st.LastError = s.err
	}
	if s.set != nil {
		st.KeyIDs, st.Keys, st.Skipped = s.set.KeyIDs(), s.set.keys, s.set.Skipped()
		st.Age, st.LastSuccess = elapsed(s.asOf, now), s.asOf
		if due := s.asOf.Add(s.fresh); due.After(s.next) {
			st.NextAttempt = due
		}
	}
	return st
}

// report calls the hook, whatever it does.
func (c *Cache) report(f *flight, now time.Time) {
	if c.onRefresh == nil {
		return
	}
	r := Refresh{Duration: elapsed(f.started, now), Status: c.Status()}
	if f.err != nil {
		r.Err = f.err
	}
	defer func() {
		if recover() != nil {
			c.hookPanics.Add(1)
		}
	}()
	c.onRefresh(r)
}
