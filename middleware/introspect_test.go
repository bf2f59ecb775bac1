package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// asking is an introspector made of its one method.
type asking func(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error)

func (f asking) Introspect(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error) {
	return f(ctx, tok, have...)
}

// newClient asks i, whose requests need no network.
func newClient(tb testing.TB, i *localissuer.Issuer, edits ...func(*introspect.Options)) *introspect.Client {
	tb.Helper()
	opts := &introspect.Options{HTTPClient: &http.Client{Transport: inProcess{i}}}
	for _, edit := range edits {
		edit(opts)
	}
	c, err := introspect.New(introspect.Config{
		Endpoint:  i.IntrospectionURL(),
		Issuer:    i.URL(),
		Audiences: []string{audience},
		Auth:      introspect.Auth{Method: "client_secret_basic", ClientID: "gateway", Secret: secretOf(i.Register("gateway", ""))},
	}, opts)
	require.NoError(tb, err)
	return c
}

func secretOf(secret string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return secret, nil }
}

// inProcess reaches an issuer without a network; where that is down, there is no answer.
type inProcess struct{ issuer *localissuer.Issuer }

func (t inProcess) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if recover() != nil {
			err = errBroken
		}
	}()
	w := httptest.NewRecorder()
	t.issuer.ServeHTTP(w, r)
	return w.Result(), nil
}

func bearer(tok string) *http.Request { return get("/", "Authorization: Bearer "+tok) }

func requireUndecided(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, decided := range []error{middleware.ErrRefused, middleware.ErrInvalidRequest, middleware.ErrNoCredentials} {
		require.NotErrorIs(t, err, decided)
	}
}

func TestIntrospect(t *testing.T) {
	i := localissuer.New("https://id.example")
	a := middleware.Introspect(newClient(t, i))
	t.Run("an active token", func(t *testing.T) {
		id, err := a.Authenticate(bearer(i.OpaqueToken(audience, map[string]any{"sub": "alice", "scope": "a b"})))
		require.NoError(t, err)
		require.NotNil(t, id.Introspection)
		require.Equal(t, middleware.Identity{
			Subject: "alice", Issuer: "https://id.example", ClientID: "client-1",
			Scopes: scope.Granted("a b"), Expiry: id.Introspection.Expiry(), Introspection: id.Introspection,
		}, id)
		require.False(t, id.Expiry.IsZero())
	})
	t.Run("refused: its reason stays readable", func(t *testing.T) {
		for tok, want := range map[string]introspect.Reason{
			"nobodys":                           introspect.ReasonInactive,
			i.OpaqueToken("another-api"):        introspect.ReasonAudience,
			i.OpaqueToken(audience) + "=":       introspect.ReasonInactive,
			strings.Repeat("x", 20<<10):         introspect.ReasonMalformed,
			bound(i.OpaqueToken, "jkt"):         introspect.ReasonProof,
			bound(i.OpaqueToken, "x5t#S256"):    introspect.ReasonProof,
			bound(i.OpaqueToken, "unknown-way"): introspect.ReasonProof,
		} {
			_, err := a.Authenticate(bearer(tok))
			require.ErrorIs(t, err, middleware.ErrRefused)
			require.ErrorIs(t, err, introspect.ErrRefused)
			require.Equal(t, want, introspect.ReasonOf(err))
		}
	})
	t.Run("a JWT is asked about like any token", func(t *testing.T) {
		id, err := a.Authenticate(bearer(i.AccessToken(audience)))
		require.NoError(t, err)
		require.Nil(t, id.Token)
		require.NotNil(t, id.Introspection)
	})
	t.Run("no token", func(t *testing.T) {
		_, err := a.Authenticate(get("/"))
		require.ErrorIs(t, err, middleware.ErrNoCredentials)
	})
	t.Run("undecided: the issuer cannot be reached", func(t *testing.T) {
		tok := i.OpaqueToken(audience)
		i.SetDown(true)
		defer i.SetDown(false)
		_, err := a.Authenticate(bearer(tok))
		requireUndecided(t, err)
	})
	t.Run("neither a result nor an error is undecided", func(t *testing.T) {
		nothing := asking(func(context.Context, string, ...introspect.Proof) (*introspect.Result, error) { return nil, nil })
		_, err := middleware.Introspect(nothing).Authenticate(bearer("a"))
		require.ErrorIs(t, err, middleware.ErrUndecided)
		_, err = middleware.Confirmed(newVerifier(t, i), nothing).Authenticate(bearer(i.AccessToken(audience)))
		require.ErrorIs(t, err, middleware.ErrUndecided)
	})
	t.Run("an active token that names nobody is still somebody's", func(t *testing.T) {
		tok := i.OpaqueToken(audience, map[string]any{"sub": nil, "client_id": nil})
		require.Equal(t, 200, serve(newGuard(t, a).Handler(reached), bearer(tok)).Code)
	})
}

