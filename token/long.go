package token

import (
	"crypto"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// longToken is from how many bytes on a token is long: its SHA-256 is then a good part of what it costs, and its sender may be anybody.
const longToken = 8 << 10

// longTokens tells the long tokens whose claims a Cache may remember from those that it does not: by a hash that is fast, and that nobody can foresee.
// What it says of a token decides only whether it is looked for, and so whether its SHA-256 is calculated before it is verified.
//
// It forgets: a token that it does not know is verified again. Its methods are safe for concurrent use.
type longTokens struct {
	seed   maphash.Seed
	size   int // of sets, a power of two
	once   sync.Once
	places atomic.Pointer[[]longSet] // nil until there is one
}

// longSet has the tags of up to four tokens; 0 is none.
type longSet [4]atomic.Uint32

// newLongTokens has room for four times as many as can be remembered in that memory. It takes up to a 256th part of it, once there is one.
func newLongTokens(maxEntries, maxBytes int) *longTokens {
	l := &longTokens{seed: maphash.MakeSeed(), size: 16}
	for l.size < min(maxEntries, maxBytes/longToken) {
		l.size *= 2
	}
	return l
}

// find returns the set of a token, and its tag in it.
func (l *longTokens) find(sets []longSet, raw string) (*longSet, uint32) {
	h := maphash.String(l.seed, raw)
	return &sets[h&uint64(l.size-1)], uint32(h>>32) | 1 //nolint:gosec // the upper half, of which one is not 0; size is positive
}

// bytes is what it takes in memory.
func (l *longTokens) bytes() int {
	if l == nil || l.places.Load() == nil {
		return 0
	}
	return l.size * 16
}

func (l *longTokens) has(raw string) bool {
	sets := l.places.Load()
	if sets == nil {
		return false
	}
	set, tag := l.find(*sets, raw)
	for i := range set {
		if set[i].Load() == tag {
			return true
		}
	}
	return false
}

// add takes in a token, in place of another one if there is no room.
func (l *longTokens) add(raw string) {
	l.once.Do(func() {
		sets := make([]longSet, l.size)
		l.places.Store(&sets)
	})
	set, tag := l.find(*l.places.Load(), raw)
	place := tag >> 1 % uint32(len(set))
	for i := range set {
		switch set[i].Load() {
		case tag:
			return
		case 0:
			place = uint32(i)
		}
	}
	set[place].Store(tag)
}

// mayKnow reports whether a token is worth to be looked for.
func (c *Cache) mayKnow(raw string) bool { return len(raw) < longToken || c.long.has(raw) }

// meet takes in a token that was verified without being looked for, by that key. What is found now was remembered when it came before.
func (c *Cache) meet(raw string, claims *Claims, by crypto.PublicKey) *Claims {
	k := c.keyer.of(raw)
	known, _ := c.shard(&k).index.Load().find(&k, claims.verifier)
	if known == nil {
		return c.remember(&k, claims, by, nil)
	}
	c.long.add(raw)
	if known.isVoucher() {
		return c.remember(&k, claims, by, (*voucher)(known))
	}
	return claims
}
