package quota_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

func TestTheQuotaPassesAndTheNextIsToldWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t).Handler(teapot)
		for _, left := range []string{"2", "1", "0"} {
			w := send(h, as(alice))
			require.Equal(t, http.StatusTeapot, w.Code)
			require.Equal(t, []string{`"orders";q=3;w=60`}, w.Header().Values("RateLimit-Policy"))
			require.Equal(t, []string{`"orders";r=` + left + `;t=20`}, w.Header().Values("RateLimit"))
			require.Empty(t, w.Header().Get("Retry-After"))
		}

		time.Sleep(500 * time.Millisecond)
		w := send(h, as(alice))
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, `"orders";q=3;w=60`, w.Header().Get("RateLimit-Policy"))
		require.Equal(t, `"orders";r=0;t=20`, w.Header().Get("RateLimit"), "seconds are rounded up")
		require.Equal(t, "20", w.Header().Get("Retry-After"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "Too Many Requests", w.Body.String())

		wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
		require.NoError(t, err)
		time.Sleep(time.Duration(wait) * time.Second)
		require.Equal(t, []int{http.StatusTeapot, http.StatusTooManyRequests}, statuses(h, alice, 2), "who waits as told gets one")
	})
}

func TestARefusedRequestDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t).Handler(teapot)
		require.Equal(t, 3, passed(h, alice, 100))
		time.Sleep(20 * time.Second)
		require.Equal(t, 1, passed(h, alice, 100))
		time.Sleep(time.Hour)
		require.Equal(t, 3, passed(h, alice, 100), "a bucket holds no more than the limit")
	})
}

func TestInAnyStretchOfTimeNoMorePassThanTheContractSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, allow(60, time.Minute)).Handler(teapot)
		total := 0
		for range 60 {
			total += passed(h, alice, 100)
			time.Sleep(time.Second)
		}
		require.Equal(t, 60+59, total)
	})
}

// Each row is who comes after alice has used up her quota, and whether there is a quota for them.
func TestWhoHasAQuotaOfTheirOwn(t *testing.T) {
	byToken := alice
	byToken.Introspection = new(introspect.Result)
	for _, row := range []struct {
		name  string
		by    func(middleware.Identity) string
		first middleware.Identity
		then  middleware.Identity
		own   bool
	}{
		{"another subject", quota.Subject, alice, named("bob"), true},
		{"the same subject of another issuer", quota.Subject, alice, middleware.Identity{Subject: "alice", Issuer: "https://other.example"}, true},
		{"the same subject by another client", quota.Subject, alice, middleware.Identity{Subject: "alice", Issuer: issuer, ClientID: "app"}, false},
		{"another user of the same client", quota.Client, alice, middleware.Identity{Subject: "bob", Issuer: issuer, ClientID: "web"}, false},
		{"another client of the same user", quota.Client, alice, middleware.Identity{Subject: "alice", Issuer: issuer, ClientID: "app"}, true},
		{"a certificate's alice", quota.Subject, byToken, alice, true},
		{"a JWT after an opaque token", quota.Subject, byToken, middleware.Identity{Subject: "alice", Issuer: issuer, Token: new(token.Claims)}, false},
		{"issuer and subject split elsewhere", quota.Subject, middleware.Identity{Issuer: "ab", Subject: "c"}, middleware.Identity{Issuer: "a", Subject: "bc"}, true},
		{"two without a client share", quota.Client, named("alice"), named("bob"), false},
		{"without a client, of another issuer", quota.Client, named("alice"), middleware.Identity{Subject: "x", Issuer: "https://other.example"}, true},
		{"who has the name, after those without", quota.Client, named("alice"), alice, true},
		{"a function of one's own", func(middleware.Identity) string { return "all" }, alice, named("bob"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newLimiter(t, func(c *quota.Config) { c.By = row.by }).Handler(teapot)
			require.Equal(t, 3, passed(h, row.first, 4))
			require.Equal(t, row.own, passed(h, row.then, 1) == 1)
		})
	}
}

