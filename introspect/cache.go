package introspect

import (
	"sync"
	"sync/atomic"
	"time"
)

// entry is an answer that is remembered. It is immutable, but for used and for where it stands.
type entry struct {
	answer

	key   key
	asked time.Time     // when the call began that brought it
	ttl   time.Duration // since asked
	keep  time.Duration // since asked; longer than ttl if it may stand in for an answer that cannot be had
	size  int           // of the result
	good  bool          // an active token that nothing but a proof can keep from being accepted

	used atomic.Bool // since the hand last passed
	at   int         // its place in its segment, guarded by the cache's lock
}

func (e *entry) fresh(now time.Time) bool { return elapsed(e.asked, now) < e.ttl }

func (e *entry) usable(now time.Time) bool { return elapsed(e.asked, now) < e.keep }

// elapsed is the time from then to now, by the clock that says more.
//
// Go's monotonic clock stands still while a machine sleeps; the wall clock can be set back. Each alone would keep a revoked token
// alive. A wall clock set forward only costs a call.
func elapsed(then, now time.Time) time.Duration {
	return max(now.Sub(then), time.Duration(now.UnixNano()-then.UnixNano()))
}

// cache remembers answers. Active tokens and all others have places of their own.
type cache struct {
	index *index

	mu     sync.Mutex // for whoever changes what is remembered
	active segment
	others segment
}

const maxOthersBytes = 4 << 20

func newCache(maxActive, maxOthers, maxBytes int) *cache {
	x := newIndex()
	return &cache{
		index:  x,
		active: segment{index: x, maxEntries: maxActive, maxBytes: maxBytes},
		others: segment{index: x, maxEntries: maxOthers, maxBytes: min(maxBytes, maxOthersBytes)},
	}
}

// fresh returns the entry that answers without a call, or nil.
func (c *cache) fresh(k *key, now time.Time) *entry {
	e := c.index.find(k)
	if e == nil || !e.fresh(now) {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// last returns the last active answer if it may still stand in for one that cannot be had, or nil.
func (c *cache) last(k *key, now time.Time) *entry {
	if e := c.index.find(k); e != nil && e.good && e.usable(now) {
		return e
	}
	return nil
}

// put remembers e, and forgets what was known of its token before. Tokens that are active and still of no use here, such as those
// for another service, stand among the others: whoever has many of them evicts no good one.
func (c *cache) put(e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(&e.key)
	c.segment(e).add(e, now)
}

func (c *cache) forget(k *key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
}

func (c *cache) remove(k *key) {
	if e := c.index.find(k); e != nil {
		c.segment(e).remove(e)
	}
}

func (c *cache) segment(e *entry) *segment {
	if e.good {
		return &c.active
	}
	return &c.others
}

// segment is a bounded set of entries. What makes room is what is over, then what was not used since the hand last passed.
type segment struct {
	index                *index // of the cache
	ring                 []*entry
	hand, bytes          int
	maxEntries, maxBytes int
}

// sweeps is how many places are looked at for each entry that is added, so that what is over does not stay for want of pressure.
const sweeps = 2

func (s *segment) add(e *entry, now time.Time) {
	if e.size > s.maxBytes || e.keep <= 0 {
		return
	}
	for range sweeps {
		s.step(now, false)
	}
	for len(s.ring) >= s.maxEntries || s.bytes+e.size > s.maxBytes {
		s.step(now, true)
	}
	e.at = len(s.ring)
	s.ring = append(s.ring, e)
	s.index.add(e)
	s.bytes += e.size
}

// step looks at one place: what is over goes, and under pressure what was not used since the last time.
func (s *segment) step(now time.Time, pressed bool) {
	if len(s.ring) == 0 {
		return
	}
	s.hand %= len(s.ring)
	e := s.ring[s.hand]
	if !e.usable(now) || pressed && !e.used.Swap(false) {
		s.remove(e)
		return
	}
	s.hand++
}

func (s *segment) remove(e *entry) {
	last := len(s.ring) - 1
	s.ring[e.at] = s.ring[last]
	s.ring[e.at].at = e.at
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.index.remove(e)
	s.bytes -= e.size
}