func bound(issue func(string, ...map[string]any) string, method string) string {
	return issue(audience, map[string]any{"cnf": map[string]any{method: "x"}})
}

// The verdict is the route's, on every request: what is remembered of a token are facts.
func TestARouteJudgesARememberedToken(t *testing.T) {
	i := localissuer.New("https://id.example")
	g := newGuard(t, middleware.Introspect(newClient(t, i)))
	tok := i.OpaqueToken(audience, map[string]any{"scope": "orders:read"})
	for range 2 {
		require.Equal(t, 200, serve(g.Scope("orders:read")(reached), bearer(tok)).Code)
		require.Equal(t, 403, serve(g.Scope("orders:write")(reached), bearer(tok)).Code)
	}
	require.Equal(t, 1, i.Requests("/introspect"))
}

func TestJWTsAreVerifiedAndOtherTokensAskedAbout(t *testing.T) {
	i := localissuer.New("https://id.example")
	h := newGuard(t, middleware.FirstOf(middleware.JWT(newVerifier(t, i)), middleware.Introspect(newClient(t, i)))).Handler(reached)
	for _, row := range []struct {
		name, token string
		status      int
		calls       int
	}{
		{"a JWT", i.AccessToken(audience), 200, 0},
		{"an expired JWT", i.AccessToken(audience, map[string]any{"exp": 1}), 401, 0},
		{"a JWT for another audience", i.AccessToken("other-api"), 401, 0},
		{"alg none", b64(`{"alg":"none"}`) + "." + b64(`{"sub":"root"}`) + ".", 401, 0},
		{"an opaque token", i.OpaqueToken(audience), 200, 1},
		{"an opaque token with dots that begins with eyJ", "eyJabc.def.ghi", 401, 1},
		{"five segments", b64(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d", 401, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := i.Requests("/introspect")
			require.Equal(t, row.status, serve(h, bearer(row.token)).Code)
			require.Equal(t, row.calls, i.Requests("/introspect")-before)
		})
	}
}

func TestConfirmed(t *testing.T) {
	i := localissuer.New("https://id.example")
	a := middleware.Confirmed(newVerifier(t, i), newClient(t, i, func(o *introspect.Options) { o.TTL = time.Millisecond }))
	t.Run("a JWT that is active", func(t *testing.T) {
		id, err := a.Authenticate(bearer(i.AccessToken(audience, map[string]any{"sub": "alice"})))
		require.NoError(t, err)
		require.Equal(t, "alice", id.Subject)
		require.NotNil(t, id.Token)
		require.NotNil(t, id.Introspection)
	})
	t.Run("a JWT that was revoked", func(t *testing.T) {
		tok := i.AccessToken(audience)
		i.Revoke(tok)
		_, err := a.Authenticate(bearer(tok))
		require.ErrorIs(t, err, middleware.ErrRefused)
		require.Equal(t, introspect.ReasonInactive, introspect.ReasonOf(err))
	})
	t.Run("what does not verify is not asked about", func(t *testing.T) {
		before := i.Requests("/introspect")
		_, err := a.Authenticate(bearer(i.AccessToken(audience, map[string]any{"exp": 1})))
		require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
		_, err = a.Authenticate(bearer(i.OpaqueToken(audience)))
		require.ErrorIs(t, err, middleware.ErrNoCredentials)
		require.Equal(t, before, i.Requests("/introspect"))
	})
	t.Run("the issuer cannot be reached", func(t *testing.T) {
		elsewhere := localissuer.New("https://id.example")
		elsewhere.SetDown(true)
		_, err := middleware.Confirmed(newVerifier(t, i), newClient(t, elsewhere)).Authenticate(bearer(i.AccessToken(audience)))
		requireUndecided(t, err)
	})
	t.Run("another issuer was asked", func(t *testing.T) {
		other := localissuer.New("https://other.example")
		theirs := other.OpaqueToken(audience, map[string]any{"sub": "client-1"})
		mixedUp := asking(func(ctx context.Context, _ string, have ...introspect.Proof) (*introspect.Result, error) {
			return newClient(t, other).Introspect(ctx, theirs, have...)
		})
		_, err := middleware.Confirmed(newVerifier(t, i), mixedUp).Authenticate(bearer(i.AccessToken(audience)))
		require.ErrorIs(t, err, middleware.ErrUndecided)
	})
	t.Run("an introspector learns whose token it is", func(t *testing.T) {
		var seen middleware.Identity
		c := newClient(t, i)
		curious := asking(func(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error) {
			seen, _ = middleware.IdentityFrom(ctx)
			return c.Introspect(ctx, tok, have...)
		})
		_, err := middleware.Confirmed(newVerifier(t, i), curious).Authenticate(bearer(i.AccessToken(audience)))
		require.NoError(t, err)
		require.Equal(t, "https://id.example", seen.Issuer)
		require.NotNil(t, seen.Token)
	})
}

