package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// events notes what an observer is told.
type events []middleware.Decision

func (e *events) Observe(_ context.Context, d middleware.Decision) { *e = append(*e, d) }

func observedBy(tb testing.TB, a middleware.Authenticator, o middleware.Observer) *middleware.Guard {
	tb.Helper()
	g, err := middleware.New(a, &middleware.Options{Observer: o})
	require.NoError(tb, err)
	return g
}

// told is what is said of a decision in words.
type told struct {
	outcome, reason string
	status          int
	subject         string
	credential, how string
}

func toldBy(d middleware.Decision) told {
	return told{d.Outcome, d.Reason, d.Status, d.Identity.Subject, d.Credential, d.How}
}

func TestWhatAnObserverIsTold(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	down := localissuer.New("https://id.example")
	down.SetDown(true)
	v, client := newVerifier(t, i), newClient(t, i)
	certs := ca.verifier(t, mtls.SPIFFE("example.com"))
	cert, jwt := middleware.ClientCert(certs), middleware.JWT(v)
	a := middleware.FirstOf(cert, jwt, middleware.Introspect(client))
	good, other := ca.issue(t, orders), ca.issue(t, billing)
	check := func(err error) func(*http.Request, middleware.Identity) error {
		return func(*http.Request, middleware.Identity) error { return err }
	}
	tok := i.AccessToken(audience)
	revoked := i.AccessToken(audience)
	i.Revoke(revoked)
	auth := func(tok string) string { return "Authorization: Bearer " + tok }
	both := middleware.RequireCert(cert, jwt)
	cache, err := token.NewCache(10, 1<<20)
	require.NoError(t, err)
	remembering, err := token.NewVerifier(i, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, &token.Options{Cache: cache})
	require.NoError(t, err)
	first, err := remembering.Verify(t.Context(), tok)
	require.NoError(t, err)
	require.False(t, first.Remembered())

	for _, row := range []struct {
		name string
		rule middleware.Rule
		a    middleware.Authenticator // nil: a
		r    *http.Request
		want told
	}{
		{"a JWT", middleware.Rule{}, nil, bearer(tok), told{"allowed", "allowed", 0, "client-1", "jwt", "checked"}},
		{"a JWT that is remembered", middleware.Rule{}, middleware.JWT(remembering), bearer(tok), told{"allowed", "allowed", 0, "client-1", "jwt", "remembered"}},
		{"an opaque token", middleware.Rule{}, nil, bearer(i.OpaqueToken(audience)), told{"allowed", "allowed", 0, "client-1", "opaque", "introspected"}},
		{"a confirmed JWT", middleware.Rule{}, middleware.Confirmed(v, client), bearer(tok), told{"allowed", "allowed", 0, "client-1", "jwt", "introspected"}},
		{"a certificate", middleware.Rule{}, nil, from(good), told{"allowed", "allowed", 0, orders, "mtls", "certificate"}},
		{"a JWT and its certificate", middleware.Rule{}, both, from(good, auth(i.AccessToken(audience, boundTo(t, good)))), told{"allowed", "allowed", 0, "client-1", "jwt", "checked"}},
		{"somebody else's authenticator", middleware.Rule{}, as("alice", ""), get("/"), told{"allowed", "allowed", 0, "alice", "", ""}},
		{"a public route", middleware.Rule{Public: true}, nil, bearer(tok), told{"public", "public", 0, "", "", ""}},

		{"nothing presented", middleware.Rule{}, nil, get("/"), told{"no_credentials", "no_credentials", 401, "", "", ""}},
		{"nothing that anybody takes", middleware.Rule{}, nil, get("/", "Authorization: Basic YTpi"), told{"refused", "refused", 401, "", "", ""}},
		{"an expired JWT", middleware.Rule{}, nil, bearer(i.AccessToken(audience, map[string]any{"exp": 1})), told{"refused", "expired", 401, "", "jwt", ""}},
		{"a stolen bound JWT", middleware.Rule{}, jwt, from(other, auth(i.AccessToken(audience, boundTo(t, good)))), told{"refused", "proof", 401, "", "jwt", ""}},
		{"an inactive opaque token", middleware.Rule{}, nil, bearer("nobodys"), told{"refused", "inactive", 401, "", "opaque", ""}},
		{"a revoked JWT", middleware.Rule{}, middleware.Confirmed(v, client), bearer(revoked), told{"refused", "inactive", 401, "", "jwt", ""}},
		{"a certificate that nobody vouches for", middleware.Rule{}, nil, from(newAuthority(t).issue(t, orders)), told{"refused", "chain", 401, "", "mtls", ""}},
		{"a certificate without a token", middleware.Rule{}, both, from(good), told{"refused", "no_token", 401, "", "mtls", ""}},
		{"a token without a certificate", middleware.Rule{}, both, bearer(tok), told{"refused", "no_certificate", 401, "", "", ""}},
		{"a token that is not bound", middleware.Rule{}, both, from(good, auth(tok)), told{"refused", "proof", 401, "", "", ""}},
		{"refused by somebody else's authenticator", middleware.Rule{}, failing(middleware.ErrRefused), get("/"), told{"refused", "refused", 401, "", "", ""}},
		{"two tokens", middleware.Rule{}, nil, get("/", auth(tok), auth(tok)), told{"invalid_request", "invalid_request", 400, "", "", ""}},
		{"the issuer of a JWT is down", middleware.Rule{}, middleware.JWT(newVerifier(t, down)), bearer(tok), told{"undecided", "undecided", 503, "", "jwt", ""}},
		{"the issuer of an opaque token is down", middleware.Rule{}, middleware.Introspect(newClient(t, down)), bearer(tok), told{"undecided", "undecided", 503, "", "opaque", ""}},
		{"an authenticator that names nobody", middleware.Rule{}, as("", ""), get("/"), told{"undecided", "undecided", 503, "", "", ""}},

		{"a scope is missing", middleware.Rule{Scope: scope.All("orders:write")}, nil, bearer(tok), told{"insufficient_scope", "insufficient_scope", 403, "client-1", "jwt", "checked"}},
		{"an issuer that the rule does not take", middleware.Rule{Issuers: []string{"https://other.example"}}, nil, bearer(tok), told{"refused", "issuer", 401, "client-1", "jwt", "checked"}},
		{"a certificate that the rule does not admit", middleware.Rule{Peers: mtls.SPIFFE("example.com", "/ns/prod/orders")}, nil, from(other), told{"forbidden", "peer", 403, billing, "mtls", "certificate"}},
		{"the check says no", middleware.Rule{Check: check(errBroken)}, nil, bearer(tok), told{"forbidden", "check", 403, "client-1", "jwt", "checked"}},
		{"the check refuses", middleware.Rule{Check: check(middleware.ErrRefused)}, nil, bearer(tok), told{"refused", "check", 401, "client-1", "jwt", "checked"}},
		{"the check cannot tell", middleware.Rule{Check: check(middleware.ErrUndecided)}, nil, bearer(tok), told{"undecided", "check", 503, "client-1", "jwt", "checked"}},
		{"limited", middleware.Rule{}, failing(middleware.ErrLimited), get("/"), told{"limited", "limited", 429, "", "", ""}},
		{"no rule", middleware.Rule{Pattern: "/elsewhere"}, nil, bearer(tok), told{"no_rule", "no_rule", 403, "", "", ""}},
		{"a path that is too long", middleware.Rule{}, nil, get("/"+strings.Repeat("x", 8<<10), auth(tok)), told{"target_too_long", "target_too_long", 414, "", "", ""}},
		{"an ambiguous target", middleware.Rule{}, nil, get("/a//b", auth(tok)), told{"ambiguous_target", "ambiguous_target", 400, "", "", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.a == nil {
				row.a = a
			}
			if row.rule.Pattern == "" {
				row.rule.Pattern = "/"
			}
			var seen events
			w := serve(observedBy(t, row.a, &seen).Routes(newRoutes(t, row.rule))(reached), row.r)
			require.Len(t, seen, 1)
			require.Equal(t, row.want, toldBy(seen[0]))
			require.Same(t, row.r, seen[0].Request)
			require.Equal(t, row.want.status, statusUnless200(w.Code))
			require.Equal(t, slices.Contains([]string{"no_rule", "target_too_long"}, row.want.outcome) || row.want.outcome == "ambiguous_target", seen[0].Rule == "")
			require.False(t, row.want.status == 0 && seen[0].Err != nil)
		})
	}
}

