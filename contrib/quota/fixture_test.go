package quota_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware"
)

const issuer = "https://id.example"

var alice = middleware.Identity{Subject: "alice", Issuer: issuer, ClientID: "web"}

// newLimiter allows 3 in a minute, by subject.
func newLimiter(tb testing.TB, change ...func(*quota.Config)) *quota.Limiter {
	tb.Helper()
	c := quota.Config{Name: "orders", Limit: 3, Window: time.Minute, By: quota.Subject, Anonymous: quota.Pass}
	for _, f := range change {
		f(&c)
	}
	l, err := quota.New(c)
	require.NoError(tb, err)
	return l
}

// allow sets how much.
func allow(n int, window time.Duration) func(*quota.Config) {
	return func(c *quota.Config) { c.Limit, c.Window = n, window }
}

// share counts in Redis.
func share(client redis.UniversalClient, down quota.StoreDown, change ...func(*quota.Shared)) func(*quota.Config) {
	s := &quota.Shared{Client: client, Key: make([]byte, 32), Prefix: "production:", Down: down}
	for _, f := range change {
		f(s)
	}
	return func(c *quota.Config) { c.Shared = s }
}

var teapot = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

func as(id middleware.Identity) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders", http.NoBody)
	return r.WithContext(middleware.WithIdentity(r.Context(), id))
}

func nobody(remote string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody)
	r.RemoteAddr = remote
	return r
}

func named(subject string) middleware.Identity {
	return middleware.Identity{Subject: subject, Issuer: issuer}
}

// send answers 418 if the request came through.
func send(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// statuses sends n requests of id.
func statuses(h http.Handler, id middleware.Identity, n int) (codes []int) {
	for range n {
		codes = append(codes, send(h, as(id)).Code)
	}
	return codes
}

// passed counts how many of n requests came through.
func passed(h http.Handler, id middleware.Identity, n int) (count int) {
	for _, code := range statuses(h, id, n) {
		if code == http.StatusTeapot {
			count++
		}
	}
	return count
}
