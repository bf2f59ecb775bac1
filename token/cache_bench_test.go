package token_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// direct answers requests by a handler, without a network.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// fetched is the key source of a service: the issuer's keys, fetched once.
func fetched(tb testing.TB) *jwks.Cache {
	tb.Helper()
	keys, err := jwks.New(issuer.KeySetURL(), &jwks.Options{HTTPClient: &http.Client{Transport: direct{issuer}}, MaxAge: time.Hour})
	require.NoError(tb, err)
	require.NoError(tb, keys.Refresh(tb.Context()))
	return keys
}

func newCache(tb testing.TB, maxEntries, maxBytes int) *token.Cache {
	tb.Helper()
	c, err := token.NewCache(maxEntries, maxBytes)
	require.NoError(tb, err)
	return c
}

func remembering(tb testing.TB, source token.KeySource, p token.Policy, c *token.Cache) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(source, p, &token.Options{Cache: c})
	require.NoError(tb, err)
	return v
}

// BenchmarkCacheHit shows what a remembered token costs beside the bare SHA-256 of it, which is measured in turns with it: the metrics are
// the minimum of each, and their ratio.
func BenchmarkCacheHit(b *testing.B) {
	v := remembering(b, fetched(b), token.AccessTokenPolicy(issuerURL, audience), newCache(b, 1000, 1<<20))
	mux, err := token.NewMux(v)
	require.NoError(b, err)
	for _, tc := range []struct {
		alg     string
		padding int
	}{{"ES256", 0}, {"RS256", 0}, {"ES256", 700}, {"ES256", 3000}} {
		raw := issuer.Sign(tc.alg, nil, []byte(strings.Replace(benchmarkPayload, "}", `,"x":"`+strings.Repeat("x", tc.padding)+`"}`, 1)))
		for name, verify := range map[string]func(context.Context, string, ...token.Proof) (*token.Claims, error){"verifier": v.Verify, "mux": mux.Verify} {
			b.Run(fmt.Sprintf("%s/%dB/%s", tc.alg, len(raw), name), func(b *testing.B) {
				ctx, text := b.Context(), []byte(raw)
				_, err := verify(ctx, raw)
				require.NoError(b, err)
				b.ReportAllocs()
				inTurns(b, func() {
					if _, err := verify(ctx, raw); err != nil {
						b.Fatal(err)
					}
				}, func() { sum = sha256.Sum256(text) })
			})
		}
	}
}

var sum [sha256.Size]byte

// inTurns runs two functions in turns of 100 and reports the minimum of each.
func inTurns(b *testing.B, hit, floor func()) {
	b.Helper()
	const turn = 100
	timed := func(least time.Duration, f func()) time.Duration {
		start := time.Now()
		for range turn {
			f()
		}
		return min(least, time.Since(start))
	}
	hits, floors := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		hits, floors = timed(hits, hit), timed(floors, floor)
	}
	b.ReportMetric(float64(hits)/turn, "hit-ns")
	b.ReportMetric(float64(floors)/turn, "sha256-ns")
	b.ReportMetric(float64(hits)/float64(floors), "hit/sha256")
}

// BenchmarkCacheParallel shows, with -cpu 1,2,4, that hits do not wait for each other: with each processor more, a hit becomes as much
// cheaper as the bare SHA-256, which shares nothing, whether all are of one token or of many, and while others are added.
func BenchmarkCacheParallel(b *testing.B) {
	v := remembering(b, fetched(b), token.AccessTokenPolicy(issuerURL, audience), newCache(b, 10_000, 64<<20))
	tokens := make([]string, 256)
	for i := range tokens {
		tokens[i] = issuer.Sign("ES256", nil, []byte(payload(with("jti", fmt.Sprintf(`"%d"`, i)))))
		_, err := v.Verify(b.Context(), tokens[i])
		require.NoError(b, err)
	}
	b.Run("sha256", func(b *testing.B) {
		text := []byte(tokens[0])
		var first atomic.Uint32
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if s := sha256.Sum256(text); s[0] == 0 && s[1] == 0 && s[2] == 0 {
					first.Add(1)
				}
			}
		})
	})
	for _, bench := range []struct {
		name string
		step int
	}{{"one", 0}, {"many", 1}} {
		b.Run(bench.name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += bench.step {
					if _, err := v.Verify(ctx, tokens[i%len(tokens)]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkCacheMemory fills a cache for a million tokens: the structure alone, where all share their claims, and with claims of their
// own, as verified tokens have. Beside the memory of one token it shows a full garbage collection with nothing else to do, with and
// without the cache.
func BenchmarkCacheMemory(b *testing.B) {
	const n = 1_000_000
	v := verifier(b, &keys{}, token.AccessTokenPolicy(issuerURL, audience))
	claims, err := v.Verify(b.Context(), issuer.Sign("ES256", nil, []byte(benchmarkPayload)))
	require.NoError(b, err)
	for _, bench := range []struct {
		name  string
		plant func(*token.Cache, int, *token.Claims)
	}{{"structure", (*token.Cache).Plant}, {"claims", (*token.Cache).PlantCopy}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				before, idle := heap(), collection()
				c := newCache(b, n, 4<<30)
				for i := range n {
					bench.plant(c, i, claims)
				}
				entries, bytes := c.Size()
				require.Greater(b, entries, n*98/100)
				b.ReportMetric(float64(heap()-before)/float64(entries), "B/token")
				b.ReportMetric(float64(bytes)/float64(entries), "counted-B/token")
				b.ReportMetric(float64(entries), "tokens")
				b.ReportMetric(collection().Seconds()*1e3, "gc-ms")
				b.ReportMetric(idle.Seconds()*1e3, "idle-gc-ms")
				runtime.KeepAlive(c)
			}
		})
	}
}

// BenchmarkCacheScan shows what is left of a working set of eight tenths of the room, each token of which was used once, after tokens
// that are sent once, ten times as many as there is room for; and what one of these costs the cache.
func BenchmarkCacheScan(b *testing.B) {
	const n = 100_000
	claims := verified(b)
	for b.Loop() {
		c := newCache(b, n, 1<<30)
		for i := range n * 8 / 10 {
			c.Plant(i, claims)
			c.Use(i)
		}
		start := time.Now()
		for i := range 10 * n {
			c.Plant(n+i, claims)
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/(10*n), "scan-ns/token")
		b.ReportMetric(float64(holding(c, n*8/10))/(n*8/10)*100, "%-left")
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// collection is how long a full garbage collection takes, at least.
func collection() time.Duration {
	least := time.Duration(math.MaxInt64)
	for range 7 {
		start := time.Now()
		runtime.GC()
		least = min(least, time.Since(start))
	}
	return least
}
