package jwks_test

import (
	"crypto"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/perimeter-go/perimeter/jwks"
)

var sink []crypto.PublicKey

// BenchmarkPublicKeys reads a known key beside its floor: an atomic pointer load and one look-up in a map of the same shape.
func BenchmarkPublicKeys(b *testing.B) {
	kids := []string{"k1", "k2", "k3", "k4"}
	u := serving(keysNamed(kids...))
	c, err := jwks.New(keysURL, &jwks.Options{HTTPClient: &http.Client{Transport: u}})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	type lookup struct{ kid, alg string }
	index := map[lookup][]crypto.PublicKey{}
	for _, kid := range kids {
		index[lookup{kid, "ES256"}], index[lookup{"", "ES256"}] = []crypto.PublicKey{p256()}, nil
	}
	var floor atomic.Pointer[map[lookup][]crypto.PublicKey]
	floor.Store(&index)

	ctx := b.Context()
	hit := func() []crypto.PublicKey { keys, _ := c.PublicKeys(ctx, "k3", "ES256"); return keys }
	bare := func() []crypto.PublicKey { return (*floor.Load())[lookup{"k3", "ES256"}] }
	serial(b, "hit", hit)
	serial(b, "floor", bare)
	parallel(b, "hit-parallel", hit)
	parallel(b, "floor-parallel", bare)

	u.fail()
	for i := range 3 { // empty the bucket
		_, _ = c.PublicKeys(ctx, fmt.Sprint(i), "ES256")
	}
	serial(b, "hit-while-down", hit)
	serial(b, "unknown-in-a-flood", func() []crypto.PublicKey { keys, _ := c.PublicKeys(ctx, "random", "ES256"); return keys })
}

func serial(b *testing.B, name string, read func() []crypto.PublicKey) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = read()
		}
	})
}

func parallel(b *testing.B, name string, read func() []crypto.PublicKey) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if len(read()) != 1 {
					panic("no key")
				}
			}
		})
	})
}

func BenchmarkParse(b *testing.B) {
	document := []byte(keySet(jwk(rsa2048(), "r"), jwk(p256(), "e"), jwk(p384(), "f"), jwk(ed(), "o")))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jwks.Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
