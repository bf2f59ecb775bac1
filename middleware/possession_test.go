package middleware_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/internal/racing"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/token"
)

// selfSigned is a certificate that nobody vouches for.
func selfSigned(tb testing.TB) *tls.Certificate {
	tb.Helper()
	return newAuthority(tb).issue(tb, "self.example")
}

// tokenKinds are the ways to send a token that says what the claims say.
func tokenKinds(t *testing.T, i *localissuer.Issuer) map[string]struct {
	a     middleware.Authenticator
	issue func(string, ...map[string]any) string
} {
	t.Helper()
	v, c := newVerifier(t, i), newClient(t, i)
	return map[string]struct {
		a     middleware.Authenticator
		issue func(string, ...map[string]any) string
	}{
		"JWT":                     {middleware.JWT(v), i.AccessToken},
		"Introspect":              {middleware.Introspect(c), i.OpaqueToken},
		"Confirmed":               {middleware.Confirmed(v, c), i.AccessToken},
		"FirstOf, the JWT":        {middleware.FirstOf(middleware.JWT(v), middleware.Introspect(c)), i.AccessToken},
		"FirstOf, the opaque one": {middleware.FirstOf(middleware.JWT(v), middleware.Introspect(c)), i.OpaqueToken},
		"within somebody's own":   {answering(middleware.JWT(v).Authenticate), i.AccessToken},
		"within one that clones the request": {answering(func(r *http.Request) (middleware.Identity, error) {
			return middleware.JWT(v).Authenticate(r.Clone(r.Context()))
		}), i.AccessToken},
	}
}

