package jwks

import (
	"net/netip"
	"time"
	"unsafe"
)

// MaxWaiters is how many callers may wait to learn of an unknown kid.
const MaxWaiters = maxWaiters

// Forbidden exposes the address rule.
func Forbidden(addr netip.Addr) bool { return forbidden(addr) }

// Elapsed exposes how ages are told.
func Elapsed(then, now time.Time) time.Duration { return elapsed(then, now) }

// Waiting is how many callers wait to learn of an unknown kid.
func (c *Cache) Waiting() int { return int(c.waiting.Load()) }

// MachineSlept makes c see what it would after its machine slept for d: the wall clock went on, the monotonic clock did not.
func (c *Cache) MachineSlept(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := *c.state.Load()
	s.asOf, s.attempted, s.next = WallEarlier(s.asOf, d), WallEarlier(s.attempted, d), WallEarlier(s.next, d)
	c.state.Store(&s)
}

// WallEarlier returns t with d taken from its wall clock reading alone. The time package offers no way to make such a value,
// though every laptop does each morning.
func WallEarlier(t time.Time, d time.Duration) time.Time {
	const hasMonotonic, nanosecondBits = 1 << 63, 30
	wall := (*uint64)(unsafe.Pointer(&t)) // the first field of time.Time
	if *wall&hasMonotonic == 0 {
		panic("no monotonic reading: not a time to test this with")
	}
	*wall -= uint64(d/time.Second) << nanosecondBits
	return t
}

// Usable is the number of usable keys.
func (s *Set) Usable() int { return s.get().keys }

// HoldLock takes the lock that changes of state take, until release is called.
func (c *Cache) HoldLock() (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}
