package limit_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

// fixed is the least that an authenticator can do.
type fixed struct {
	id  middleware.Identity
	err error
}

func (a *fixed) Authenticate(*http.Request) (middleware.Identity, error) { return a.id, a.err }

// each makes n requests from as many addresses, with a credential of 700 bytes, as a JWT is long.
func each(n int, peer func(i int) string, headers ...string) []*http.Request {
	requests := make([]*http.Request, n)
	for i := range requests {
		requests[i] = from(peer(i), append(headers, fmt.Sprintf("Authorization: Bearer good%0700d", i))...)
	}
	return requests
}

// BenchmarkLimit shows what the limiter costs beside an authenticator that costs nothing, and beside a verification in the same
// run.
func BenchmarkLimit(b *testing.B) {
	const n = 10_000
	good := &fixed{id: middleware.Identity{Subject: "alice", Issuer: "https://id.example"}}
	refusing := &fixed{err: middleware.ErrRefused}
	proxies := func(c *limit.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	i := localissuer.New("https://id.example")
	jwt := middleware.JWT(newVerifier(b, i, i))
	verified := from(alice, "Authorization: Bearer "+i.AccessToken(audience))

	b.Run("verification of ES256 alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jwt.Authenticate(verified); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, bench := range []struct {
		name string
		by   middleware.Authenticator
		l    *limit.Limiter
		all  []*http.Request
		warm middleware.Authenticator // whom all are sent to before
	}{
		{name: "remembered", by: good, l: newLimiter(b), all: each(n, v4), warm: telling},
		{name: "remembered, behind a proxy", by: good, l: newLimiter(b, proxies), all: each(n, func(int) string { return "10.0.0.1:7" }, "X-Forwarded-For: 192.0.2.1"), warm: telling},
		{name: "new each time, IPv4", by: failing(errBroken), l: newLimiter(b), all: each(n, v4)},
		{name: "new each time, IPv6", by: failing(errBroken), l: newLimiter(b), all: each(n, func(i int) string { return v6(i, i) })},
		{name: "wrong, from many", by: refusing, l: newLimiter(b, func(c *limit.Config) { c.PerMinute, c.Burst = 6_000, 6_000 }), all: each(n, v4)},
		{name: "limited", by: refusing, l: newLimiter(b, func(c *limit.Config) { c.PerMinute = 1 }), all: each(n, func(int) string { return alice }), warm: refusing},
		{name: "limited, from many", by: refusing, l: newLimiter(b, func(c *limit.Config) { c.PerMinute, c.Burst = 1, 1 }), all: each(n, v4), warm: refusing},
	} {
		b.Run(bench.name, func(b *testing.B) {
			if bench.warm != nil {
				for _, r := range bench.all {
					_, _ = bench.l.Authenticate(r, bench.warm)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = bench.l.Authenticate(bench.all[i%n], bench.by)
			}
		})
	}
}

// BenchmarkMillion is a million addresses all over IPv4 that guess once each, as fast as they can: B-held is what the limiter has
// grown by, and the rest are the parts of the guesses, and of newcomers with a good credential, that were limited.
func BenchmarkMillion(b *testing.B) {
	refusing := &fixed{err: middleware.ErrRefused}
	for b.Loop() {
		l, err := limit.New(limit.Config{})
		require.NoError(b, err)
		before := heap()
		limitedOnes, newcomers := 0, 0
		r := from("")
		for i := range 1_000_000 {
			r.RemoteAddr = v4(i * 4_001)
			r.Header["Authorization"] = []string{fmt.Sprint("Bearer ", i)}
			if _, err := l.Authenticate(r, refusing); err != middleware.ErrRefused {
				limitedOnes++
			}
			if i%1000 == 0 && send(l, v4(i*8_191+1), fmt.Sprint("good-", i)) != nil {
				newcomers++
			}
		}
		b.ReportMetric(float64(heap()-before), "B-held")
		b.ReportMetric(float64(limitedOnes)/1e6, "limited")
		b.ReportMetric(float64(newcomers)/1e3, "newcomers-limited")
		_, err = l.Authenticate(bearer("192.0.2.1:7", "good"), telling)
		require.NoError(b, err)
		runtime.KeepAlive(l)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAKnownCredentialAllocatesNothing(t *testing.T) {
	l, good, r := newLimiter(t), &fixed{id: middleware.Identity{Subject: "alice"}}, bearer(alice, "good")
	ask := func() { _, _ = l.Authenticate(r, good) }
	ask()
	require.True(t, l.Remembers(r))
	require.Zero(t, testing.AllocsPerRun(100, ask))
}

// BenchmarkParallel shows, with -cpu 1,2,4, that requests do not wait for each other, unless they are of one peer.
func BenchmarkParallel(b *testing.B) {
	const n = 1_000
	good, refusing := &fixed{id: middleware.Identity{Subject: "alice"}}, &fixed{err: middleware.ErrRefused}
	least := func(c *limit.Config) { c.PerMinute, c.Burst = 1, 1 }
	for _, bench := range []struct {
		name     string
		by, warm middleware.Authenticator
		all      []*http.Request
	}{
		{name: "remembered", by: good, warm: telling, all: each(n, v4)},
		{name: "limited, from many", by: refusing, warm: refusing, all: each(n, v4)},
		{name: "limited, from one", by: refusing, warm: refusing, all: each(n, func(int) string { return alice })},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l := newLimiter(b, least)
			for _, r := range bench.all {
				_, _ = l.Authenticate(r, bench.warm)
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					_, _ = l.Authenticate(bench.all[i%n], bench.by)
				}
			})
		})
	}
}
