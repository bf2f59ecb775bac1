package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

func TestNestedUseOfAGuardAuthenticatesOnce(t *testing.T) {
	asked := 0
	g := newGuard(t, counting(&asked, as("alice", "read write")))
	routes := newRoutes(t, middleware.Rule{Pattern: "/"})
	for name, h := range map[string]http.Handler{
		"Handler in Handler": g.Handler(g.Handler(reached)),
		"Scope in Handler":   g.Handler(g.Scope("read")(reached)),
		"Scope in Scope":     g.Scope("read")(g.Scope("write")(reached)),
		"Handler in Routes":  g.Routes(routes)(g.Handler(reached)),
		"Routes in Routes":   g.Routes(routes)(g.Routes(routes)(reached)),
		"after a change of the request": g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(context.WithValue(r.Context(), unrelated{}, "v"))
			r.Header.Del("Authorization")
			g.Handler(reached).ServeHTTP(w, r)
		})),
	} {
		asked = 0
		w := serve(h, get("/", "Authorization: Bearer t"))
		require.Equal(t, "alice", w.Body.String(), name)
		require.Equal(t, 1, asked, name)
	}
}

func TestTheInnerDemandIsJudgedAlthoughTheIdentityIsKnown(t *testing.T) {
	g := newGuard(t, as("alice", "read"))
	require.Equal(t, 403, serve(g.Scope("read")(g.Scope("write")(reached)), get("/")).Code)
}

func TestOnlyItsOwnDecisionSatisfiesAGuard(t *testing.T) {
	alice := middleware.Identity{Subject: "alice", Scopes: scope.Granted("read")}
	refusing := newGuard(t, failing(middleware.ErrRefused))
	other := newGuard(t, as("mallory", "read"))
	routes := func(a middleware.Authenticator) *middleware.Routes {
		return newRoutes(t, middleware.Rule{Pattern: "/", Authenticator: a})
	}
	withIdentity := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(middleware.WithIdentity(r.Context(), alice)))
		})
	}
	for name, h := range map[string]http.Handler{
		"an identity set by hand":                                  withIdentity(refusing.Handler(reached)),
		"another guard's":                                          other.Handler(refusing.Handler(reached)),
		"another guard's, for a scope":                             other.Scope("read")(refusing.Scope("read")(reached)),
		"another guard's, by a table":                              other.Routes(newRoutes(t, middleware.Rule{Pattern: "/"}))(refusing.Handler(reached)),
		"the default authenticator's, for a rule with its own":     other.Handler(other.Routes(routes(failing(middleware.ErrRefused)))(reached)),
		"a rule's own, for the default authenticator":              refusing.Routes(routes(as("mallory", "read")))(refusing.Handler(reached)),
		"one rule's own, for another rule's":                       other.Routes(routes(as("mallory", "")))(other.Routes(routes(failing(middleware.ErrRefused)))(reached)),
		"that a route is public, for the guard behind it":          refusing.Routes(newRoutes(t, middleware.Rule{Pattern: "/", Public: true}))(refusing.Handler(reached)),
		"one guard's by a table that another guard shares as well": sharedTable(t),
	} {
		require.Equal(t, 401, serve(h, get("/")).Code, name)
	}
}

// sharedTable asks the same rule of two guards; the second must not take the first one's word.
func sharedTable(t *testing.T) http.Handler {
	t.Helper()
	turn := 0
	table := newRoutes(t, middleware.Rule{Pattern: "/", Authenticator: answering(func(*http.Request) (middleware.Identity, error) {
		turn++
		if turn == 1 {
			return middleware.Identity{Subject: "alice"}, nil
		}
		return middleware.Identity{}, middleware.ErrRefused
	})})
	return newGuard(t, as("a", "")).Routes(table)(newGuard(t, as("b", "")).Routes(table)(reached))
}

func TestAHandlerFindsTheIdentityOfTheGuardAroundIt(t *testing.T) {
	alice, bob := newGuard(t, as("alice", "")), newGuard(t, as("bob", ""))
	set := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "carol"})))
		})
	}
	for _, row := range []struct {
		want string
		h    http.Handler
	}{
		{"nobody", reached},
		{"carol", set(reached)},
		{"bob", alice.Handler(bob.Handler(reached))},
		{"alice", alice.Handler(bob.Handler(alice.Handler(reached)))},
		{"alice", alice.Handler(set(alice.Handler(reached)))},
		{"nobody", alice.Routes(newRoutes(t, middleware.Rule{Pattern: "/", Public: true}))(reached)},
	} {
		require.Equal(t, row.want, serve(row.h, get("/")).Body.String())
	}
}

// raise is what a careless handler does.
func raise(id *middleware.Identity) { id.Subject, id.Scopes = "root", scope.Granted("admin") }

func TestAnIdentityIsAValue(t *testing.T) {
	g := newGuard(t, as("alice", "read"))
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		raise(&id)
		again, ok := middleware.IdentityFrom(r.Context())
		fmt.Fprint(w, again.Subject, " ", again.Scopes, " ", ok)
	}))
	require.Equal(t, "alice read true", serve(h, get("/")).Body.String())
}

func TestADecisionKeepsWhatElseTheContextHolds(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	h := newGuard(t, as("alice", "")).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		child, stop := context.WithCancel(r.Context())
		defer stop()
		cancel()
		<-child.Done()
		fmt.Fprint(w, r.Context().Value(key{}), " ", r.Context().Err())
	}))
	require.Equal(t, "kept context canceled", serve(h, get("/").WithContext(ctx)).Body.String())
}

func TestReusingADecisionKeepsWhatWasPutOnTop(t *testing.T) {
	g := newGuard(t, as("alice", ""))
	inner := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		fmt.Fprint(w, id.Subject, " ", r.Context().Value(unrelated{}))
	}))
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "carol"})
		inner.ServeHTTP(w, r.WithContext(context.WithValue(ctx, unrelated{}, "kept")))
	}))
	require.Equal(t, "alice kept", serve(h, get("/")).Body.String())
}

type unrelated struct{}
