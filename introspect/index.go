package introspect

import (
	"encoding/binary"
	"sync/atomic"
)

// index finds entries by their keys. Readers take no lock and write nothing, so that they do not wait for each other, nor for a
// writer; what a writer has removed, no reader finds who begins after. Writers hold the cache's lock.
type index struct {
	slots atomic.Pointer[[]slot] // a power of two of them
	count int
}

// slot holds the entries whose keys begin alike.
type slot = atomic.Pointer[link]

// link is immutable: readers may be on it.
type link struct {
	entry *entry
	next  *link
}

func newIndex() *index {
	x := &index{}
	slots := make([]slot, 64)
	x.slots.Store(&slots)
	return x
}

// place is where k stands among slots. It is of a keyed hash: nobody can crowd one.
func place(slots []slot, k *key) *slot {
	return &slots[int(binary.LittleEndian.Uint32(k[:]))&(len(slots)-1)]
}

// find returns the entry of k, or nil.
func (x *index) find(k *key) *entry {
	for l := place(*x.slots.Load(), k).Load(); l != nil; l = l.next {
		if l.entry.key == *k {
			return l.entry
		}
	}
	return nil
}

// add takes in an entry whose key is not in x.
func (x *index) add(e *entry) {
	if slots := *x.slots.Load(); x.count >= len(slots) {
		x.grow(slots)
	}
	s := place(*x.slots.Load(), &e.key)
	s.Store(&link{e, s.Load()})
	x.count++
}

// grow copies: a reader who is in the old slots still finds there what there was.
func (x *index) grow(old []slot) {
	slots := make([]slot, 2*len(old))
	for i := range old {
		for l := old[i].Load(); l != nil; l = l.next {
			s := place(slots, &l.entry.key)
			s.Store(&link{l.entry, s.Load()})
		}
	}
	x.slots.Store(&slots)
}

// remove drops an entry that is in x.
func (x *index) remove(e *entry) {
	s := place(*x.slots.Load(), &e.key)
	var kept *link
	for l := s.Load(); l != nil; l = l.next {
		if l.entry != e {
			kept = &link{l.entry, kept}
		}
	}
	s.Store(kept)
	x.count--
}
