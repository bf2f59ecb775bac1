package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
)

const (
	memorySets      = 1024
	memoryWays      = 4
	maxLeaf         = 16 << 10 // bytes of DER
	maxIntermediate = 10
)

// memory remembers the chains of certificates that were accepted, under the trust that it belongs to. It holds at most memorySets times
// memoryWays of them. Where one goes nobody can foresee, and it pushes out one by chance: who can have certificates issued at will
// costs the others at most that a chain is built again.
type memory struct {
	seed  maphash.Seed
	slots [memorySets][memoryWays]atomic.Pointer[remembered]
}

// remembered is what one certificate chain was found to be. Time and revocation are judged on each use.
type remembered struct {
	leaf  [sha256.Size]byte
	with  uint64 // the intermediates that came with it
	paths []path
}

func newMemory() *memory { return &memory{seed: maphash.MakeSeed()} }

// tag stands for the intermediates in a comparison. Two sets with the same tag are no harm: what is remembered of a leaf is true
// whatever it came with.
func (m *memory) tag(intermediates []*x509.Certificate) uint64 {
	tag := uint64(len(intermediates))
	for _, c := range intermediates {
		tag = tag*0x9e3779b97f4a7c15 ^ maphash.Bytes(m.seed, c.Raw)
	}
	return tag
}

func (m *memory) set(leaf [sha256.Size]byte) *[memoryWays]atomic.Pointer[remembered] {
	return &m.slots[maphash.Bytes(m.seed, leaf[:])%memorySets]
}

// get returns nil for what is not remembered.
func (m *memory) get(leaf [sha256.Size]byte, with uint64) *remembered {
	set := m.set(leaf)
	for i := range set {
		if r := set[i].Load(); r != nil && r.leaf == leaf && r.with == with {
			return r
		}
	}
	return nil
}

func (m *memory) put(r *remembered) {
	set := m.set(r.leaf)
	victim := rand.IntN(memoryWays)
	for i := range set {
		switch old := set[i].Load(); {
		case old == nil:
			victim = i
		case old.leaf == r.leaf: // one certificate takes one place, whatever it comes with
			set[i].Store(r)
			return
		}
	}
	set[victim].Store(r)
}
