package introspect

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// key stands for a token where answers are remembered. Who has no secret of ours cannot tell which token it is, nor make one.
type key [sha256.Size]byte

// keyer makes keys: the HMAC-SHA256 of the token.
type keyer struct{ pool sync.Pool }

// hasher is what one HMAC needs. The token is in text only while it is hashed.
type hasher struct {
	mac  hash.Hash
	text []byte
	sum  key
}

func newKeyer(secret []byte) *keyer {
	k := &keyer{}
	k.pool.New = func() any { return &hasher{mac: hmac.New(sha256.New, secret), text: make([]byte, 0, 1024)} }
	return k
}

// of allocates nothing once the pool is warm.
func (k *keyer) of(tok string) key {
	h, _ := k.pool.Get().(*hasher)
	h.text = append(h.text[:0], tok...)
	h.mac.Reset()
	h.mac.Write(h.text)
	h.mac.Sum(h.sum[:0])
	sum := h.sum
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
