package limit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/perimeter-go/perimeter/middleware"
)

const (
	wide   = 8   // credentials in a set
	owners = 256 // shares of the memory
)

// memory remembers which credentials were good. Readers take no lock.
//
// Only good credentials enter, and what one identity's credentials can displace is its share: a 256th of the memory, which it
// has in common with a 256th of the identities. Who has one good credential may spell it in a million ways, and does not make
// the others forgotten.
type memory struct {
	seed   maphash.Seed
	sets   [][wide]atomic.Uint64 // a power of two
	mask   uint64
	shares [owners]share
}

// share holds what its owners have in memory, the oldest at next.
type share struct {
	mu   sync.Mutex
	ring []credential
	next int
}

// newMemory makes two places for each credential, so that both of the sets that one may be in are hardly ever full.
func newMemory(n int) *memory {
	m := &memory{seed: maphash.MakeSeed()}
	sets := uint64(1)
	for sets*wide < 2*uint64(n) { // #nosec G115 -- New has checked that it is positive
		sets *= 2
	}
	m.sets, m.mask = make([][wide]atomic.Uint64, sets), sets-1
	for i := range m.shares {
		m.shares[i].ring = make([]credential, n/owners)
	}
	return m
}

// choices are the two sets that a credential may be in.
func (m *memory) choices(c credential) [2]*[wide]atomic.Uint64 {
	return [2]*[wide]atomic.Uint64{&m.sets[uint64(c)&m.mask], &m.sets[uint64(c)>>32&m.mask]}
}

func (m *memory) has(c credential) bool { return c != nothing && m.find(c) != nil }

// find returns the place of c, or one that is free if c is nothing.
func (m *memory) find(c credential) *atomic.Uint64 { return find(m.choices(c), c) }

func find(in [2]*[wide]atomic.Uint64, c credential) *atomic.Uint64 {
	for _, set := range in {
		for i := range set {
			if set[i].Load() == uint64(c) {
				return &set[i]
			}
		}
	}
	return nil
}

// add remembers a credential of id, for the oldest of those that id has a share with.
func (m *memory) add(c credential, id middleware.Identity) {
	if c == nothing {
		return
	}
	owner := maphash.Comparable(m.seed, [3]string{id.Issuer, id.ClientID, id.Subject})
	s := &m.shares[owner%owners]
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.has(c) {
		return
	}
	m.forget(s.ring[s.next])
	s.ring[s.next] = nothing
	if !m.put(c) {
		return
	}
	s.ring[s.next] = c
	s.next = (s.next + 1) % len(s.ring)
}

// put is false where both sets are full: nobody is displaced.
func (m *memory) put(c credential) bool {
	for free := find(m.choices(c), nothing); free != nil; free = find(m.choices(c), nothing) {
		if free.CompareAndSwap(uint64(nothing), uint64(c)) {
			return true
		}
	}
	return false
}

func (m *memory) forget(c credential) {
	if c == nothing {
		return
	}
	if place := m.find(c); place != nil {
		place.CompareAndSwap(uint64(c), uint64(nothing))
	}
}
