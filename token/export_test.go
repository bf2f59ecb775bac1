package token

import (
	"crypto/sha256"
	"encoding/binary"
)

// SlotBytes is what Cache.Size counts for a token beside its claims.
const SlotBytes = slotBytes

// KeyOf is the key of the i-th of many tokens.
func KeyOf(i int) (k [4]uint64) {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	for j := range k {
		k[j] = binary.LittleEndian.Uint64(sum[8*j:])
	}
	return k
}

// Plant remembers claims that a Verifier returned as those of the i-th of many tokens, without a copy.
func (c *Cache) Plant(i int, claims *Claims) {
	k := key(KeyOf(i))
	c.shard(&k).put(&k, claims, slotBytes, -1)
}

// PlantCopy is Plant with a copy for each token, as for verified ones.
func (c *Cache) PlantCopy(i int, claims *Claims) {
	k := key(KeyOf(i))
	d := claims.detached(c.scopes)
	c.shard(&k).put(&k, d, slotBytes+d.size(), -1)
}

// Use reports whether the i-th of many tokens is remembered, as a use of it.
func (c *Cache) Use(i int, v *Verifier) bool {
	k := key(KeyOf(i))
	claims, slot := c.shard(&k).index.Load().find(&k, v)
	if claims == nil {
		return false
	}
	slot.used.Store(true)
	return true
}

// Holds is Use without a use.
func (c *Cache) Holds(i int, v *Verifier) bool {
	k := key(KeyOf(i))
	claims, _ := c.shard(&k).index.Load().find(&k, v)
	return claims != nil
}

// Remembers reports whether v would be answered by what c remembers of the token.
func (c *Cache) Remembers(raw string, v *Verifier) bool {
	k := c.keyer.of(raw)
	claims, _ := c.shard(&k).index.Load().find(&k, v)
	return claims != nil
}
