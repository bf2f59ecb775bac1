package middleware_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// deaf is a ResponseWriter that costs nothing.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header         { return d.header }
func (d deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d deaf) WriteHeader(int)             {}

// remembering is the least an authenticator can do.
type remembering struct{ id middleware.Identity }

func (a *remembering) Authenticate(*http.Request) (middleware.Identity, error) { return a.id, nil }

// passing is a middleware that does nothing but to put something into the context.
//
//go:noinline
func passing(next http.Handler) http.Handler {
	type key struct{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, next)))
	})
}

var sum [sha256.Size]byte

// direct answers requests by a handler, without a network.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	return serve(d.handler, r).Result(), nil
}

// newCachingVerifier has what a service has: the issuer's keys by jwks, and a cache of tokens.
func newCachingVerifier(tb testing.TB, i *localissuer.Issuer) *token.Verifier {
	tb.Helper()
	source, err := jwks.New(i.KeySetURL(), &jwks.Options{HTTPClient: &http.Client{Transport: direct{i}}})
	require.NoError(tb, err)
	cache, err := token.NewCache(1000, 10<<20)
	require.NoError(tb, err)
	v, err := token.NewVerifier(source, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, &token.Options{Cache: cache})
	require.NoError(tb, err)
	return v
}

// BenchmarkMiddleware shows what the guard costs beside its floors in the same run: the bare handler, one behind a middleware that
// only passes a context value, and the verification alone.
func BenchmarkMiddleware(b *testing.B) {
	i := localissuer.New("https://id.example")
	v := newVerifier(b, i)
	raw := i.AccessToken(audience)
	text := []byte(raw)
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	cached := newCachingVerifier(b, i)
	remembered := newGuard(b, middleware.JWT(cached))
	fixed := newGuard(b, &remembering{middleware.Identity{Subject: "alice", Scopes: scope.Granted("orders:read")}})
	verified := newGuard(b, middleware.JWT(v))
	active := newClient(b, i)
	opaque := i.OpaqueToken(audience)
	ca := newAuthority(b)
	cert := ca.issue(b, orders)
	certs := ca.verifier(b, mtls.SPIFFE("example.com"))
	identified := newGuard(b, middleware.ClientCert(certs))
	hooked, err := middleware.New(&remembering{middleware.Identity{Subject: "alice", Scopes: scope.Granted("orders:read")}}, &middleware.Options{
		Limiter: limiting(func(r *http.Request, a middleware.Authenticator) (middleware.Identity, error) {
			return a.Authenticate(r)
		}),
		Revocations: revoking(func(context.Context, middleware.Identity) (bool, error) { return false, nil }),
		Observer:    observing(func(context.Context, middleware.Decision) {}),
	})
	require.NoError(b, err)
	proved, err := middleware.New(&remembering{middleware.Identity{Subject: "alice"}}, &middleware.Options{Forwarded: forwarding{thumbprint: "x"}})
	require.NoError(b, err)
	asked := newGuard(b, middleware.FirstOf(middleware.JWT(v), middleware.Introspect(active)))
	routes := newRoutes(b,
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "POST /orders", Scope: scope.All("orders:write")},
	)
	for _, bench := range []struct {
		name string
		h    http.Handler
	}{
		{"remembered opaque token alone", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := active.Introspect(r.Context(), opaque); err != nil {
				b.Error(err)
			}
		})},
		{"guard, remembered opaque token, routes", asked.Routes(routes)(bare)},
		{"bare handler", bare},
		{"passing a context value", passing(bare)},
		{"guard, fixed identity, scope", fixed.Scope("orders:read")(bare)},
		{"guard, fixed identity, routes", fixed.Routes(routes)(bare)},
		{"guard, fixed identity, nested", fixed.Routes(routes)(fixed.Scope("orders:read")(bare))},
		{"verification alone", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := v.Verify(r.Context(), raw); err != nil {
				b.Error(err)
			}
		})},
		{"guard, verified ES256, routes", verified.Routes(routes)(bare)},
		{"certificate's thumbprint alone, mtls", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := mtls.Thumbprint(r.TLS); err != nil {
				b.Error(err)
			}
		})},
		{"certificate alone, mtls", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := certs.Verify(r.TLS); err != nil {
				b.Error(err)
			}
		})},
		{"guard, certificate, mtls", identified.Handler(bare)},
		{"guard, remembered opaque token, routes, mtls", asked.Routes(routes)(bare)},
		{"guard, fixed identity, every hook, routes", hooked.Routes(routes)(bare)},
		{"guard, fixed identity, forwarded certificates", proved.Handler(bare)},
		{"remembered token alone", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := cached.Verify(r.Context(), raw); err != nil {
				b.Error(err)
			}
		})},
		{"SHA-256 of the token", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sum = sha256.Sum256(text) })},
		{"guard, remembered token, scope", remembered.Scope("orders:read")(bare)},
		{"guard, remembered token, routes", remembered.Routes(routes)(bare)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := get("/orders/7", "Authorization: Bearer "+raw)
			if strings.Contains(bench.name, "opaque") {
				r = get("/orders/7", "Authorization: Bearer "+opaque)
			}
			if strings.Contains(bench.name, "mtls") {
				r.TLS = stateOf(cert)
			}
			w := deaf{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bench.h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkWarm shows what the guard costs with a token that it has seen before, beyond a middleware that only passes a context value. The two
// and the verification of the token run in turns, and the metrics are the minimum of each: over-ns is the first less the second,
// own-ns is that less the third.
func BenchmarkWarm(b *testing.B) {
	i := localissuer.New("https://id.example")
	v := newCachingVerifier(b, i)
	g := newGuard(b, middleware.JWT(v))
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	raw := i.AccessToken(audience)
	for name, h := range map[string]http.Handler{
		"scope": g.Scope("orders:read")(bare),
		"routes": g.Routes(newRoutes(b,
			middleware.Rule{Pattern: "GET /healthz", Public: true},
			middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		))(bare),
	} {
		b.Run(name, func(b *testing.B) {
			r, w := get("/orders/7", "Authorization: Bearer "+raw), deaf{http.Header{}}
			require.Equal(b, 200, serve(h, r).Code)
			ctx := b.Context()
			least := fastest(b,
				func() { h.ServeHTTP(w, r) },
				func() { passing(bare).ServeHTTP(w, r) },
				func() { _, _ = v.Verify(ctx, raw) },
			)
			b.ReportMetric(least[0]-least[1], "over-ns")
			b.ReportMetric(least[0]-least[1]-least[2], "own-ns")
			b.ReportMetric(least[2], "verify-ns")
			b.ReportMetric(testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }), "allocs")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkScopeRule shows what a rule about scopes costs beyond one about none, for who has been identified: both stand behind the
// same guard, and the metric is the difference of the minimum of each.
func BenchmarkScopeRule(b *testing.B) {
	id := middleware.Identity{Subject: "alice", Scopes: scope.Granted("openid profile orders:read orders:write billing:read")}
	g := newGuard(b, &remembering{id})
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, bench := range []struct {
		name string
		rule scope.Requirement
	}{
		{"one", scope.All("orders:read")},
		{"all of two", scope.All("orders:read", "billing:read")},
		{"any of two", scope.Any("orders:admin", "orders:write")},
		{"nested", scope.AnyOf(scope.All("admin"), scope.All("orders:read", "orders:write"))},
		{"wildcard", scope.All("orders:read").Using(scope.Wildcard(":"))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var known *http.Request
			g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { known = r })).ServeHTTP(nil, get("/"))
			with, without := g.Require(bench.rule)(bare), g.Handler(bare)
			least := fastest(b, func() { with.ServeHTTP(nil, known) }, func() { without.ServeHTTP(nil, known) })
			b.ReportMetric(least[0]-least[1], "rule-ns")
			b.ReportMetric(testing.AllocsPerRun(100, func() { with.ServeHTTP(nil, known) }), "allocs")
			b.ReportMetric(least[1], "nested-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// fastest runs functions in turns of 100 and returns the least nanoseconds that a run of each took.
func fastest(b *testing.B, functions ...func()) []float64 {
	b.Helper()
	const turn = 100
	least := slices.Repeat([]float64{math.Inf(1)}, len(functions))
	for b.Loop() {
		for i, f := range functions {
			start := time.Now()
			for range turn {
				f()
			}
			least[i] = min(least[i], float64(time.Since(start))/turn)
		}
	}
	return least
}

// BenchmarkRoutes shows that finding a rule does not depend on how many there are. ServeMux is beside it.
func BenchmarkRoutes(b *testing.B) {
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := get("/tenant/acme/service0/items/77/parts")
	w := deaf{http.Header{}}
	b.Run("bare handler", func(b *testing.B) {
		for b.Loop() {
			bare.ServeHTTP(w, r)
		}
	})
	for _, n := range []int{1, 10, 100, 1000, 10000} {
		h := newGuard(b, as("alice", "")).Routes(manyRoutes(b, n))(bare)
		require.Equal(b, 200, serve(h, r).Code)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /tenant/{t}/service0/items/{id}/parts", bare)
	b.Run("ServeMux, one pattern", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mux.ServeHTTP(w, r)
		}
	})
}

// BenchmarkCanonicalPath is the check of the request target alone: a public route, no credentials.
func BenchmarkCanonicalPath(b *testing.B) {
	h := newGuard(b, as("alice", "")).Routes(newRoutes(b, middleware.Rule{Pattern: "/", Public: true}))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, path := range []string{"/", "/orders/7", "/tenant/acme/service0/items/77/parts", "/Z%C3%BCrich/a%20b/%7Euser"} {
		b.Run(path, func(b *testing.B) {
			r, w := get(path), deaf{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

func TestAGuardAllocatesTheContextAndTheRequest(t *testing.T) {
	g := newGuard(t, &remembering{middleware.Identity{Subject: "alice", Scopes: scope.Granted("a")}})
	routes := newRoutes(t, middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("a")})
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := get("/orders/7")
	for name, h := range map[string]http.Handler{
		"scope":  g.Scope("a")(bare),
		"routes": g.Routes(routes)(bare),
		"nested": g.Routes(routes)(g.Scope("a")(bare)),
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { h.ServeHTTP(nil, r) }), 2.0, name)
	}
}
