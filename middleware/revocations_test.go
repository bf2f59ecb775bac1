package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
)

// revoking is a Revocations made of its one method.
type revoking func(ctx context.Context, id middleware.Identity) (bool, error)

func (f revoking) Revoked(ctx context.Context, id middleware.Identity) (bool, error) {
	return f(ctx, id)
}

func revokedBy(tb testing.TB, a middleware.Authenticator, f revoking) *middleware.Guard {
	tb.Helper()
	g, err := middleware.New(a, &middleware.Options{Revocations: f})
	require.NoError(tb, err)
	return g
}

func TestWhatTheRevocationsSay(t *testing.T) {
	for _, row := range []struct {
		name    string
		revoked bool
		err     error
		want    want
	}{
		{"not revoked", false, nil, want{status: 200}},
		{"revoked", true, nil, want{status: 401, challenge: `Bearer error="invalid_token"`}},
		{"could not tell", false, errBroken, want{status: 503, retryAfter: "5"}},
		{"could not tell, whatever the error wraps", false, errors.Join(middleware.ErrLimited, middleware.ErrRefused), want{status: 503, retryAfter: "5"}},
		{"could not tell, by an error that looks like no credentials", false, middleware.ErrNoCredentials, want{status: 503, retryAfter: "5"}},
		{"revoked, and an error besides", true, errBroken, want{status: 401, challenge: `Bearer error="invalid_token"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := revokedBy(t, as("alice", "a"), func(_ context.Context, id middleware.Identity) (bool, error) {
				require.Equal(t, "alice", id.Subject)
				return row.revoked, row.err
			})
			requireAnswer(t, row.want, g.Scope("a")(reached), get("/"))
		})
	}
}

func TestWhoIsRevokedLearnsNothingOfTheRoute(t *testing.T) {
	g := revokedBy(t, as("alice", ""), func(context.Context, middleware.Identity) (bool, error) { return true, nil })
	requireAnswer(t, want{status: 401, challenge: `Bearer error="invalid_token"`}, g.Scope("orders:write")(reached), get("/"))
}

// What is remembered about a token does not come before the revocations, and a connection that lives on neither.
func TestEveryRequestAsksTheRevocations(t *testing.T) {
	i := localissuer.New("https://id.example")
	cutOff := map[string]bool{}
	g := revokedBy(t, middleware.Introspect(newClient(t, i)), func(_ context.Context, id middleware.Identity) (bool, error) {
		return cutOff[id.Subject], nil
	})
	tok := i.OpaqueToken(audience, map[string]any{"sub": "alice"})
	require.Equal(t, 200, serve(g.Handler(reached), bearer(tok)).Code)
	require.Equal(t, 200, serve(g.Handler(reached), bearer(tok)).Code)
	cutOff["alice"] = true
	require.Equal(t, 401, serve(g.Handler(reached), bearer(tok)).Code)
	require.Equal(t, 1, i.Requests("/introspect"))
}

func TestTheRevocationsAreAskedOnceForARequestAndAnAuthenticator(t *testing.T) {
	type key struct{}
	var asked []string
	g := revokedBy(t, as("alice", "a"), func(ctx context.Context, id middleware.Identity) (bool, error) {
		require.Equal(t, "kept", ctx.Value(key{}))
		asked = append(asked, id.Subject)
		return false, nil
	})
	routes := newRoutes(t,
		middleware.Rule{Pattern: "/guards"},
		middleware.Rule{Pattern: "/own", Authenticator: as("bob", "")},
		middleware.Rule{Pattern: "/public", Public: true},
		middleware.Rule{Pattern: "/refused", Authenticator: failing(middleware.ErrRefused)},
	)
	for path, want := range map[string][]string{
		"/guards":  {"alice"},
		"/own":     {"bob", "alice"},
		"/public":  nil,
		"/refused": nil,
		"/none":    nil,
	} {
		asked = nil
		h := g.Routes(routes)(http.Handler(reached))
		if path != "/public" {
			h = g.Routes(routes)(g.Scope("a")(reached))
		}
		serve(h, get(path).WithContext(context.WithValue(t.Context(), key{}, "kept")))
		require.Equal(t, want, asked, path)
	}
}
