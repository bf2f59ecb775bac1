package middleware_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

type pointerAuthenticator struct{ middleware.Authenticator }

func TestNewReportsEveryMistake(t *testing.T) {
	for _, row := range []struct {
		name string
		auth middleware.Authenticator
		opts *middleware.Options
		want []string
	}{
		{name: "no authenticator", auth: nil, want: []string{"authenticator is nil"}},
		{name: "a nil pointer in the interface", auth: (*pointerAuthenticator)(nil), want: []string{"authenticator is nil"}},
		{name: "a nil function in the interface", auth: answering(nil), want: []string{"authenticator is nil"}},
		{name: "JWT of nothing", auth: middleware.JWT(nil), want: []string{"JWT: the verifier is nil"}},
		{name: "JWT of a nil pointer", auth: middleware.JWT((*verifying)(nil)), want: []string{"JWT: the verifier is nil"}},
		{name: "JWT with a nil source", auth: middleware.JWT(&verifying{}, middleware.FromHeader("Authorization"), nil), want: []string{"JWT: source 2 is nil"}},
		{
			name: "nothing inside of FirstOf, each named",
			auth: middleware.FirstOf(as("alice", ""), nil, middleware.FirstOf(middleware.JWT(nil))),
			want: []string{"FirstOf, number 2: the authenticator is nil", "FirstOf, number 3: FirstOf, number 1: JWT: the verifier is nil"},
		},
		{
			name: "options, all at once, beside the authenticator",
			auth: nil,
			opts: &middleware.Options{Realm: "a\r\nX-Evil: 1", ResourceMetadata: "http://api.example/x", RetryAfter: -1},
			want: []string{"authenticator is nil", `realm "a\r\nX-Evil: 1"`, `ResourceMetadata "http://api.example/x"`, "RetryAfter -1ns"},
		},
		{name: "a realm outside ASCII", auth: as("alice", ""), opts: &middleware.Options{Realm: "Zürich"}, want: []string{`realm "Zürich"`}},
		{name: "metadata without a host", auth: as("alice", ""), opts: &middleware.Options{ResourceMetadata: "https:///x"}, want: []string{"ResourceMetadata"}},
		{name: "metadata with a fragment", auth: as("alice", ""), opts: &middleware.Options{ResourceMetadata: "https://a/x#y"}, want: []string{"ResourceMetadata"}},
		{name: "metadata outside ASCII", auth: as("alice", ""), opts: &middleware.Options{ResourceMetadata: "https://a/é"}, want: []string{"ResourceMetadata"}},
		{name: "metadata with a password", auth: as("alice", ""), opts: &middleware.Options{ResourceMetadata: "https://u:p@a/x"}, want: []string{"ResourceMetadata"}},
		{name: "metadata that is no URL", auth: as("alice", ""), opts: &middleware.Options{ResourceMetadata: "https://a b/"}, want: []string{"ResourceMetadata"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := middleware.New(row.auth, row.opts)
			require.Nil(t, g)
			for _, w := range row.want {
				require.ErrorContains(t, err, w)
			}
		})
	}
}

func TestMetadataOnLoopbackMayBePlainHTTP(t *testing.T) {
	for _, u := range []string{"http://localhost:8080/m", "http://127.0.0.1/m", "http://[::1]:1/m", "https://api.example/m"} {
		_, err := middleware.New(as("alice", ""), &middleware.Options{ResourceMetadata: u})
		require.NoError(t, err, u)
	}
}

func TestRetryAfterHasADefault(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "5", time.Nanosecond: "1", time.Second: "1", 90 * time.Second: "90"} {
		g, err := middleware.New(failing(errBroken), &middleware.Options{RetryAfter: d})
		require.NoError(t, err)
		require.Equal(t, want, serve(g.Handler(reached), get("/")).Header().Get("Retry-After"), d)
	}
}

func TestWhatWasNotMadeByItsConstructorLetsNothingPass(t *testing.T) {
	routes := newRoutes(t, middleware.Rule{Pattern: "/", Public: true})
	for name, g := range map[string]*middleware.Guard{"nil": nil, "zero": {}} {
		for what, h := range map[string]http.Handler{
			"Handler": g.Handler(reached),
			"Scope":   g.Scope("a")(reached),
			"Require": g.Require(scope.All("a"))(reached),
			"Routes":  g.Routes(routes)(reached),
		} {
			require.Equal(t, 503, serve(h, get("/")).Code, "%s guard, %s", name, what)
		}
	}
	g := newGuard(t, as("alice", ""))
	for name, routes := range map[string]*middleware.Routes{"nil": nil, "zero": {}, "empty": newRoutes(t)} {
		require.Equal(t, 403, serve(g.Routes(routes)(reached), get("/")).Code, "%s table", name)
		require.Equal(t, []string{"/"}, routes.Uncovered("/"), "%s table", name)
		require.Equal(t, 403, routes.Explain(get("/")).Status, "%s table", name)
	}
}

func TestANilHandlerIsNeverReached(t *testing.T) {
	g := newGuard(t, as("alice", "a"))
	routes := newRoutes(t, middleware.Rule{Pattern: "/", Public: true})
	for name, next := range map[string]http.Handler{"nil": nil, "a nil function": http.HandlerFunc(nil), "a nil pointer": (*http.ServeMux)(nil)} {
		for _, h := range []http.Handler{g.Handler(next), g.Scope("a")(next), g.Routes(routes)(next)} {
			require.Equal(t, 503, serve(h, get("/")).Code, name)
		}
	}
}

func TestAPanickingAuthenticatorOpensNothing(t *testing.T) {
	ran := false
	h := newGuard(t, answering(func(*http.Request) (middleware.Identity, error) { panic("defect") })).
		Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
	require.PanicsWithValue(t, "defect", func() { serve(h, get("/")) })
	require.False(t, ran)
}

// A wrapped ResponseWriter would lose what a server's own can do.
func TestAHandlerGetsTheVeryResponseWriter(t *testing.T) {
	g := newGuard(t, as("alice", "a"))
	routes := newRoutes(t, middleware.Rule{Pattern: "GET /guarded"}, middleware.Rule{Pattern: "GET /public", Public: true})
	for _, path := range []string{"/guarded", "/public"} {
		var got http.ResponseWriter
		next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })
		w := recorder{}
		g.Routes(routes)(g.Routes(routes)(next)).ServeHTTP(w, get(path))
		require.Equal(t, w, got, path)
	}
}

type recorder struct{ http.ResponseWriter }
