package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Key material is made once: it costs more than the tests that use it.
var (
	rsa2048 = sync.OnceValue(func() crypto.PublicKey { return must(rsa.GenerateKey(rand.Reader, 2048)).Public() })
	p256    = sync.OnceValue(newP256)
	p384    = sync.OnceValue(func() crypto.PublicKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).Public() })
	p521    = sync.OnceValue(func() crypto.PublicKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)).Public() })
	ed      = sync.OnceValue(func() crypto.PublicKey { return must(ed25519Key()) })
)

func newP256() crypto.PublicKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).Public()
}

func ed25519Key() (crypto.PublicKey, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	return public, err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// jwk renders an entry. Each edit replaces members; nil removes one.
func jwk(public crypto.PublicKey, kid string, edits ...map[string]any) string {
	members := map[string]any{}
	if err := json.Unmarshal(must(jose.JSONWebKey{Key: public}.MarshalJSON()), &members); err != nil {
		panic(err)
	}
	if kid != "" {
		members["kid"] = kid
	}
	for _, e := range edits {
		maps.Copy(members, e)
	}
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	return string(must(json.Marshal(members)))
}

func keySet(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }

// keysNamed is a key set of one ES256 key under each kid.
func keysNamed(kids ...string) string {
	var entries []string
	for _, kid := range kids {
		entries = append(entries, jwk(p256(), kid))
	}
	return keySet(entries...)
}