func statusUnless200(code int) int {
	if code == http.StatusOK {
		return 0
	}
	return code
}

func TestEachHandlerOfAGuardReportsOneDecision(t *testing.T) {
	var seen events
	g := observedBy(t, as("alice", "a"), &seen)
	routes := newRoutes(t,
		middleware.Rule{Pattern: "/orders/{id}"}, middleware.Rule{Pattern: "/own", Authenticator: as("bob", "")},
		middleware.Rule{Pattern: "/public", Public: true},
	)
	onTop := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "carol"})))
		})
	}
	type event struct{ rule, outcome, subject, how string }
	for _, row := range []struct {
		name, path string
		h          http.Handler
		want       []event
	}{
		{"Handler", "/", g.Handler(reached), []event{{"", "allowed", "alice", ""}}},
		{"Scope", "/", g.Scope("a")(reached), []event{{"", "allowed", "alice", ""}}},
		{"Scope, not granted", "/", g.Scope("b")(reached), []event{{"", "insufficient_scope", "alice", ""}}},
		{"Handler, an ambiguous target", "/a//b", g.Handler(reached), []event{{"", "ambiguous_target", "", ""}}},
		{"Routes", "/orders/7", g.Routes(routes)(reached), []event{{"/orders/{id}", "allowed", "alice", ""}}},
		{"Scope in Routes", "/orders/7", g.Routes(routes)(g.Scope("a")(reached)), []event{{"/orders/{id}", "allowed", "alice", ""}, {"", "allowed", "alice", "nested"}}},
		{"Scope in Routes, with something on top", "/orders/7", g.Routes(routes)(onTop(g.Scope("a")(reached))), []event{{"/orders/{id}", "allowed", "alice", ""}, {"", "allowed", "alice", "nested"}}},
		{"Scope in Routes, not granted", "/orders/7", g.Routes(routes)(g.Scope("b")(reached)), []event{{"/orders/{id}", "allowed", "alice", ""}, {"", "insufficient_scope", "alice", "nested"}}},
		{"Handler behind a rule's own authenticator", "/own", g.Routes(routes)(g.Handler(reached)), []event{{"/own", "allowed", "bob", ""}, {"", "allowed", "alice", ""}}},
		{"Handler on a public route", "/public", g.Routes(routes)(g.Handler(reached)), []event{{"/public", "public", "", ""}, {"", "allowed", "alice", ""}}},
		{"a preflight on a public route for any method", "/public", g.Routes(routes)(reached), []event{{"/public", "allowed", "alice", ""}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen = nil
			r := get(row.path)
			if row.name[0] == 'a' {
				r = request(http.MethodOptions, row.path, "Origin: https://app.example", "Access-Control-Request-Method: GET")
			}
			serve(row.h, r)
			var got []event
			for _, d := range seen {
				got = append(got, event{d.Rule, d.Outcome, d.Identity.Subject, d.How})
			}
			require.Equal(t, row.want, got)
		})
	}
}