func TestABoundTokenIsGoodOnlyFromWhoHasItsCertificate(t *testing.T) {
	i := localissuer.New("https://id.example")
	owner, thief := selfSigned(t), selfSigned(t)
	for name, kind := range tokenKinds(t, i) {
		bearer := func(claims map[string]any) string { return "Authorization: Bearer " + kind.issue(audience, claims) }
		bound := bearer(boundTo(t, owner))
		twice := bearer(map[string]any{"cnf": map[string]any{"x5t#S256": thumbprintOf(t, owner), "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
		for _, row := range []struct {
			name   string
			r      *http.Request
			status int
		}{
			{"from its owner, whoever vouches for the certificate", from(owner, bound), 200},
			{"from its owner again, as it is remembered", from(owner, bound), 200},
			{"from a thief with a certificate of their own", from(thief, bound), 401},
			{"from a thief without a certificate", from(nil, bound), 401},
			{"from a thief without TLS", get("/", bound), 401},
			{"from its owner still", from(owner, bound), 200},
			{"a certificate in a header is no proof", from(nil, bound, clientCertHeader(owner)), 401},
			{"a token that is bound to nothing", from(owner, bearer(nil)), 200},
			{"a token that is bound to a key as well", from(owner, twice), 401},
		} {
			require.Equal(t, row.status, serve(newGuard(t, kind.a).Handler(reached), row.r).Code, "%s: %s", name, row.name)
		}
	}
}

// What is remembered of a token are facts, and who may use it is asked for each time.
func TestAThiefDoesNotRideOnTheOwnersCacheEntry(t *testing.T) {
	i := localissuer.New("https://id.example")
	owner, thief := selfSigned(t), selfSigned(t)
	h := newGuard(t, middleware.Introspect(newClient(t, i))).Handler(reached)
	bound := "Authorization: Bearer " + i.OpaqueToken(audience, boundTo(t, owner))
	require.Equal(t, 200, serve(h, from(owner, bound)).Code)
	requireAnswer(t, want{status: 401, challenge: `Bearer error="invalid_token"`}, h, from(thief, bound))
	require.Equal(t, 401, serve(h, from(nil, bound)).Code)
	require.Equal(t, 200, serve(h, from(owner, bound)).Code)
	require.Equal(t, 1, i.Requests("/introspect"), "all but the first by what was remembered")
}

func TestProofsAreHandedOnOnlyWhereThereAreAny(t *testing.T) {
	cert := selfSigned(t)
	var tokens []token.Proof
	var answers []introspect.Proof
	v := verifyingProofs(func(have []token.Proof) { tokens = have })
	c := asking(func(_ context.Context, _ string, have ...introspect.Proof) (*introspect.Result, error) {
		answers = have
		return nil, errBroken
	})
	for _, a := range []middleware.Authenticator{middleware.JWT(v), middleware.Introspect(c)} {
		_, err := a.Authenticate(from(cert, "Authorization: Bearer "+jws))
		require.Error(t, err)
	}
	require.Len(t, tokens, 1)
	require.Len(t, answers, 1)
	require.Equal(t, "x5t#S256", tokens[0].Method)
	require.Equal(t, "x5t#S256", answers[0].Method)
	for _, find := range []func() (string, error){tokens[0].Find, answers[0].Find} {
		for range 2 {
			found, err := find()
			require.NoError(t, err)
			require.Equal(t, thumbprintOf(t, cert), found)
		}
	}
	unfinished := from(cert, "Authorization: Bearer "+jws)
	unfinished.TLS.HandshakeComplete = false // early data: the client has proved nothing yet
	for name, r := range map[string]*http.Request{
		"no TLS": bearer(jws), "no certificate": from(nil, "Authorization: Bearer "+jws), "an unfinished handshake": unfinished,
	} {
		tokens, answers = []token.Proof{{}}, []introspect.Proof{{}}
		_, err := middleware.JWT(v).Authenticate(r)
		require.Error(t, err)
		_, err = middleware.Introspect(c).Authenticate(r)
		require.Error(t, err)
		require.Empty(t, tokens, name)
		require.Empty(t, answers, name)
	}
}

type verifyingProofs func(have []token.Proof)

func (f verifyingProofs) Verify(_ context.Context, _ string, have ...token.Proof) (*token.Claims, error) {
	f(have)
	return nil, errBroken
}

// Behind a proxy, the certificate that counts is the client's.
func TestABoundTokenBehindAProxy(t *testing.T) {
	i := localissuer.New("https://id.example")
	client, proxy := selfSigned(t), selfSigned(t)
	const trusted, direct = "192.0.2.1:4711", "198.51.100.7:4711"
	for name, kind := range tokenKinds(t, i) {
		g, err := middleware.New(kind.a, &middleware.Options{Forwarded: forwardedFrom(t, nil, "192.0.2.1/32")})
		require.NoError(t, err)
		other, err := middleware.New(as("nobody", ""), &middleware.Options{Forwarded: forwardedFrom(t, nil, "192.0.2.1/32")})
		require.NoError(t, err)
		for where, h := range map[string]http.Handler{
			"Handler":               g.Handler(reached),
			"a rule's own":          other.Routes(newRoutes(t, middleware.Rule{Pattern: "/", Authenticator: kind.a}))(reached),
			"in a guard without":    newGuard(t, as("a", "")).Handler(g.Handler(reached)),
			"nested in its own":     g.Handler(g.Handler(reached)),
			"around one without it": g.Handler(newGuard(t, as("client-1", "")).Handler(reached)),
		} {
			clients := "Authorization: Bearer " + kind.issue(audience, boundTo(t, client))
			proxys := "Authorization: Bearer " + kind.issue(audience, boundTo(t, proxy))
			free := "Authorization: Bearer " + kind.issue(audience)
			for _, row := range []struct {
				name, sender string
				cert         *tls.Certificate
				headers      []string
				status       int
			}{
				{"the client's certificate is forwarded", trusted, proxy, []string{clients, clientCertHeader(client)}, 200},
				{"the proxy has no certificate itself", trusted, nil, []string{clients, clientCertHeader(client)}, 200},
				{"another one's is forwarded", trusted, proxy, []string{clients, clientCertHeader(proxy)}, 401},
				{"none is forwarded", trusted, proxy, []string{clients}, 401},
				{"the proxy's own proves nothing for its clients", trusted, proxy, []string{proxys}, 401},
				{"nor beside the client's", trusted, proxy, []string{proxys, clientCertHeader(client)}, 401},
				{"who is no trusted proxy forwards nothing", direct, proxy, []string{clients, clientCertHeader(client)}, 401},
				{"who is no trusted proxy speaks for itself", direct, client, []string{clients}, 200},
				{"and with a header too", direct, client, []string{clients, clientCertHeader(proxy)}, 200},
				{"a token that is bound to nothing", trusted, proxy, []string{free}, 200},
				{"what is forwarded is malformed: refused, although the token is bound to nothing", trusted, proxy, []string{free, "Client-Cert: :AAAA:"}, 401},
				{"what is forwarded is there twice", trusted, proxy, []string{clients, clientCertHeader(client), clientCertHeader(client)}, 401},
			} {
				r := from(row.cert, row.headers...)
				r.RemoteAddr = row.sender
				require.Equal(t, row.status, serve(h, r).Code, "%s, %s: %s", name, where, row.name)
			}
		}
	}
}

func TestWhatIsForwardedCannotBeDecided(t *testing.T) {
	i := localissuer.New("https://id.example")
	for name, kind := range tokenKinds(t, i) {
		g, err := middleware.New(kind.a, &middleware.Options{Forwarded: forwarding{err: errBroken}})
		require.NoError(t, err)
		for _, claims := range []map[string]any{nil, boundTo(t, selfSigned(t))} {
			for range 2 { // the second remembered
				requireAnswer(t, want{status: 503, retryAfter: "5"}, g.Handler(reached), get("/", "Authorization: Bearer "+kind.issue(audience, claims)))
			}
		}
		requireAnswer(t, want{status: 401, challenge: "Bearer"}, g.Handler(reached), get("/"))
		require.Equal(t, 401, serve(g.Handler(reached), bearer(jws+"x")).Code, name)
	}
}

// Whoever asks for a certificate and survives a panic has not been told that there is none.
func TestACertificateThatCannotBeLookedAtIsNotNone(t *testing.T) {
	i := localissuer.New("https://id.example")
	claims, err := newVerifier(t, i).Verify(t.Context(), i.AccessToken(audience))
	require.NoError(t, err)
	v := surviving{claims}
	g, err := middleware.New(middleware.JWT(v), &middleware.Options{Forwarded: panicking{}})
	require.NoError(t, err)
	requireAnswer(t, want{status: 503, retryAfter: "5"}, g.Handler(reached), bearer(jws))
}

// surviving takes every token, whatever its proof does.
type surviving struct{ claims *token.Claims }

func (v surviving) Verify(_ context.Context, _ string, have ...token.Proof) (claims *token.Claims, err error) {
	defer func() { claims, err = v.claims, nil }()
	defer func() { _ = recover() }()
	_, err = have[0].Find()
	return nil, err
}

// panicking panics when it is asked for a thumbprint.
type panicking struct{ forwarding }

func (panicking) Thumbprint(netip.Addr, *tls.ConnectionState, map[string][]string) (string, error) {
	panic("no thumbprint")
}

func TestWhatIsToldOfAMalformedCertificate(t *testing.T) {
	i := localissuer.New("https://id.example")
	for name, kind := range tokenKinds(t, i) {
		for _, claims := range []map[string]any{nil, boundTo(t, selfSigned(t))} {
			var seen events
			g, err := middleware.New(kind.a, &middleware.Options{Forwarded: forwardedFrom(t, nil, "192.0.2.1/32"), Observer: &seen})
			require.NoError(t, err)
			require.Equal(t, 401, serve(g.Handler(reached), get("/", "Authorization: Bearer "+kind.issue(audience, claims), "Client-Cert: :AAAA:")).Code)
			require.Len(t, seen, 1)
			require.Equal(t, told{"refused", "malformed", 401, "", "mtls", ""}, toldBy(seen[0]), name)
		}
	}
}

func TestWhatAHandshakesCertificateAllocates(t *testing.T) {
	i := localissuer.New("https://id.example")
	owner := selfSigned(t)
	cache, err := token.NewCache(10, 1<<20)
	require.NoError(t, err)
	v, err := token.NewVerifier(i, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, &token.Options{Cache: cache})
	require.NoError(t, err)
	h := newGuard(t, middleware.JWT(v)).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	allocations := func(r *http.Request) float64 {
		return testing.AllocsPerRun(100, func() { h.ServeHTTP(nil, r) })
	}
	none := allocations(get("/", "Authorization: Bearer "+i.AccessToken(audience)))
	free := allocations(from(owner, "Authorization: Bearer "+i.AccessToken(audience)))
	require.True(t, racing.Detector || free <= none+3, "%v allocations, and %v without a certificate", free, none)
	bound := allocations(from(owner, "Authorization: Bearer "+i.AccessToken(audience, boundTo(t, owner))))
	require.True(t, racing.Detector || bound <= none+4, "%v allocations, and %v without a certificate", bound, none)
}

func TestNoCertificateIsReadForATokenThatIsNoGood(t *testing.T) {
	i := localissuer.New("https://id.example")
	owner := selfSigned(t)
	for name, kind := range tokenKinds(t, i) {
		asked := 0
		g, err := middleware.New(kind.a, &middleware.Options{Forwarded: tallying{forwarding{thumbprint: thumbprintOf(t, owner)}, &asked}})
		require.NoError(t, err)
		for _, row := range []struct {
			name, token   string
			status, asked int
		}{
			{"bound", kind.issue(audience, boundTo(t, owner)), 200, 1},
			{"bound to nothing", kind.issue(audience), 200, 1},
			{"of another audience", kind.issue("https://other.example", boundTo(t, owner)), 401, 0},
			{"nobody's", jws + "x", 401, 0},
		} {
			for range 2 {
				asked = 0
				require.Equal(t, row.status, serve(g.Handler(reached), get("/", "Authorization: Bearer "+row.token)).Code, "%s: %s", name, row.name)
				require.Equal(t, row.asked, asked, "%s: %s", name, row.name)
			}
		}
	}
}

// tallying counts how often it is asked.
type tallying struct {
	forwarding

	asked *int
}

func (c tallying) Thumbprint(netip.Addr, *tls.ConnectionState, map[string][]string) (string, error) {
	*c.asked++
	return c.thumbprint, nil
}

func TestTheProofOfOneGuardIsNotAnothers(t *testing.T) {
	i := localissuer.New("https://id.example")
	client := selfSigned(t)
	outer, err := middleware.New(as("a", ""), &middleware.Options{Forwarded: forwarding{thumbprint: thumbprintOf(t, client)}})
	require.NoError(t, err)
	bound := "Authorization: Bearer " + i.AccessToken(audience, boundTo(t, client))
	require.Equal(t, 401, serve(outer.Handler(newGuard(t, middleware.JWT(newVerifier(t, i))).Handler(reached)), get("/", bound)).Code)
}

// forwarding has one answer about what a proxy forwards.
type forwarding struct {
	judging

	thumbprint string
	err        error
}

func (f forwarding) Verify(netip.Addr, *tls.ConnectionState, map[string][]string) (*mtls.Peer, error) {
	return f.peer, f.err
}

func (f forwarding) Thumbprint(netip.Addr, *tls.ConnectionState, map[string][]string) (string, error) {
	return f.thumbprint, f.err
}

func TestBoundTokensOverRealConnections(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	v := ca.verifier(t, mtls.SPIFFE("example.com"))
	owner, thief := selfSigned(t), selfSigned(t)
	server := newTLSServer(t, newGuard(t, middleware.FirstOf(middleware.JWT(newVerifier(t, i)), middleware.ClientCert(v))).Handler(reached), v, mtls.Possession)
	bound := "Authorization: Bearer " + i.AccessToken(audience, boundTo(t, owner))
	for _, row := range []struct {
		name    string
		cert    *tls.Certificate
		headers []string
		status  int
		body    string
	}{
		{"the owner", owner, []string{bound}, 200, "client-1"},
		{"a thief", thief, []string{bound}, 401, "Unauthorized"},
		{"a thief without a certificate", nil, []string{bound}, 401, "Unauthorized"},
		{"a certificate alone", ca.issue(t, orders), nil, 200, orders},
		{"a certificate alone that nobody vouches for", owner, nil, 401, "Unauthorized"},
	} {
		client := clientOf(server, row.cert)
		for range 2 { // the second on the same connection
			status, body := fetch(t, client, server.URL, row.headers...)
			require.Equal(t, row.status, status, row.name)
			require.Equal(t, row.body, body, row.name)
		}
		client.CloseIdleConnections()
	}
}

func TestRequireCert(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	v := ca.verifier(t, mtls.SPIFFE("example.com"))
	owner, thief, stranger := ca.issue(t, orders), ca.issue(t, billing), selfSigned(t)
	f := forwardedFrom(t, v, "192.0.2.1/32")
	for name, kind := range tokenKinds(t, i) {
		bearer := func(claims ...map[string]any) string {
			return "Authorization: Bearer " + kind.issue(audience, claims...)
		}
		bound := bearer(boundTo(t, owner))
		for how, where := range map[string]struct {
			cert middleware.Authenticator
			send func(c *tls.Certificate, headers ...string) *http.Request
		}{
			"ClientCert": {middleware.ClientCert(v), from},
			"ForwardedCert, its proofs too": {middleware.ForwardedCert(f), func(c *tls.Certificate, headers ...string) *http.Request {
				r := from(stranger, headers...) // the proxy's own
				r.RemoteAddr = "192.0.2.1:4711"
				if c != nil {
					r.Header.Add("Client-Cert", clientCertHeader(c)[len("Client-Cert: "):])
				}
				return r
			}},
		} {
			a := middleware.RequireCert(where.cert, kind.a)
			for _, row := range []struct {
				name string
				r    *http.Request
				err  error
			}{
				{"both, bound to each other", where.send(owner, bound), nil},
				{"both, the token another's", where.send(thief, bound), middleware.ErrRefused},
				{"both, the token bound to nothing", where.send(owner, bearer()), middleware.ErrRefused},
				{"both, the token bound to a key", where.send(owner, bearer(map[string]any{"cnf": map[string]any{"jkt": "x"}})), middleware.ErrRefused},
				{"both, the token bad", where.send(owner, bound+"x"), middleware.ErrRefused},
				{"both, the certificate bad", where.send(stranger, bearer(boundTo(t, stranger))), middleware.ErrRefused},
				{"a certificate alone", where.send(owner), middleware.ErrRefused},
				{"a bad certificate alone", where.send(stranger), middleware.ErrRefused},
				{"a token alone", where.send(nil, bound), middleware.ErrRefused},
				{"a token alone that is bound to nothing", where.send(nil, bearer()), middleware.ErrRefused},
				{"neither", where.send(nil), middleware.ErrNoCredentials},
				{"two tokens", where.send(owner, bound, bound), middleware.ErrInvalidRequest},
				{"two tokens and no certificate", where.send(nil, bound, bound), middleware.ErrInvalidRequest},
			} {
				id, err := a.Authenticate(row.r)
				require.ErrorIs(t, err, row.err, "%s, %s: %s", name, how, row.name)
				if row.err != nil {
					require.Equal(t, middleware.Identity{}, id)
					continue
				}
				require.Equal(t, "client-1", id.Subject)
				require.Equal(t, i.URL(), id.Issuer)
				require.Equal(t, orders, id.Peer.Name())
				require.True(t, id.Token != nil || id.Introspection != nil)
			}
		}
	}
}

func TestRequireCertEndsWithTheFirstOfBoth(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	cert := ca.issue(t, orders)
	a := middleware.RequireCert(middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com"))), middleware.JWT(newVerifier(t, i)))
	soon, late := time.Now().Add(time.Minute).Truncate(time.Second), time.Now().Add(10*time.Hour).Truncate(time.Second)
	for want, exp := range map[time.Time]time.Time{soon: soon, cert.Leaf.NotAfter: late} {
		id, err := a.Authenticate(from(cert, "Authorization: Bearer "+i.AccessToken(audience, boundTo(t, cert), map[string]any{"exp": exp.Unix()})))
		require.NoError(t, err)
		require.Equal(t, want.Unix(), id.Expiry.Unix())
	}
}

func TestRequireCertAsksNoMoreThanNeeded(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	jwt := middleware.JWT(newVerifier(t, i))
	good := middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com")))
	token := "Authorization: Bearer " + i.AccessToken(audience)
	for _, row := range []struct {
		name  string
		cert  middleware.Authenticator
		token middleware.Authenticator
		r     *http.Request
		want  int
		asked int
	}{
		{"a bad certificate: the token is not examined", good, jwt, from(selfSigned(t), token), 401, 0},
		{"an undecided certificate: neither", failing(errBroken), jwt, from(nil, token), 503, 0},
		{"an undecided token", good, failing(errBroken), from(ca.issue(t, orders)), 503, 1},
		{"an undecided token without a certificate: refused whatever it is", good, failing(errBroken), from(nil), 401, 1},
		{"what is no certificate for all it says", as("alice", ""), jwt, from(nil, token), 503, 0},
		{"what is no token for all it says", good, as("alice", ""), from(ca.issue(t, orders)), 401, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			h := newGuard(t, middleware.RequireCert(row.cert, counting(&asked, row.token))).Handler(reached)
			require.Equal(t, row.want, serve(h, row.r).Code)
			require.Equal(t, row.asked, asked)
		})
	}
}

func TestOneOfTwoIsNoSecondChance(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	jwt, cert := middleware.JWT(newVerifier(t, i)), middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com")))
	h := newGuard(t, middleware.FirstOf(middleware.RequireCert(cert, jwt), jwt, cert)).Handler(reached)
	require.Equal(t, 401, serve(h, from(ca.issue(t, orders))).Code)
	require.Equal(t, 401, serve(h, from(nil, "Authorization: Bearer "+i.AccessToken(audience))).Code)
	requireAnswer(t, want{status: 401, challenge: "Bearer"}, h, from(nil))
}
