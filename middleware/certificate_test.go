package middleware_test

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
)

const (
	orders  = "spiffe://example.com/ns/prod/orders"
	billing = "spiffe://example.com/ns/prod/billing"
)

// judging is a verifier of certificates that has one answer.
type judging struct {
	peer *mtls.Peer
	err  error
}

func (v judging) Verify(*tls.ConnectionState) (*mtls.Peer, error) { return v.peer, v.err }

func TestClientCert(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	a := middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com")))
	t.Run("a good certificate", func(t *testing.T) {
		cert := ca.issue(t, orders)
		id, err := a.Authenticate(from(cert))
		require.NoError(t, err)
		require.Equal(t, middleware.Identity{Subject: orders, Expiry: cert.Leaf.NotAfter, Peer: id.Peer}, id)
		require.Equal(t, orders, id.Peer.Name())
	})
	t.Run("refused: its reason stays readable", func(t *testing.T) {
		for want, cert := range map[mtls.Reason]*tls.Certificate{
			mtls.ReasonChain: stranger.issue(t, orders),
			mtls.ReasonName:  ca.issue(t, "spiffe://example.org/ns/prod/orders"),
		} {
			_, err := a.Authenticate(from(cert))
			require.ErrorIs(t, err, middleware.ErrRefused)
			require.ErrorIs(t, err, mtls.ErrRefused)
			require.Equal(t, want, mtls.ReasonOf(err))
		}
	})
	t.Run("no certificate", func(t *testing.T) {
		_, err := a.Authenticate(from(nil))
		require.Equal(t, middleware.ErrNoCredentials, err)
	})
	t.Run("no TLS: the verifier is not asked", func(t *testing.T) {
		_, err := middleware.ClientCert(judging{err: errBroken}).Authenticate(get("/"))
		require.Equal(t, middleware.ErrNoCredentials, err)
	})
	t.Run("headers are not read", func(t *testing.T) {
		_, err := a.Authenticate(from(nil, clientCertHeader(ca.issue(t, orders))))
		require.Equal(t, middleware.ErrNoCredentials, err)
	})
	t.Run("undecided", func(t *testing.T) {
		for name, v := range map[string]judging{
			"another error":                           {err: errBroken},
			"neither a peer nor an error":             {},
			"a peer that no verifier made":            {peer: &mtls.Peer{}},
			"a peer beside an error is not looked at": {peer: &mtls.Peer{}, err: errBroken},
		} {
			_, err := middleware.ClientCert(v).Authenticate(from(ca.issue(t, orders)))
			requireUndecided(t, err)
			require.Equal(t, 503, serve(newGuard(t, middleware.ClientCert(v)).Handler(reached), from(nil)).Code, name)
		}
	})
	t.Run("revocation that cannot be decided is undecided", func(t *testing.T) {
		other := newAuthority(t)
		v, err := mtls.New(mtls.Config{
			Trust: mtls.Trust{Roots: append(ca.trust().Roots, other.certificate), CRLs: ca.trust(other.revoke(t, 1)).CRLs},
			Allow: mtls.SPIFFE("example.com"),
		}, nil)
		require.NoError(t, err)
		_, err = middleware.ClientCert(v).Authenticate(from(ca.issue(t, orders)))
		requireUndecided(t, err)
	})
}

func TestABadCertificateIsNeverRescuedByAToken(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	jwt := middleware.JWT(newVerifier(t, i))
	cert := middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com")))
	good, bad := ca.issue(t, orders), newAuthority(t).issue(t, orders)
	token := "Authorization: Bearer " + i.AccessToken(audience)
	for _, row := range []struct {
		name string
		a    middleware.Authenticator
		r    *http.Request
		want want
		body string
	}{
		{"a good certificate", middleware.FirstOf(cert, jwt), from(good), want{status: 200}, orders},
		{"a good certificate and a token: the first counts", middleware.FirstOf(cert, jwt), from(good, token), want{status: 200}, orders},
		{"a good certificate and a bad token: the first counts", middleware.FirstOf(cert, jwt), from(good, token+"x"), want{status: 200}, orders},
		{"a token, no certificate", middleware.FirstOf(cert, jwt), from(nil, token), want{status: 200}, "client-1"},
		{"a token, no TLS", middleware.FirstOf(cert, jwt), get("/", token), want{status: 200}, "client-1"},
		{"a bad certificate and a good token", middleware.FirstOf(cert, jwt), from(bad, token), want{status: 401, challenge: `Bearer error="invalid_token"`}, ""},
		{"a bad token and a good certificate, tokens first", middleware.FirstOf(jwt, cert), from(good, token+"x"), want{status: 401, challenge: `Bearer error="invalid_token"`}, ""},
		{"nothing", middleware.FirstOf(cert, jwt), from(nil), want{status: 401, challenge: "Bearer"}, ""},
		{"a token, where only certificates are taken", cert, from(nil, token), want{status: 401, challenge: `Bearer error="invalid_token"`}, ""},
		{"nothing, where only certificates are taken", cert, from(nil), want{status: 401, challenge: "Bearer"}, ""},
		{"an unknown state of a certificate", middleware.FirstOf(middleware.ClientCert(judging{err: errBroken}), jwt), from(good, token), want{status: 503, retryAfter: "5"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newGuard(t, row.a).Handler(reached)
			requireAnswer(t, row.want, h, row.r)
			if row.body != "" {
				require.Equal(t, row.body, serve(h, row.r).Body.String())
			}
		})
	}
}

