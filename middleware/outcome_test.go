package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

// want is a whole answer of a guard.
type want struct {
	status     int
	challenge  string // "" means that there must be none
	retryAfter string
}

func requireAnswer(t *testing.T, w want, h http.Handler, r *http.Request) {
	t.Helper()
	got := serve(h, r)
	require.Equal(t, w.status, got.Code)
	if w.status == http.StatusOK {
		return
	}
	require.Equal(t, http.StatusText(w.status), got.Body.String())
	require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
	require.Equal(t, "text/plain; charset=utf-8", got.Header().Get("Content-Type"))
	require.Equal(t, w.retryAfter, got.Header().Get("Retry-After"))
	if w.challenge == "" {
		require.Empty(t, got.Header().Values("WWW-Authenticate"))
		return
	}
	require.Equal(t, []string{w.challenge}, got.Header().Values("WWW-Authenticate"))
}

func TestWhatAClientIsTold(t *testing.T) {
	const authorized = "Authorization: Bearer whatever"
	for _, row := range []struct {
		name string
		auth middleware.Authenticator
		r    *http.Request
		want want
	}{
		{
			name: "an identity with the scope passes",
			auth: as("alice", "orders:read orders:write"), r: get("/"), want: want{status: 200},
		},
		{
			name: "nothing presented: the bare challenge",
			auth: failing(middleware.ErrNoCredentials), r: get("/"), want: want{status: 401, challenge: `Bearer`},
		},
		{
			name: "presented, but nobody took it: invalid_token",
			auth: failing(middleware.ErrNoCredentials), r: get("/", "Authorization: Basic YTpi"),
			want: want{status: 401, challenge: `Bearer error="invalid_token"`},
		},
		{
			name: "presented and refused",
			auth: failing(middleware.ErrRefused), r: get("/", authorized),
			want: want{status: 401, challenge: `Bearer error="invalid_token"`},
		},
		{
			name: "refused without an Authorization header, as from a cookie",
			auth: failing(fmt.Errorf("cookie: %w", middleware.ErrRefused)), r: get("/"),
			want: want{status: 401, challenge: `Bearer error="invalid_token"`},
		},
		{
			name: "malformed",
			auth: failing(middleware.ErrInvalidRequest), r: get("/", authorized),
			want: want{status: 400, challenge: `Bearer error="invalid_request"`},
		},
		{
			name: "an error that wraps several sentinels is the strictest of them",
			auth: failing(errors.Join(middleware.ErrNoCredentials, middleware.ErrRefused, middleware.ErrInvalidRequest)), r: get("/"),
			want: want{status: 400, challenge: `Bearer error="invalid_request"`},
		},
		{
			name: "the scope is missing",
			auth: as("alice", "orders:read"), r: get("/"),
			want: want{status: 403, challenge: `Bearer error="insufficient_scope", scope="orders:read orders:write"`},
		},
		{
			name: "any other error is undecided, and nothing of it is told",
			auth: failing(errBroken), r: get("/", authorized),
			want: want{status: 503, retryAfter: "5"},
		},
		{
			name: "a deadline is undecided",
			auth: failing(context.DeadlineExceeded), r: get("/", authorized),
			want: want{status: 503, retryAfter: "5"},
		},
		{
			name: "an authenticator that names nobody and reports no error is undecided",
			auth: failing(nil), r: get("/", authorized),
			want: want{status: 503, retryAfter: "5"},
		},
		{
			name: "an issuer and scopes without a party are nobody",
			auth: answering(func(*http.Request) (middleware.Identity, error) {
				return middleware.Identity{Issuer: "https://id.example", Scopes: scope.Granted("orders:read orders:write")}, nil
			}),
			r: get("/", authorized), want: want{status: 503, retryAfter: "5"},
		},
		{
			name: "an ambiguous target is told before credentials are looked at",
			auth: failing(middleware.ErrRefused), r: get("/a/%2e%2e/b", authorized), want: want{status: 400},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireAnswer(t, row.want, newGuard(t, row.auth).Scope("orders:read", "orders:write")(reached), row.r)
		})
	}
}

