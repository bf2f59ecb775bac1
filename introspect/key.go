package introspect

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// key stands for a token where answers are remembered. Who has no secret of ours cannot tell which token it is, nor make one.
type key [sha256.Size]byte

// keyer makes keys: the SHA-256 of a block that is secret, and then the token.
//
// That costs half of HMAC, whose second half is there for messages of which one may be the beginning of another, with SHA-256's padding
// between. No token holds the bytes of that padding (see isToken). And no key leaves the process: names in a Store are HMACs of keys.
type keyer struct {
	keyed []byte // SHA-256's state after the secret block
	pool  sync.Pool
}

// hasher is what the hashing of one token needs. It holds the token only meanwhile.
type hasher struct {
	hash    hash.Hash
	restore encoding.BinaryUnmarshaler // the same
	text    []byte
	sum     key
}

func newKeyer(secret []byte) *keyer {
	h := sha256.New()
	h.Write(append(make([]byte, 0, sha256.BlockSize), secret...)[:sha256.BlockSize])
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
func (k *keyer) of(tok string) key {
	h, _ := k.pool.Get().(*hasher)
	h.text = append(h.text[:0], tok...)
	h.hash.Write(h.text)
	h.hash.Sum(h.sum[:0])
	sum := h.sum
	_ = h.restore.UnmarshalBinary(k.keyed) // for the next, and it overwrites what the hash still holds of the token
	clear(h.text)
	k.pool.Put(h)
	return sum
}

// processSecret is what keys are made under without a Store.
func processSecret() []byte {
	b := make([]byte, sha256.Size)
	_, _ = rand.Read(b) // never fails: it ends the program rather
	return b
}

// derive makes a key for one purpose. It folds in whom we ask, as whom, and what our configuration makes of the answers, so that no
// two clients with a difference in these ever read each other's answers.
func derive(secret []byte, purpose string, c Config, signed bool) []byte {
	flags := []byte{0, 0}
	if c.InsecureAnyAudience {
		flags[0] = 1
	}
	if signed {
		flags[1] = 1
	}
	fold := []string{"perimeter introspect 1", purpose, c.Endpoint, c.Auth.Method, c.Auth.ClientID, c.Issuer, string(flags)}
	fold = append(fold, c.Audiences...)
	k, err := hkdf.Key(sha256.New, secret, nil, lengthPrefixed(fold), sha256.Size)
	if err != nil {
		panic(err) // only of a length that no key has
	}
	return k
}

// lengthPrefixed joins parts so that no two lists of parts give the same text.
func lengthPrefixed(parts []string) string {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return string(b)
}
