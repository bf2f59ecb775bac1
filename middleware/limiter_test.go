package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/token"
)

// limiting is a limiter made of its one method.
type limiting func(r *http.Request, a middleware.Authenticator) (middleware.Identity, error)

func (f limiting) Authenticate(r *http.Request, a middleware.Authenticator) (middleware.Identity, error) {
	return f(r, a)
}

// always limits everybody with one error.
func always(err error) limiting {
	return func(*http.Request, middleware.Authenticator) (middleware.Identity, error) {
		return middleware.Identity{}, err
	}
}

// asking lets everybody pass, and notes what the authenticator said.
func noting(errs *[]error) limiting {
	return func(r *http.Request, a middleware.Authenticator) (middleware.Identity, error) {
		id, err := a.Authenticate(r)
		*errs = append(*errs, err)
		return id, err
	}
}

// later is an error that says how long.
type later time.Duration

func (e later) Error() string             { return "too many" }
func (e later) Is(target error) bool      { return target == middleware.ErrLimited }
func (e later) RetryAfter() time.Duration { return time.Duration(e) }

func limitedBy(tb testing.TB, a middleware.Authenticator, l middleware.Limiter) *middleware.Guard {
	tb.Helper()
	g, err := middleware.New(a, &middleware.Options{Limiter: l, RetryAfter: 7 * time.Second})
	require.NoError(tb, err)
	return g
}

func TestWhatALimitedClientIsTold(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want want
	}{
		{"the error alone: the guard's time", middleware.ErrLimited, want{status: 429, retryAfter: "7"}},
		{"wrapped", fmt.Errorf("%w: from this address", middleware.ErrLimited), want{status: 429, retryAfter: "7"}},
		{"it says how long", later(90 * time.Second), want{status: 429, retryAfter: "90"}},
		{"it says how long, within another", fmt.Errorf("outer: %w", later(1500*time.Millisecond)), want{status: 429, retryAfter: "2"}},
		{"a moment is a second", later(1), want{status: 429, retryAfter: "1"}},
		{"no time at all", later(0), want{status: 429, retryAfter: "7"}},
		{"a time that has passed", later(-time.Second), want{status: 429, retryAfter: "7"}},
		{"refused as well", errors.Join(middleware.ErrRefused, middleware.ErrInvalidRequest, middleware.ErrLimited), want{status: 429, retryAfter: "7"}},
		{"no limit: refused", middleware.ErrRefused, want{status: 401, challenge: `Bearer error="invalid_token"`}},
		{"no limit: an error with a time is undecided, by the guard's time", downError{}, want{status: 503, retryAfter: "7"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			h := limitedBy(t, counting(&asked, as("alice", "")), always(row.err)).Handler(reached)
			requireAnswer(t, row.want, h, bearer("x"))
			require.Zero(t, asked)
		})
	}
}

type downError struct{}

func (downError) Error() string             { return "down" }
func (downError) RetryAfter() time.Duration { return time.Hour }

func TestALimitStopsWhereverItComesFrom(t *testing.T) {
	asked := 0
	limited, next := failing(middleware.ErrLimited), counting(&asked, as("alice", ""))
	for name, a := range map[string]middleware.Authenticator{
		"the first of several": middleware.FirstOf(limited, next),
		"a certificate's":      middleware.RequireCert(limited, next),
	} {
		requireAnswer(t, want{status: 429, retryAfter: "5"}, newGuard(t, a).Handler(reached), get("/"))
		require.Zero(t, asked, name)
	}
	requireAnswer(t, want{status: 429, retryAfter: "5"}, newGuard(t, middleware.RequireCert(failing(middleware.ErrNoCredentials), limited)).Handler(reached), get("/"))
	check := newRoutes(t, middleware.Rule{Pattern: "/", Check: func(*http.Request, middleware.Identity) error { return later(3 * time.Second) }})
	requireAnswer(t, want{status: 429, retryAfter: "3"}, newGuard(t, next).Routes(check)(reached), get("/"))
}

func TestALimiterStandsBeforeEveryAuthenticator(t *testing.T) {
	var said []error
	g := limitedBy(t, as("alice", "a"), noting(&said))
	routes := newRoutes(t,
		middleware.Rule{Pattern: "/own", Authenticator: as("bob", "")},
		middleware.Rule{Pattern: "/guards"},
		middleware.Rule{Pattern: "/public", Public: true},
	)
	for _, row := range []struct {
		name, path string
		h          http.Handler
		body       string
		times      int
	}{
		{"Handler", "/", g.Handler(reached), "alice", 1},
		{"Scope", "/", g.Scope("a")(reached), "alice", 1},
		{"a rule", "/guards", g.Routes(routes)(reached), "alice", 1},
		{"a rule's own", "/own", g.Routes(routes)(reached), "bob", 1},
		{"once where the guard is nested", "/guards", g.Routes(routes)(g.Handler(reached)), "alice", 1},
		{"twice where two authenticators are asked", "/own", g.Routes(routes)(g.Handler(reached)), "alice", 2},
		{"not on public routes", "/public", g.Routes(routes)(reached), "nobody", 0},
		{"not where there is no rule", "/other", g.Routes(routes)(reached), "Forbidden", 0},
		{"not for an ambiguous target", "/a//b", g.Routes(routes)(reached), "Bad Request", 0},
	} {
		said = nil
		require.Equal(t, row.body, serve(row.h, get(row.path)).Body.String(), row.name)
		require.Len(t, said, row.times, row.name)
	}
}

func TestALimiterLearnsWhatWasWrong(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	cert := middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com")))
	jwt := middleware.JWT(newVerifier(t, i))
	var said []error
	g := limitedBy(t, middleware.FirstOf(cert, jwt, middleware.Introspect(newClient(t, i))), noting(&said))
	for _, r := range []*http.Request{
		bearer(i.AccessToken(audience, map[string]any{"exp": 1})),
		bearer("nobodys"),
		from(newAuthority(t).issue(t, orders)),
		get("/"),
	} {
		require.Equal(t, 401, serve(g.Handler(reached), r).Code)
	}
	require.Equal(t, token.ReasonExpired, token.ReasonOf(said[0]))
	require.Equal(t, introspect.ReasonInactive, introspect.ReasonOf(said[1]))
	require.Equal(t, mtls.ReasonChain, mtls.ReasonOf(said[2]))
	require.ErrorIs(t, said[3], middleware.ErrNoCredentials)
}

func TestALimiterThatNamesNobodyIsUndecided(t *testing.T) {
	requireAnswer(t, want{status: 503, retryAfter: "7"}, limitedBy(t, as("alice", ""), always(nil)).Handler(reached), get("/"))
}

func TestAHookThatIsNilIsAMistake(t *testing.T) {
	var o *events
	_, err := middleware.New(as("alice", ""), &middleware.Options{Limiter: limiting(nil), Revocations: revoking(nil), Observer: o})
	require.EqualError(t, err, "middleware: options: Limiter holds a nil middleware_test.limiting\n"+
		"options: Revocations holds a nil middleware_test.revoking\noptions: Observer holds a nil *middleware_test.events")
}