func TestRequestsWithoutAnIdentity(t *testing.T) {
	for _, row := range []struct {
		name        string
		anonymous   func(*http.Request) (string, bool)
		first, then string // where they come from
		own         bool
	}{
		{"pass", quota.Pass, "192.0.2.1:1", "192.0.2.1:1", true},
		{"are counted by address, whatever the port", quota.Peer, "192.0.2.1:1", "192.0.2.1:2", false},
		{"have a quota for each IPv4 address", quota.Peer, "192.0.2.1:1", "192.0.2.2:1", true},
		{"are the same by IPv4 in IPv6", quota.Peer, "192.0.2.1:1", "[::ffff:192.0.2.1]:1", false},
		{"share a /64", quota.Peer, "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", false},
		{"have a quota for each /64", quota.Peer, "[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", true},
		{"are the same in any zone", quota.Peer, "[fe80::1%eth0]:1", "[fe80::1%eth1]:1", false},
		{"share if they have no address", quota.Peer, "@", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newLimiter(t, func(c *quota.Config) { c.Anonymous = row.anonymous }).Handler(teapot)
			for range 3 {
				require.Equal(t, http.StatusTeapot, send(h, nobody(row.first)).Code)
			}
			require.Equal(t, row.own, send(h, nobody(row.then)).Code == http.StatusTeapot)
		})
	}
}

func TestAnAddressIsNobodysSubject(t *testing.T) {
	h := newLimiter(t, func(c *quota.Config) { c.Anonymous = quota.Peer }).Handler(teapot)
	name, counts := quota.Peer(nobody("192.0.2.1:1"))
	require.True(t, counts)
	require.Equal(t, 3, passed(h, middleware.Identity{Subject: name}, 4))
	require.Equal(t, http.StatusTeapot, send(h, nobody("192.0.2.1:1")).Code)
}

func TestWhatPassesUncountedCarriesNoFields(t *testing.T) {
	w := send(newLimiter(t).Handler(teapot), nobody("192.0.2.1:1"))
	require.Equal(t, http.StatusTeapot, w.Code)
	require.Empty(t, w.Header())
}

func TestPoliciesInARowEachAddTheirFields(t *testing.T) {
	daily := newLimiter(t, func(c *quota.Config) { c.Name = "daily" }, allow(100, 24*time.Hour))
	h := daily.Handler(newLimiter(t).Handler(teapot))
	w := send(h, as(alice))
	require.Equal(t, []string{`"daily";q=100;w=86400`, `"orders";q=3;w=60`}, w.Header().Values("RateLimit-Policy"))
	require.Equal(t, []string{`"daily";r=99;t=864`, `"orders";r=2;t=20`}, w.Header().Values("RateLimit"))
}

func TestARouteHasAQuotaOfItsOwnWhereItsLimiterIsMounted(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /orders", newLimiter(t).Handler(teapot))
	mux.Handle("GET /reports", newLimiter(t).Handler(teapot))
	require.Equal(t, 3, passed(mux, alice, 4))
	r := as(alice)
	r.URL.Path = "/reports"
	require.Equal(t, http.StatusTeapot, send(mux, r).Code)
}

func TestWhatWasNotMadeByNewLetsNothingPass(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"the nil Limiter":           (*quota.Limiter)(nil).Handler(teapot),
		"the zero Limiter":          new(quota.Limiter).Handler(teapot),
		"a handler that is nil":     newLimiter(t).Handler(nil),
		"a nil func in a handler":   newLimiter(t).Handler(http.HandlerFunc(nil)),
		"the zero Limiter, no next": new(quota.Limiter).Handler(nil),
	} {
		w := send(h, as(alice))
		require.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		require.Equal(t, "1", w.Header().Get("Retry-After"), name)
	}
}

func TestARefusalDropsWhatDescribesAnotherBody(t *testing.T) {
	h := newLimiter(t, allow(1, time.Minute)).Handler(teapot)
	require.Equal(t, http.StatusTeapot, send(h, as(alice)).Code)
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "4711")
	w.Header().Set("Content-Encoding", "gzip")
	h.ServeHTTP(w, as(alice))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Empty(t, w.Header().Get("Content-Length"))
	require.Empty(t, w.Header().Get("Content-Encoding"))
}