// observing is an observer made of its one method.
type observing func(ctx context.Context, d middleware.Decision)

func (f observing) Observe(ctx context.Context, d middleware.Decision) { f(ctx, d) }

func TestAnObserverHearsOfADecisionBeforeAnybodyElse(t *testing.T) {
	type key struct{}
	var order []string
	w := httptest.NewRecorder()
	g := observedBy(t, as("alice", ""), observing(func(ctx context.Context, d middleware.Decision) {
		require.Equal(t, "kept", ctx.Value(key{}))
		require.Empty(t, w.Header(), "nothing has been answered")
		order = append(order, d.Outcome)
	}))
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order = append(order, "handler") })
	r := get("/").WithContext(context.WithValue(t.Context(), key{}, "kept"))
	g.Handler(next).ServeHTTP(w, r)
	g.Scope("a")(next).ServeHTTP(w, r)
	require.Equal(t, []string{"allowed", "handler", "insufficient_scope"}, order)
}

func TestAPanickingObserverOpensNothing(t *testing.T) {
	ran := false
	g := observedBy(t, as("alice", ""), observing(func(context.Context, middleware.Decision) { panic("defect") }))
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })
	routes := newRoutes(t, middleware.Rule{Pattern: "/", Public: true})
	for _, h := range []http.Handler{g.Handler(next), g.Scope("a")(next), g.Routes(routes)(next)} {
		require.PanicsWithValue(t, "defect", func() { serve(h, get("/")) })
	}
	require.False(t, ran)
}

func TestADecisionTellsHowLongItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen events
		slow := answering(func(r *http.Request) (middleware.Identity, error) {
			time.Sleep(3 * time.Second)
			return as("alice", "").Authenticate(r)
		})
		h := observedBy(t, slow, &seen).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }))
		serve(h, get("/"))
		require.Equal(t, 3*time.Second, seen[0].Duration)
	})
}

func TestAnObserverLearnsWhoWasRevoked(t *testing.T) {
	for _, row := range []struct {
		name    string
		revoked bool
		err     error
		want    told
		is      error
	}{
		{"revoked", true, nil, told{"refused", "revoked", 401, "alice", "", ""}, middleware.ErrRefused},
		{"could not tell", false, errBroken, told{"undecided", "revocations", 503, "alice", "", ""}, errBroken},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen events
			g, err := middleware.New(as("alice", ""), &middleware.Options{
				Observer:    &seen,
				Revocations: revoking(func(context.Context, middleware.Identity) (bool, error) { return row.revoked, row.err }),
			})
			require.NoError(t, err)
			serve(g.Handler(reached), get("/"))
			require.Len(t, seen, 1)
			require.Equal(t, row.want, toldBy(seen[0]))
			require.ErrorIs(t, seen[0].Err, row.is)
		})
	}
}

func TestTheErrorOfADecisionIsThatOfWhoExamined(t *testing.T) {
	i := localissuer.New("https://id.example")
	var seen events
	serve(observedBy(t, middleware.JWT(newVerifier(t, i)), &seen).Handler(reached), bearer(i.AccessToken(audience, map[string]any{"exp": 1})))
	require.Equal(t, token.ReasonExpired, token.ReasonOf(seen[0].Err))
	_, err := newVerifier(t, i).Verify(t.Context(), i.AccessToken(audience, map[string]any{"exp": 1}))
	require.EqualError(t, seen[0].Err, err.Error())
}

func TestAnObserverCostsNoAllocation(t *testing.T) {
	g := observedBy(t, &remembering{middleware.Identity{Subject: "alice"}}, observing(func(context.Context, middleware.Decision) {}))
	h := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := get("/")
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { h.ServeHTTP(nil, r) }), 2.0)
}