// The issuer's answer may take back what the token says, and adds nothing to it.
func TestConfirmedTakesTheLesserOfBoth(t *testing.T) {
	i := localissuer.New("https://id.example")
	soon := time.Now().Add(time.Minute).Truncate(time.Second)
	for _, row := range []struct {
		name          string
		token, answer map[string]any
		refused       bool
		scopes        string
		expiry        time.Time
	}{
		{name: "the same", token: map[string]any{"scope": "a b"}, answer: map[string]any{"scope": "a b"}, scopes: "a b"},
		{name: "a scope taken back", token: map[string]any{"scope": "a b"}, answer: map[string]any{"scope": "b"}, scopes: "b"},
		{name: "a scope more", token: map[string]any{"scope": "a"}, answer: map[string]any{"scope": "a b"}, scopes: "a"},
		{name: "all scopes taken back", token: map[string]any{"scope": "a b"}, answer: map[string]any{"scope": ""}, scopes: ""},
		{name: "an answer that does not speak of scopes", token: map[string]any{"scope": "a b"}, answer: map[string]any{"scope": nil}, scopes: "a b"},
		{name: "an earlier end", answer: map[string]any{"exp": soon.Unix()}, scopes: "orders:read", expiry: soon},
		{name: "a later end", token: map[string]any{"exp": soon.Unix()}, scopes: "orders:read", expiry: soon},
		{name: "no end", token: map[string]any{"exp": soon.Unix()}, answer: map[string]any{"exp": nil}, scopes: "orders:read", expiry: soon},
		{name: "no subject", answer: map[string]any{"sub": nil}, scopes: "orders:read"},
		{name: "no client", answer: map[string]any{"client_id": nil}, scopes: "orders:read"},
		{name: "another subject", answer: map[string]any{"sub": "mallory"}, refused: true},
		{name: "another client", answer: map[string]any{"client_id": "mallory"}, refused: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw, answered := i.AccessToken(audience, row.token), i.OpaqueToken(audience, row.answer)
			c := newClient(t, i)
			a := middleware.Confirmed(newVerifier(t, i), asking(func(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error) {
				require.Equal(t, raw, tok)
				return c.Introspect(ctx, answered, have...)
			}))
			id, err := a.Authenticate(bearer(raw))
			if row.refused {
				require.ErrorIs(t, err, middleware.ErrRefused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.scopes, id.Scopes.String())
			require.Equal(t, "client-1", id.Subject)
			require.Equal(t, "client-1", id.ClientID)
			if !row.expiry.IsZero() {
				require.Equal(t, row.expiry.Unix(), id.Expiry.Unix())
			}
		})
	}
}

// One sender's tokens wait for one sender's share: the peer is the connection's, unless who stands nearer to the client knows better.
func TestTheSenderIsSaidToTheIntrospector(t *testing.T) {
	i := localissuer.New("https://id.example")
	somebody := netip.MustParseAddr("192.0.2.7")
	names := func(r *http.Request, a func(middleware.Introspector) middleware.Authenticator) (aPeer bool) {
		_, err := a(asking(func(ctx context.Context, _ string, _ ...introspect.Proof) (*introspect.Result, error) {
			aPeer = introspect.WithPeer(ctx, somebody) == ctx // which leaves a context alone that has a peer
			return nil, introspect.ErrRefused
		})).Authenticate(r)
		require.ErrorIs(t, err, middleware.ErrRefused)
		return aPeer
	}
	for name, a := range map[string]func(middleware.Introspector) middleware.Authenticator{
		"Introspect": func(c middleware.Introspector) middleware.Authenticator { return middleware.Introspect(c) },
		"Confirmed": func(c middleware.Introspector) middleware.Authenticator {
			return middleware.Confirmed(newVerifier(t, i), c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := bearer(i.AccessToken(audience))
			r.RemoteAddr = "192.0.2.7:1234"
			require.True(t, names(r, a))
			r.RemoteAddr = "@" // a Unix socket's
			require.False(t, names(r, a), "none is made up")
			require.True(t, names(r.WithContext(introspect.WithPeer(r.Context(), somebody)), a))
		})
	}
}

func TestMistakesInAskingTheIssuer(t *testing.T) {
	var nobody *introspect.Client
	_, err := middleware.New(middleware.FirstOf(middleware.Introspect(nil), middleware.Introspect(nobody, nil), middleware.Confirmed(nil, nil, nil)), nil)
	require.EqualError(t, err, strings.Join([]string{
		"middleware: FirstOf, number 1: Introspect: the introspector is nil",
		"FirstOf, number 2: Introspect: the introspector is nil",
		"Introspect: source 1 is nil",
		"FirstOf, number 3: Confirmed: the verifier is nil",
		"Confirmed: the introspector is nil",
		"Confirmed: source 1 is nil",
	}, "\n"))
}
