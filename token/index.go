package token

import "sync/atomic"

// index finds remembered claims by their keys. Readers take no lock and write nothing, so that they wait neither for each other nor
// for a writer; what a writer has removed, no reader finds who begins after. Writers hold their shard's lock.
//
// It is made of a few large arrays, of which only one holds pointers: a garbage collection has little to look at, however many
// tokens are remembered.
type index struct {
	heads  []atomic.Uint32 // the first slot of each bucket; a power of two of them
	slots  []slot          // numbered from 1: 0 is no slot
	claims []atomic.Pointer[Claims]
}

// slot is one place for a token. Free ones have no claims.
type slot struct {
	version atomic.Uint64 // odd while key and claims are written
	key     [4]atomic.Uint64
	next    atomic.Uint32 // in the bucket
	used    atomic.Bool   // since it was added, or was last spared

	// The rest is for whoever holds the lock.
	newer, older uint32 // in its queue; of a free slot, newer is the next free one
	size         uint32
	settled      bool  // in which queue
	until        int64 // when it ceases to be of use, in nanoseconds of Unix time
}

// slotBytes is what an index takes for one token: slot, pointer, place among the heads, and among the ghosts of the shard.
const slotBytes = 96

// maxSteps ends a walk that writers lead astray: a slot that is reused meanwhile leads into another bucket.
const maxSteps = 1024

func newIndex(size int) *index {
	heads := 1
	for heads < size {
		heads *= 2
	}
	return &index{make([]atomic.Uint32, heads), make([]slot, size), make([]atomic.Pointer[Claims], size)}
}

func (x *index) head(k *key) *atomic.Uint32 { return &x.heads[place(k[1], len(x.heads))] }
func (x *index) slot(at uint32) *slot       { return &x.slots[at-1] }

func (x *index) claimsAt(at uint32) *atomic.Pointer[Claims] { return &x.claims[at-1] }

// find returns what is remembered of the token by a verifier whose word counts here, or nil.
//
// A slot may be given to another token while it is read. Then its version has changed, or is odd, and what was read is not used:
// the worst that a reader gets is to find nothing, which costs a verification.
func (x *index) find(k *key, here believer) (*Claims, *slot) {
	at := x.head(k).Load()
	for range maxSteps {
		if at == 0 {
			return nil, nil
		}
		s := x.slot(at)
		before := s.version.Load()
		next, found := s.next.Load(), s.holds(k)
		c := x.claimsAt(at).Load()
		if found && c != nil && before%2 == 0 && here.believes(c.verifier) && s.version.Load() == before {
			return c, s
		}
		at = next
	}
	return nil, nil
}

func (s *slot) holds(k *key) bool {
	return s.key[0].Load() == k[0] && s.key[1].Load() == k[1] && s.key[2].Load() == k[2] && s.key[3].Load() == k[3]
}

// at is find for a writer, and for one verifier.
func (x *index) at(k *key, v *Verifier) uint32 {
	for at := x.head(k).Load(); at != 0; at = x.slot(at).next.Load() {
		if x.slot(at).holds(k) && x.claimsAt(at).Load().verifier == v {
			return at
		}
	}
	return 0
}

// enter writes a slot that is in no bucket, and then shows it.
func (x *index) enter(at uint32, k *key, c *Claims) {
	s, head := x.slot(at), x.head(k)
	s.version.Add(1)
	for i := range k {
		s.key[i].Store(k[i])
	}
	x.claimsAt(at).Store(c)
	s.version.Add(1)
	s.next.Store(head.Load())
	head.Store(at)
}

// leave takes a slot out of its bucket and empties it.
func (x *index) leave(at uint32) {
	s := x.slot(at)
	k := s.read()
	link := x.head(&k)
	for link.Load() != at {
		link = &x.slot(link.Load()).next
	}
	link.Store(s.next.Load())
	s.version.Add(1)
	x.claimsAt(at).Store(nil)
	s.version.Add(1)
}

// read is for a writer: nobody else changes the key.
func (s *slot) read() (k key) {
	for i := range k {
		k[i] = s.key[i].Load()
	}
	return k
}

// grown returns a copy with room for size. A reader who is in the old one still finds there what there was.
func (x *index) grown(size int) *index {
	g := newIndex(size)
	for i := range x.slots {
		old, at := &x.slots[i], uint32(i+1)
		s := g.slot(at)
		s.newer, s.older, s.size, s.settled, s.until = old.newer, old.older, old.size, old.settled, old.until
		s.used.Store(old.used.Load())
		if c := x.claims[i].Load(); c != nil {
			k := old.read()
			g.enter(at, &k, c)
		}
	}
	return g
}