func TestWhatARouteAnswers(t *testing.T) {
	const id = "https://id.example"
	check := func(err error) middleware.Rule {
		return middleware.Rule{Pattern: "/x", Check: func(*http.Request, middleware.Identity) error { return err }}
	}
	for _, row := range []struct {
		name string
		rule middleware.Rule
		r    *http.Request
		want want
	}{
		{name: "no rule for this route: 403, without a challenge", rule: middleware.Rule{Pattern: "GET /y"}, r: get("/x"), want: want{status: 403}},
		{name: "a rule for another method is no rule", rule: middleware.Rule{Pattern: "POST /x"}, r: get("/x"), want: want{status: 403}},
		{name: "an ambiguous target: 400, without a challenge", rule: middleware.Rule{Pattern: "/{all...}"}, r: get("/x//y"), want: want{status: 400}},
		{name: "a rule that says nothing asks for an identity", rule: middleware.Rule{Pattern: "GET /x"}, r: get("/x"), want: want{status: 200}},
		{
			name: "the scope of a nested requirement is told",
			rule: middleware.Rule{Pattern: "/x", Scope: scope.AllOf(scope.Any("a", "b"), scope.All("c"))}, r: get("/x"),
			want: want{status: 403, challenge: `Bearer error="insufficient_scope", scope="a c"`},
		},
		{name: "an issuer the rule trusts passes", rule: middleware.Rule{Pattern: "/x", Issuers: []string{"https://other.example", id}}, r: get("/x"), want: want{status: 200}},
		{
			name: "an issuer with another spelling is another issuer",
			rule: middleware.Rule{Pattern: "/x", Issuers: []string{id + "/"}}, r: get("/x"),
			want: want{status: 401, challenge: `Bearer error="invalid_token"`},
		},
		{
			name: "the issuer is judged before the scope, which could not be had from it anyway",
			rule: middleware.Rule{Pattern: "/x", Issuers: []string{"https://other.example"}, Scope: scope.All("admin")}, r: get("/x"),
			want: want{status: 401, challenge: `Bearer error="invalid_token"`},
		},
		{name: "a check that agrees passes", rule: check(nil), r: get("/x"), want: want{status: 200}},
		{name: "a check that says no: 403, without a challenge or its text", rule: check(errBroken), r: get("/x"), want: want{status: 403}},
		{name: "a check that refuses the credential", rule: check(fmt.Errorf("x: %w", middleware.ErrRefused)), r: get("/x"), want: want{status: 401, challenge: `Bearer error="invalid_token"`}},
		{name: "a check that finds the request malformed", rule: check(middleware.ErrInvalidRequest), r: get("/x"), want: want{status: 400, challenge: `Bearer error="invalid_request"`}},
		{name: "a check that misses a credential", rule: check(middleware.ErrNoCredentials), r: get("/x"), want: want{status: 401, challenge: `Bearer`}},
		{name: "a check that could not decide", rule: check(fmt.Errorf("x: %w", middleware.ErrUndecided)), r: get("/x"), want: want{status: 503, retryAfter: "5"}},
		{name: "a check whose deadline passed", rule: check(fmt.Errorf("x: %w", context.DeadlineExceeded)), r: get("/x"), want: want{status: 503, retryAfter: "5"}},
		{name: "a check that was cancelled", rule: check(context.Canceled), r: get("/x"), want: want{status: 503, retryAfter: "5"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGuard(t, as("alice", "orders:read"))
			requireAnswer(t, row.want, g.Routes(newRoutes(t, row.rule))(reached), row.r)
		})
	}
}

func TestNoRuleIsAnsweredBeforeAnyoneLooksAtCredentials(t *testing.T) {
	asked := 0
	g := newGuard(t, counting(&asked, as("alice", "")))
	h := g.Routes(newRoutes(t, middleware.Rule{Pattern: "GET /x"}))(reached)
	require.Equal(t, 403, serve(h, get("/y", "Authorization: Bearer t")).Code)
	require.Zero(t, asked)
	require.Equal(t, 200, serve(h, get("/x", "Authorization: Bearer t")).Code)
	require.Equal(t, 1, asked)
}

func TestACheckSeesTheIdentityAndRunsAfterTheScope(t *testing.T) {
	var seen []string
	rule := middleware.Rule{
		Pattern: "GET /x", Scope: scope.All("read"),
		Check: func(r *http.Request, id middleware.Identity) error {
			seen = append(seen, r.URL.Path+" "+id.Subject)
			return nil
		},
	}
	h := func(granted string) http.Handler {
		return newGuard(t, as("alice", granted)).Routes(newRoutes(t, rule))(reached)
	}
	require.Equal(t, 403, serve(h("write"), get("/x")).Code)
	require.Empty(t, seen)
	require.Equal(t, 200, serve(h("read"), get("/x")).Code)
	require.Equal(t, []string{"/x alice"}, seen)
}

func TestChallengeParameters(t *testing.T) {
	full := middleware.Options{
		Realm:            `the "inner" \ ring`,
		ResourceMetadata: "https://api.example/.well-known/oauth-protected-resource",
		RetryAfter:       1500 * time.Millisecond,
	}
	for _, row := range []struct {
		name string
		auth middleware.Authenticator
		want want
	}{
		{name: "nothing presented", auth: failing(middleware.ErrNoCredentials), want: want{
			status:    401,
			challenge: `Bearer realm="the \"inner\" \\ ring", resource_metadata="https://api.example/.well-known/oauth-protected-resource"`,
		}},
		{name: "the scope is missing", auth: as("alice", ""), want: want{
			status:    403,
			challenge: `Bearer realm="the \"inner\" \\ ring", error="insufficient_scope", scope="a", resource_metadata="https://api.example/.well-known/oauth-protected-resource"`,
		}},
		{name: "undecided: whole seconds, rounded up", auth: failing(errBroken), want: want{status: 503, retryAfter: "2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := middleware.New(row.auth, &full)
			require.NoError(t, err)
			requireAnswer(t, row.want, g.Scope("a")(reached), get("/"))
		})
	}
}

func TestAScopeThatNobodyCanHaveIsNotTold(t *testing.T) {
	g := newGuard(t, as("alice", `a "b" c`))
	requireAnswer(t, want{status: 403, challenge: `Bearer error="insufficient_scope"`}, g.Scope("a", "b\"\r\nX-Evil: 1")(reached), get("/"))
	requireAnswer(t, want{status: 403, challenge: `Bearer error="insufficient_scope"`}, g.Require(scope.Requirement{})(reached), get("/"))
}

func TestARefusalTakesBackWhatWasSaidAboutTheAnswer(t *testing.T) {
	guarded := newGuard(t, failing(middleware.ErrNoCredentials)).Handler(reached)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Cache-Control": "public, max-age=600", "Content-Length": "5000", "Content-Encoding": "gzip", "ETag": `"1"`,
			"Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT", "WWW-Authenticate": `Basic realm="x"`, "Content-Type": "text/html",
			"X-Request-Id": "7",
		} {
			w.Header().Set(name, value)
		}
		guarded.ServeHTTP(w, r)
	})
	got := serve(h, get("/")).Header()
	require.Equal(t, http.Header{
		"Cache-Control": {"no-store"}, "Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
		"Www-Authenticate": {"Bearer"}, "X-Request-Id": {"7"},
	}, got)
}
