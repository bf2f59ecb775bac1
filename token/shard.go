package token

import (
	"sync"
	"sync/atomic"
)

// shard is a bounded part of a [Cache], with a lock of its own for whoever changes what is remembered.
//
// A token that is new is on probation; one that comes again is settled, and its claims are kept. When there is no room, the tokens on probation are
// looked at in the order they came, as long as they hold a tenth or more of what is wanted, places or bytes: they are forgotten, unless used. So
// tokens that are sent once, however many, take that tenth from each other and nothing from those that are settled. Otherwise the settled are looked at in their
// order, and the first that was not used since the last look is forgotten. A token that comes again soon after it was forgotten on
// probation is settled at once.
type shard struct {
	index atomic.Pointer[index]
	_     [56]byte // what readers read is not on the cache line that writers write

	mu                   sync.Mutex
	queues               [2]queue // on probation, settled
	ghosts               []uint32 // of tokens that were forgotten on probation, four bytes of the key each
	taken                int      // slots that were ever in use
	free                 uint32   // the first of those that no longer are
	hand                 int      // where the last look for what is over ended
	maxEntries, maxBytes int      // bytes of claims
}

// bound divides memory between slots and claims. Claims take at least three times what a slot does, so that a quarter for slots is enough for them.
func (s *shard) bound(maxEntries, maxBytes int) {
	s.maxEntries = max(1, min(maxEntries, maxBytes/(4*slotBytes)))
	s.maxBytes = max(0, maxBytes-s.maxEntries*slotBytes)
}

// queue is a list of slots, linked in both directions.
type queue struct {
	oldest, newest uint32
	entries, bytes int
}

const (
	probation = 0
	settled   = 1

	probationShare = 10 // one part in so many

	// sweeps is how many slots are looked at for each token that is added, so that what is over does not stay for want of pressure.
	sweeps = 2
)

func (s *shard) queue(isSettled bool) *queue {
	if isSettled {
		return &s.queues[settled]
	}
	return &s.queues[probation]
}

func (s *shard) entries() int { return s.queues[0].entries + s.queues[1].entries }

// bytes is what claims take, and memory that with the slots.
func (s *shard) bytes() int  { return s.queues[0].bytes + s.queues[1].bytes }
func (s *shard) memory() int { return s.bytes() + len(s.index.Load().slots)*slotBytes }

// entry is what is remembered of a token.
type entry struct {
	claims  *Claims // or a voucher
	size    int     // bytes beside the slot
	until   int64   // when it ceases to be of use, in nanoseconds of Unix time
	settled bool    // the token has come again
}

// put remembers e, which is no larger than all claims may be, under k, in place of what its verifier remembered under k before. now is in nanoseconds of
// Unix time. A voucher does not take the place of claims by the same key.
func (s *shard) put(k *key, e entry, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range sweeps {
		s.sweep(now)
	}
	isSettled := s.wasForgotten(k) || e.settled
	if at := s.index.Load().at(k, e.claims.verifier); at != 0 {
		if e.claims.isVoucher() && isSameKey(e.claims.signer.key, s.index.Load().claimsAt(at).Load().signer.key) {
			return // several came at once, and others have done it, or more
		}
		isSettled = s.index.Load().slot(at).settled || e.settled
		s.remove(at)
	}
	for s.entries() >= s.maxEntries {
		s.evict(func(q *queue) int { return q.entries })
	}
	for s.bytes()+e.size > s.maxBytes {
		s.evict(func(q *queue) int { return q.bytes })
	}
	at := s.take()
	x := s.index.Load()
	slot := x.slot(at)
	slot.size, slot.until, slot.settled = uint32(e.size), e.until, isSettled //nolint:gosec // a token is at most 16 KiB
	slot.used.Store(false)
	s.push(x, at)
	x.enter(at, k, e.claims)
}

// forget drops c if that is still what is remembered under k.
func (s *shard) forget(k *key, c *Claims) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.index.Load()
	if at := x.at(k, c.verifier); at != 0 && x.claimsAt(at).Load() == c {
		s.remove(at)
	}
}

// take returns a free slot, of which there are enough.
func (s *shard) take() uint32 {
	x := s.index.Load()
	if at := s.free; at != 0 {
		s.free = x.slot(at).newer
		return at
	}
	if s.taken == len(x.slots) {
		x = x.grown(min(max(16, 2*s.taken), s.maxEntries))
		s.ghosts = make([]uint32, len(x.heads))
		s.index.Store(x)
	}
	s.taken++
	return uint32(s.taken) //nolint:gosec // maxCacheEntries fits
}

func (s *shard) remove(at uint32) {
	x := s.index.Load()
	s.unlink(x, at)
	x.leave(at)
	x.slot(at).newer, s.free = s.free, at
}

// sweep looks at one slot and forgets what is over.
func (s *shard) sweep(now int64) {
	if s.taken == 0 {
		return
	}
	s.hand = s.hand%s.taken + 1
	at, x := uint32(s.hand), s.index.Load() //nolint:gosec // maxCacheEntries fits
	if x.claimsAt(at).Load() != nil && x.slot(at).until <= now {
		s.remove(at)
	}
}

// evict forgets one token, for want of what the queues take of it. Used ones are spared as often as there are tokens, and no more: readers may use them faster than we look.
func (s *shard) evict(taken func(*queue) int) {
	x := s.index.Load()
	for spared := s.entries(); ; spared-- {
		q := &s.queues[settled]
		if s.isProbationFull(taken) || q.entries == 0 {
			q = &s.queues[probation]
		}
		at := q.oldest
		if spared > 0 && x.slot(at).used.Swap(false) {
			s.unlink(x, at)
			x.slot(at).settled = true
			s.push(x, at)
			continue
		}
		if !x.slot(at).settled {
			k := x.slot(at).read()
			*s.ghost(&k) = ghostOf(&k)
		}
		s.remove(at)
		return
	}
}

func (s *shard) isProbationFull(taken func(*queue) int) bool {
	own := taken(&s.queues[probation])
	return own > 0 && own*probationShare >= own+taken(&s.queues[settled])
}

// ghost is where what is left of a forgotten token would be.
func (s *shard) ghost(k *key) *uint32 { return &s.ghosts[place(k[2], len(s.ghosts))] }

// ghostOf is never 0, which stands for no ghost.
func ghostOf(k *key) uint32 { return uint32(k[3]) | 1 } //nolint:gosec // some bits of it

// wasForgotten says, now and then wrongly, whether the token was forgotten on probation not long ago. Being wrong costs room.
func (s *shard) wasForgotten(k *key) bool {
	if len(s.ghosts) == 0 || *s.ghost(k) != ghostOf(k) {
		return false
	}
	*s.ghost(k) = 0
	return true
}

// push makes a slot the newest of its queue.
func (s *shard) push(x *index, at uint32) {
	slot := x.slot(at)
	q := s.queue(slot.settled)
	slot.newer, slot.older = 0, q.newest
	if q.newest != 0 {
		x.slot(q.newest).newer = at
	} else {
		q.oldest = at
	}
	q.newest = at
	q.entries++
	q.bytes += int(slot.size)
}

func (s *shard) unlink(x *index, at uint32) {
	slot := x.slot(at)
	q := s.queue(slot.settled)
	if slot.older != 0 {
		x.slot(slot.older).newer = slot.newer
	} else {
		q.oldest = slot.newer
	}
	if slot.newer != 0 {
		x.slot(slot.newer).older = slot.older
	} else {
		q.newest = slot.older
	}
	q.entries--
	q.bytes -= int(slot.size)
}
