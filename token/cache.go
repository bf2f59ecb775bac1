package token

import (
	"context"
	"crypto"
	"errors"
	"hash/maphash"
	"time"
)

// Cache remembers tokens that were verified, for the verifiers that are given it as [Options].Cache. Several may share one, alone or
// in a [Mux].
//
// That a token is remembered is worth exactly a verification. What is remembered belongs to one verifier, and so to one policy and one
// key source; no other verifier is answered by it. It is found by the whole text of the token. Whenever it is used, the time and the
// proofs are judged again, and the key source is asked again, so that a key that was withdrawn, or could not be had, has the effect that
// it has on a token never seen before. Refusals are not remembered.
//
// The Cache holds no token, only the SHA-256 of it under a secret of its own, and what was found. Of a token that has come once, that is the key by
// which it was verified, which many have in common: when it comes again its signature need not be checked, and its claims are read once more. From
// then on they are kept. So tokens that are sent once, however many, take no memory for what they say. One of 8 KiB and more is verified whole when it
// comes again as well, so that what a stranger sends is not hashed for nothing.
//
// What is remembered stays until it expires, or until there is no room. Tokens that were used again make way for tokens that were seen
// once only if there is nothing else: a tenth of the room is for tokens that are new.
//
// It starts no goroutine. All methods are safe for concurrent use. A nil *Cache is none, and remembers nothing; the zero Cache is a
// mistake that [NewVerifier] reports.
type Cache struct {
	keyer  *keyer
	scopes *scopePool
	long   *longTokens
	shards []shard // a power of two of them
}

const (
	maxCacheEntries = 1 << 28
	maxShards       = 64

	// What a shard has at least, or there are fewer.
	shardEntries = 1024
	shardBytes   = 256 << 10
)

// NewCache returns an empty cache for at most maxEntries tokens that take at most maxBytes of memory. Both must be positive.
//
// A token that has come once takes about 100 bytes, and the claims of one that has come again about 1 KB. Memory is taken as it is needed;
// what the claims took is given back as they are forgotten, the 100 bytes beside them are kept for others, up to a quarter of maxBytes: that is room
// for as many tokens as there can be claims. A large cache is divided into up to 64 parts by chance, so that one that is to hold
// n tokens should have room for a few in the hundred more.
func NewCache(maxEntries, maxBytes int) (*Cache, error) {
	var m mistakes
	if maxEntries < 1 || maxEntries > maxCacheEntries {
		m.addf("NewCache: maxEntries is %d, not between 1 and %d", maxEntries, maxCacheEntries)
	}
	if maxBytes < 1 {
		m.addf("NewCache: maxBytes is %d, not positive", maxBytes)
	}
	if err := errors.Join(m...); err != nil {
		return nil, err
	}
	n := 1
	for n < maxShards && maxEntries/n >= 2*shardEntries && maxBytes/n >= 2*shardBytes {
		n *= 2
	}
	c := &Cache{keyer: newKeyer(), scopes: &scopePool{seed: maphash.MakeSeed()}, long: newLongTokens(maxEntries, maxBytes), shards: make([]shard, n)}
	for i := range c.shards {
		s := &c.shards[i]
		s.bound(maxEntries/n, maxBytes/n)
		s.index.Store(newIndex(0))
	}
	return c, nil
}

// Size returns how many tokens are remembered now, expired ones included until they are come across, and about how many bytes that
// takes.
func (c *Cache) Size() (entries, bytes int) {
	if c == nil {
		return 0, 0
	}
	bytes = c.long.bytes()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		entries += s.entries()
		bytes += s.memory()
		s.mu.Unlock()
	}
	return entries, bytes
}

// believer is a Verifier or a Mux.
type believer interface {
	// believes says whether what v has verified is verified here.
	believes(v *Verifier) bool
}

func (v *Verifier) believes(other *Verifier) bool { return v == other }

func (m *Mux) believes(v *Verifier) bool { return m.all[v] }

func (c *Cache) shard(k *key) *shard { return &c.shards[place(k[0], len(c.shards))] }

// recall judges a remembered token. It returns neither claims nor an error for a token that has to be verified, with a voucher if there is one.
func (c *Cache) recall(ctx context.Context, k *key, here believer, have []Proof) (*Claims, *voucher, error) {
	shard := c.shard(k)
	claims, slot := shard.index.Load().find(k, here)
	if claims == nil {
		return nil, nil, nil
	}
	if claims.isVoucher() {
		return nil, (*voucher)(claims), nil
	}
	err := claims.verifier.recheck(ctx, claims, have)
	if err == nil {
		if !slot.used.Load() { // readers of one token do not all write to one place
			slot.used.Store(true)
		}
		return claims, nil, nil
	}
	if isOver(err) {
		shard.forget(k, claims)
	}
	if errors.Is(err, errKeyChanged) {
		return nil, nil, nil
	}
	return nil, nil, err
}

// isOver says that a token need not be remembered any longer. What a proof was missing for, or a key source, is as good as before.
func isOver(err error) bool {
	reason := ReasonOf(err)
	return reason == ReasonExpired || reason == ReasonLifetime || reason == ReasonUnknownKey || errors.Is(err, errKeyChanged)
}

// learn takes in the verdict on a token for which there was that voucher, and passes it on.
func (c *Cache) learn(k *key, claims *Claims, by crypto.PublicKey, vouched *voucher, err error) (*Claims, error) {
	if err == nil {
		return c.remember(k, claims, by, vouched), nil
	}
	if vouched != nil && (isOver(err) || ReasonOf(err) == ReasonSignature) { // by another key, or it would not have been calculated
		c.shard(k).forget(k, (*Claims)(vouched))
	}
	return nil, err
}

// remember takes in a token that its verifier has found good: that it did, or, if it had a voucher for that, what the token says. by is the key that
// signed it.
func (c *Cache) remember(k *key, claims *Claims, by crypto.PublicKey, vouched *voucher) *Claims {
	v := claims.verifier
	if v.cache != c { // one of a Mux, which has no cache
		return claims
	}
	shard, now := c.shard(k), time.Now().UnixNano()
	e := entry{size: claims.size(), until: v.policy.window(claims).until}
	isVouched := vouched.says(v, by)
	if isVouched {
		e.size += vouched.signer.bytes
	}
	switch {
	case e.size > shard.maxBytes:
	case isVouched:
		claims = claims.detached(c.scopes)
		claims.signer = vouched.signer
		e.claims, e.settled = claims, true
		shard.put(k, e, now)
	default:
		voucher, size := v.voucher(by, claims.header)
		e.claims, e.size = (*Claims)(voucher), size
		shard.put(k, e, now)
	}
	return claims
}
