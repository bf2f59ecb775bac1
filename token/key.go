package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// key stands for the text of a token where verified tokens are remembered. Who has no secret of ours cannot tell which token it is,
// nor make one.
type key [sha256.Size / 8]uint64

// place is where a part of a key stands among n, a power of two. It is of a keyed hash: nobody can crowd one.
func place(part uint64, n int) int {
	return int(part & uint64(n-1)) //nolint:gosec // both are small and not negative
}

// keyer makes keys: the SHA-256 of a block that is secret, and then the token. Two tokens that differ in a single byte, a spare
// bit of the base64 included, have different keys, as sure as SHA-256 is free of collisions.
//
// That costs half of HMAC, whose second half is there for a message that continues another, with SHA-256's padding between. No token
// holds the bytes of that padding, and no key leaves the process.
type keyer struct {
	keyed []byte // SHA-256's state after the secret block
	pool  sync.Pool
}

// hasher is what the hashing of one token needs. It holds the token only meanwhile.
type hasher struct {
	hash    hash.Hash
	restore encoding.BinaryUnmarshaler // the same
	text    []byte
	sum     [sha256.Size]byte
}

// newKeyer draws a secret of its own.
func newKeyer() *keyer {
	var secret [sha256.BlockSize]byte
	_, _ = rand.Read(secret[:sha256.Size]) // never fails: it ends the program rather
	h := sha256.New()
	h.Write(secret[:])
	k := &keyer{}
	k.keyed, _ = h.(encoding.BinaryMarshaler).MarshalBinary() // crypto/sha256 promises it
	k.pool.New = func() any { return k.newHasher() }
	return k
}

func (k *keyer) newHasher() *hasher {
	h := sha256.New()
	restore, _ := h.(encoding.BinaryUnmarshaler)
	_ = restore.UnmarshalBinary(k.keyed)
	return &hasher{hash: h, restore: restore, text: make([]byte, 0, 1024)}
}

// of allocates nothing once the pool is warm.
func (k *keyer) of(raw string) key {
	h, _ := k.pool.Get().(*hasher)
	h.text = append(h.text[:0], raw...)
	h.hash.Write(h.text)
	h.hash.Sum(h.sum[:0])
	var sum key
	for i := range sum {
		sum[i] = binary.LittleEndian.Uint64(h.sum[8*i:])
	}
	_ = h.restore.UnmarshalBinary(k.keyed) // for the next, and it overwrites what the hash still holds of the token
	clear(h.text)
	k.pool.Put(h)
	return sum
}
