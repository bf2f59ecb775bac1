package introspect_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/racing"
	"github.com/perimeter-go/perimeter/introspect"
)

// tokenSizes are those of an opaque token of oidc-provider, of Hydra, and of a signed JWT and an encrypted one.
var tokenSizes = []int{43, 87, 715, 1400}

// BenchmarkHit shows what a remembered token costs and, in the same run, what the bare HMAC of it costs: read the ratio.
func BenchmarkHit(b *testing.B) {
	for _, size := range tokenSizes {
		tok := strings.Repeat("x", size)
		body := active(`"sub":"alice"`, `"client_id":"shop"`, `"scope":"orders:read"`, expiring(time.Hour), `"iss":"https://issuer.test"`)
		c := serving(body).client(b, options(func(o *introspect.Options) { o.TTL = time.Hour }))
		_, err := c.Introspect(b.Context(), tok)
		require.NoError(b, err)
		b.Run(fmt.Sprint(size, "/introspect"), func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if r, err := c.Introspect(ctx, tok); err != nil || r == nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint(size, "/hmac"), func(b *testing.B) {
			mac, text, sum := hmac.New(sha256.New, make([]byte, 32)), []byte(tok), make([]byte, 0, 32)
			b.ReportAllocs()
			for b.Loop() {
				mac.Reset()
				mac.Write(text)
				sum = mac.Sum(sum[:0])
			}
		})
	}
}

// BenchmarkParallelHits shows, with -cpu 1,2,4, that readers do not wait for each other: with each processor more, a hit becomes as
// much cheaper as the bare HMAC, which shares nothing, whether they read about one token or about many.
func BenchmarkParallelHits(b *testing.B) {
	const n = 1_000
	c := newQuiet(active(expiring(time.Hour))).client(b, options(func(o *introspect.Options) { o.TTL = time.Hour }))
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("token-%037d", i)
		_, err := c.Introspect(b.Context(), tokens[i])
		require.NoError(b, err)
	}
	b.Run("hmac", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			mac, text, sum := hmac.New(sha256.New, make([]byte, 32)), []byte(tokens[0]), make([]byte, 0, 32)
			for pb.Next() {
				mac.Reset()
				mac.Write(text)
				sum = mac.Sum(sum[:0])
			}
		})
	})
	for name, step := range map[string]int{"one": 0, "many": 1} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += step {
					if r, err := c.Introspect(ctx, tokens[i%n]); err != nil || r == nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	const jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	u := serving(inactive)
	u.bodies[tokenA] = active(`"cnf":{"jkt":"` + jkt + `"}`)
	c := u.client(t)
	proof := introspect.Proof{Method: "jkt", Thumbprint: jkt}
	ctx := t.Context()
	for name, hit := range map[string]func() bool{
		"active": func() bool { r, err := c.Introspect(ctx, tokenA, proof); return err == nil && r != nil },
		"no proof": func() bool {
			_, err := c.Introspect(ctx, tokenA)
			return introspect.ReasonOf(err) == introspect.ReasonProof
		},
		"inactive": func() bool {
			_, err := c.Introspect(ctx, tokenB)
			return introspect.ReasonOf(err) == introspect.ReasonInactive
		},
	} {
		require.True(t, hit(), name)
		n := testing.AllocsPerRun(100, func() { hit() })
		require.True(t, racing.Detector || n == 0, "%s: %v", name, n)
	}
}

// BenchmarkMemory shows what a remembered token takes, beyond the issuer's answer itself.
func BenchmarkMemory(b *testing.B) {
	const n = 10_000
	body := active(`"sub":"alice"`, `"client_id":"shop"`, `"scope":"orders:read"`, `"exp":9999999999`)
	for b.Loop() {
		c := newQuiet(body).client(b)
		before := heap()
		for i := range n {
			if _, err := c.Introspect(b.Context(), fmt.Sprintf("token-%038d", i)); err != nil {
				b.Fatal(err)
			}
		}
		good, _ := c.Remembered()
		require.Equal(b, n, good)
		b.ReportMetric(float64(heap()-before)/n-float64(len(body)), "B/token")
		runtime.KeepAlive(c)
	}
}

// BenchmarkGarbage asks about distinct inactive tokens: with -benchtime=1000000x it is a flood of a million.
func BenchmarkGarbage(b *testing.B) {
	u := newQuiet(inactive)
	c := u.client(b)
	before := heap()
	i := 0
	for b.Loop() {
		i++
		if _, err := c.Introspect(b.Context(), fmt.Sprint("garbage-", i)); err == nil {
			b.Fatal("active")
		}
	}
	held := heap() - before
	b.ReportMetric(float64(held), "B-held")
	require.Less(b, held, int64(1<<20))
	good, others := c.Remembered()
	require.Zero(b, good)
	require.LessOrEqual(b, others, 1_000)
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