func TestARouteAdmitsCertificates(t *testing.T) {
	i, ca := localissuer.New("https://id.example"), newAuthority(t)
	cert, jwt := middleware.ClientCert(ca.verifier(t, mtls.SPIFFE("example.com"))), middleware.JWT(newVerifier(t, i))
	g := newGuard(t, middleware.FirstOf(cert, jwt))
	h := g.Routes(newRoutes(t,
		middleware.Rule{Pattern: "/any"},
		middleware.Rule{Pattern: "/orders", Peers: mtls.SPIFFE("example.com", "/ns/prod/orders")},
		middleware.Rule{Pattern: "/both", Authenticator: middleware.RequireCert(cert, jwt), Peers: mtls.SPIFFE("example.com", "/ns/prod/orders"), Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "/issuer", Issuers: []string{i.URL()}},
		middleware.Rule{Pattern: "/scope", Scope: scope.All("orders:read"), Peers: mtls.SPIFFE("example.com", "/ns/prod/orders")},
	))(reached)
	ordersCert, billingCert := ca.issue(t, orders), ca.issue(t, billing)
	bound := func(c *tls.Certificate) string {
		return "Authorization: Bearer " + i.AccessToken(audience, boundTo(t, c))
	}
	for _, row := range []struct {
		name, path string
		cert       *tls.Certificate
		headers    []string
		want       want
	}{
		{"without Peers, any", "/any", billingCert, nil, want{status: 200}},
		{"without Peers, a token too", "/any", nil, []string{"Authorization: Bearer " + i.AccessToken(audience)}, want{status: 200}},
		{"the one that is admitted", "/orders", ordersCert, nil, want{status: 200}},
		{"a good one that is not admitted", "/orders", billingCert, nil, want{status: 403}},
		{"a token", "/orders", nil, []string{"Authorization: Bearer " + i.AccessToken(audience)}, want{status: 403}},
		{"nothing", "/orders", nil, nil, want{status: 401, challenge: "Bearer"}},
		{"both", "/both", ordersCert, []string{bound(ordersCert)}, want{status: 200}},
		{"both, of one who is not admitted", "/both", billingCert, []string{bound(billingCert)}, want{status: 403}},
		{"a certificate has no issuer", "/issuer", ordersCert, nil, want{status: 401, challenge: `Bearer error="invalid_token"`}},
		{"a certificate has no scopes", "/scope", ordersCert, nil, want{status: 403, challenge: `Bearer error="insufficient_scope", scope="orders:read"`}},
		{"what scopes would do is not told to one who is not admitted", "/scope", billingCert, nil, want{status: 403}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := from(row.cert, row.headers...)
			r.URL.Path = row.path
			requireAnswer(t, row.want, h, r)
		})
	}
}

func TestPeersOfARuleAreChecked(t *testing.T) {
	_, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "/a", Peers: mtls.SPIFFE("Not A Domain")},
		middleware.Rule{Pattern: "/b", Public: true, Peers: mtls.DNS("a.example.com")},
		middleware.Rule{Pattern: "/c", Peers: mtls.AnyOf(mtls.DNS("a.example.com"), nil, mtls.URI("nothing"))},
	)
	require.ErrorContains(t, err, `middleware: rule 1 ("/a"): peers: mtls: SPIFFE("Not A Domain")`)
	require.ErrorContains(t, err, `middleware: rule 2 ("/b"): a public rule has no`)
	require.ErrorContains(t, err, `middleware: rule 3 ("/c"): peers: mtls: AnyOf: rule 1 is nil`)
	require.ErrorContains(t, err, `middleware: rule 3 ("/c"): peers: mtls: URI("nothing")`)
}

func TestExplainNamesThePeers(t *testing.T) {
	routes := newRoutes(t, middleware.Rule{Pattern: "/", Peers: mtls.SPIFFE("example.com", "/ns/prod/*")})
	require.Contains(t, routes.Explain(get("/")).Why, `needs an identity, with a certificate that SPIFFE("example.com", "/ns/prod/*") admits`)
}

func TestMistakesInCertificateAuthenticators(t *testing.T) {
	var nobody *mtls.Verifier
	var nothing *mtls.Forwarded
	_, err := middleware.New(
		middleware.FirstOf(middleware.ClientCert(nobody), middleware.ForwardedCert(nil), middleware.RequireCert(nil, middleware.JWT(nil))),
		&middleware.Options{Forwarded: nothing})
	require.EqualError(t, err, strings.Join([]string{
		"middleware: FirstOf, number 1: ClientCert: the verifier is nil",
		"FirstOf, number 2: ForwardedCert: the verifier is nil",
		"FirstOf, number 3: RequireCert, cert: the authenticator is nil",
		"RequireCert, token: JWT: the verifier is nil",
		"options: Forwarded holds a nil *mtls.Forwarded",
	}, "\n"))
}

// A handshake is seconds, a connection hours: what the certificate is worth is asked for on every request.
func TestEveryRequestOfAConnectionChecksTheCertificateAgain(t *testing.T) {
	ca := newAuthority(t)
	v := ca.verifier(t, mtls.SPIFFE("example.com"))
	cert := ca.issue(t, orders)
	server := newTLSServer(t, newGuard(t, middleware.ClientCert(v)).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	})), v, mtls.Require)
	client := clientOf(server, cert)
	status, first := fetch(t, client, server.URL)
	require.Equal(t, 200, status)
	status, second := fetch(t, client, server.URL)
	require.Equal(t, 200, status)
	require.Equal(t, first, second, "the same connection")
	require.NoError(t, v.SetTrust(ca.trust(ca.revoke(t, 1, cert))))
	status, _ = fetch(t, client, server.URL)
	require.Equal(t, 401, status, "revoked since the handshake, which a new connection would have failed in")
}

func clientCertHeader(c *tls.Certificate) string {
	return "Client-Cert: :" + base64.StdEncoding.EncodeToString(c.Leaf.Raw) + ":"
}

// forwardedFrom trusts one address, and forwards in the form of RFC 9440.
func forwardedFrom(tb testing.TB, v *mtls.Verifier, proxy string) *mtls.Forwarded {
	tb.Helper()
	f, err := mtls.NewForwarded(v, mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: []netip.Prefix{netip.MustParsePrefix(proxy)}})
	require.NoError(tb, err)
	return f
}

func TestForwardedCert(t *testing.T) {
	ca := newAuthority(t)
	a := middleware.ForwardedCert(forwardedFrom(t, ca.verifier(t, mtls.SPIFFE("example.com")), "192.0.2.1/32"))
	cert, stranger := ca.issue(t, orders), newAuthority(t).issue(t, orders)
	const trusted = "192.0.2.1:4711"
	for _, row := range []struct {
		name, sender string
		headers      []string
		subject      string
		err          error
		reason       mtls.Reason
	}{
		{name: "from the trusted proxy", sender: trusted, headers: []string{clientCertHeader(cert)}, subject: orders},
		{name: "an IPv4 address in IPv6 form is that address", sender: "[::ffff:192.0.2.1]:4711", headers: []string{clientCertHeader(cert)}, subject: orders},
		{name: "from anyone else there is none", sender: "192.0.2.2:4711", headers: []string{clientCertHeader(cert)}, err: middleware.ErrNoCredentials},
		{name: "no header makes a proxy", sender: "192.0.2.2:4711", headers: []string{clientCertHeader(cert), "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "X-Real-IP: 192.0.2.1"}, err: middleware.ErrNoCredentials},
		{name: "an address with a zone is nobody's", sender: "[fe80::1%eth0]:4711", headers: []string{clientCertHeader(cert)}, err: middleware.ErrNoCredentials},
		{name: "a Unix socket has no address", sender: "@", headers: []string{clientCertHeader(cert)}, err: middleware.ErrNoCredentials},
		{name: "an address without a port is none", sender: "192.0.2.1", headers: []string{clientCertHeader(cert)}, err: middleware.ErrNoCredentials},
		{name: "a blank before the address", sender: " 192.0.2.1:4711", headers: []string{clientCertHeader(cert)}, err: middleware.ErrNoCredentials},
		{name: "the proxy forwards none", sender: trusted, err: middleware.ErrNoCredentials},
		{name: "twice", sender: trusted, headers: []string{clientCertHeader(cert), clientCertHeader(cert)}, err: middleware.ErrRefused, reason: mtls.ReasonMalformed},
		{name: "no certificate in it", sender: trusted, headers: []string{"Client-Cert: :AAAA:"}, err: middleware.ErrRefused, reason: mtls.ReasonMalformed},
		{name: "forwarded although nobody vouches for it", sender: trusted, headers: []string{clientCertHeader(stranger)}, err: middleware.ErrRefused, reason: mtls.ReasonChain},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get("/", row.headers...)
			r.RemoteAddr = row.sender
			id, err := a.Authenticate(r)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.reason, reasonIf(err, row.reason))
			require.Equal(t, row.subject, id.Subject)
			require.Equal(t, row.subject, id.Peer.Name())
		})
	}
}

// reasonIf is the reason of an error that should have one.
func reasonIf(err error, want mtls.Reason) mtls.Reason {
	if want == "" {
		return ""
	}
	return mtls.ReasonOf(err)
}
