package e2e_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
)

// A boundClient is a client of the issuer whose tokens are bound to its certificate (RFC 8705 section 3).
type boundClient struct {
	id, secret  string
	certificate tls.Certificate
	known       members // how the issuer tells it from others, by RFC 7591 metadata
}

// boundClients is one for each way to authenticate as a client that has a certificate. ca vouches for the first and the last.
func boundClients(t *testing.T, ca *authority) []boundClient {
	t.Helper()
	own, secret := selfSigned(t, ordersName), rand.Text()
	return []boundClient{
		{
			id: "by-authority", certificate: ca.forClient(ordersName),
			known: members{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": ordersName},
		},
		{
			id: "by-itself", certificate: own,
			known: members{"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": jose.JSONWebKeySet{
				Keys: []jose.JSONWebKey{{Key: own.Leaf.PublicKey, Certificates: []*x509.Certificate{own.Leaf}}},
			}},
		},
		{
			id: "by-secret", secret: secret, certificate: ca.forClient(ordersName),
			known: members{"token_endpoint_auth_method": "client_secret_basic", "client_secret": secret},
		},
	}
}

// startBinder starts an issuer that knows the clients, and the resource server.
func startBinder(t *testing.T, ca *authority, clients []boundClient, s *resourceServer) *issuer {
	t.Helper()
	registered := []members{s.registered()}
	for _, c := range clients {
		c.known["client_id"], c.known["grant_types"], c.known["scope"] = c.id, []string{"client_credentials"}, "orders:read orders:write"
		c.known["tls_client_certificate_bound_access_tokens"] = true
		registered = append(registered, c.known)
	}
	return startIssuerWithTLS(t, "", ca.serverFiles(), registered...)
}

// boundToken is a new token for the client, bound to its certificate.
func (i *issuer) boundToken(ca *authority, c boundClient, resource string) string {
	i.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {i.API + resource}, "scope": {"orders:read"}, "client_id": {c.id}}
	req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, i.TLS+"/token", strings.NewReader(form.Encode()))
	require.NoError(i.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.secret != "" {
		req.SetBasicAuth(c.id, c.secret)
	}
	by := ca.client(c.certificate)
	defer by.CloseIdleConnections()
	res, err := by.Do(req)
	require.NoError(i.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(i.t, err)
	require.Equal(i.t, http.StatusOK, res.StatusCode, "%s", body)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(i.t, json.Unmarshal(body, &answer))
	require.NotEmpty(i.t, answer.AccessToken)
	return answer.AccessToken
}

// thumbprint is the x5t#S256 of the certificate.
func thumbprint(c tls.Certificate) string {
	digest := sha256.Sum256(c.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// startTLSService is startService with TLS, which asks its clients for certificates as config says.
func startTLSService(t *testing.T, ca *authority, config func(base *tls.Config) *tls.Config, a middleware.Authenticator) *service {
	t.Helper()
	s := newService(t, a, nil)
	s.startTLS(t, ca, config)
	return s
}

func (s *service) startTLS(t *testing.T, ca *authority, config func(base *tls.Config) *tls.Config) {
	t.Helper()
	dir := ca.serverFiles()
	own, err := tls.LoadX509KeyPair(dir+"/server.pem", dir+"/server.key")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(s.handler)
	server.TLS = config(&tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12})
	server.EnableHTTP2 = true
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // handshakes that fail are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	s.url = server.URL
}

// asking takes any certificate: what a token is bound to need not be one that somebody vouches for.
func asking(v *mtls.Verifier) func(*tls.Config) *tls.Config {
	return func(base *tls.Config) *tls.Config { return v.TLSConfig(base, mtls.Possession) }
}

// ask is GET /orders/1 with the token by the client that has the certificate.
func (s *service) ask(t *testing.T, ca *authority, certificate tls.Certificate, token string, edits ...func(*http.Request)) response {
	t.Helper()
	res, err := s.by(ca, certificate, "/orders/1", token, edits...)
	require.NoError(t, err)
	return res
}

// by is a request by the client that has the certificate, on a connection of its own.
func (s *service) by(ca *authority, certificate tls.Certificate, path, token string, edits ...func(*http.Request)) (response, error) {
	c := ca.client(certificate)
	defer c.CloseIdleConnections()
	return sendBy(c, http.MethodGet, s.url+path, token, edits...)
}

func requireStolen(t *testing.T, res response, s *service, reached int64) {
	t.Helper()
	require.Equal(t, http.StatusUnauthorized, res.status, "%s", res)
	require.Equal(t, invalidToken, res.challenges)
	require.Equal(t, reached, s.reached.Load())
}

// Each round is made twice, and the thieves come right after the owner: whatever is remembered of a token, its proof is not.
func TestABoundTokenIsWorthNothingWithoutItsCertificate(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	i := startBinder(t, ca, clients, rs)
	asker := newIntrospector(t, i.introspection(rs.auth()), introspect.Options{})
	s := startTLSService(t, ca, asking(admitting(t, ca)), middleware.FirstOf(middleware.JWT(i.jwtsOf("ES256", "RS256")), middleware.Introspect(asker)))
	plain := httptest.NewServer(s.handler)
	t.Cleanup(plain.Close)
	for _, c := range clients {
		for _, resource := range []string{"ES256", "RS256", "opaque"} {
			t.Run(c.id+", "+resource, func(t *testing.T) {
				token := i.boundToken(ca, c, resource)
				if resource != "opaque" {
					require.Equal(t, map[string]any{"x5t#S256": thumbprint(c.certificate)}, payloadOf(t, token)["cnf"])
				}
				for range 2 {
					require.Equal(t, c.id, s.ask(t, ca, c.certificate, token).identity(t).Client)
					reached := s.reached.Load()
					for _, thief := range []tls.Certificate{
						{}, ca.forClient(ordersName), newAuthority(t).forClient(ordersName), selfSigned(t, ordersName),
					} {
						requireStolen(t, s.ask(t, ca, thief, token), s, reached)
					}
					for _, f := range forgeries(c.certificate) {
						requireStolen(t, s.ask(t, ca, tls.Certificate{}, token, f.edit), s, reached)
					}
					res, err := send(http.MethodGet, plain.URL+"/orders/1", token)
					require.NoError(t, err)
					requireStolen(t, res, s, reached)
				}
			})
		}
	}
	t.Run("a token that is bound to nothing needs none", func(t *testing.T) {
		require.Equal(t, i.ClientID, s.ask(t, ca, tls.Certificate{}, i.token("ES256")).identity(t).Client)
		require.Equal(t, i.ClientID, s.ask(t, ca, tls.Certificate{}, i.opaque()).identity(t).Client)
	})
}

func TestRequireCertTakesOnlyBothAndOnlyTogether(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	byAuthority, byItself := clients[0], clients[1]
	i := startBinder(t, ca, clients, rs)
	asker := newIntrospector(t, i.introspection(rs.auth()), introspect.Options{})
	v := admitting(t, ca)
	tokens := middleware.FirstOf(middleware.JWT(i.jwtsOf("ES256")), middleware.Introspect(asker))
	s := startTLSService(t, ca, asking(v), middleware.RequireCert(middleware.ClientCert(v), tokens))
	for _, resource := range []string{"ES256", "opaque"} {
		bound, self := i.boundToken(ca, byAuthority, resource), i.boundToken(ca, byItself, resource)
		for _, row := range []struct {
			name, token string
			certificate tls.Certificate
			accepted    bool
		}{
			{name: "a token and its certificate", token: bound, certificate: byAuthority.certificate, accepted: true},
			{name: "the token with none", token: bound},
			{name: "the token with another one", token: bound, certificate: ca.forClient(ordersName)},
			{name: "the certificate alone", certificate: byAuthority.certificate},
			{name: "the certificate and a token that is bound to nothing", token: i.token(resource), certificate: byAuthority.certificate},
			{name: "a token and its certificate, which nobody vouches for", token: self, certificate: byItself.certificate},
			{name: "the certificate and a token bound to another", token: self, certificate: byAuthority.certificate},
			{name: "the token and its certificate again", token: bound, certificate: byAuthority.certificate, accepted: true},
			{name: "neither"},
		} {
			t.Run(resource+": "+row.name, func(t *testing.T) {
				reached := s.reached.Load()
				res := s.ask(t, ca, row.certificate, row.token)
				if row.accepted {
					id := res.identity(t)
					require.Equal(t, byAuthority.id, id.Client)
					require.Equal(t, ordersName, id.Peer)
					return
				}
				require.Equal(t, http.StatusUnauthorized, res.status, "%s", res)
				require.Equal(t, reached, s.reached.Load())
			})
		}
	}
}

func TestThroughAProxyABoundTokenNeedsTheCertificateOfItsClient(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	i := startBinder(t, ca, clients, rs)
	asker := newIntrospector(t, i.introspection(rs.auth()), introspect.Options{})
	tokens := middleware.FirstOf(middleware.JWT(i.jwtsOf("ES256")), middleware.Introspect(asker))
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := newService(t, tokens, &middleware.Options{Forwarded: newForwarded(t, nil, kind.trusted())})
			server := httptest.NewServer(s.handler)
			t.Cleanup(server.Close)
			s.url = server.URL
			p := startProxy(t, kind, ca, s.url)
			for _, c := range clients {
				for _, resource := range []string{"ES256", "opaque"} {
					p.requireBound(t, s, c, i.boundToken(ca, c, resource))
				}
			}
			res, err := p.ask("/orders/1", i.token("ES256"), tls.Certificate{})
			require.NoError(t, err)
			require.Equal(t, i.ClientID, res.identity(t).Client, "bound to nothing")
		})
	}
}

// requireBound proves that the token of c is good for c and for nobody else.
func (p *proxy) requireBound(t *testing.T, s *service, c boundClient, token string) {
	t.Helper()
	for range 2 {
		res, err := p.ask("/orders/1", token, c.certificate)
		require.NoError(t, err)
		require.Equal(t, c.id, res.identity(t).Client)
		reached, same := s.reached.Load(), s.copied(t)

		for _, thief := range []tls.Certificate{{}, p.ca.forClient(ordersName), selfSigned(t, ordersName)} {
			res, err = p.ask("/orders/1", token, thief)
			require.NoError(t, err)
			requireStolen(t, res, s, reached)
			res, err = p.ask("/orders/1", token, thief, same)
			require.NoError(t, err)
			requireStolen(t, res, s, reached)
		}
		for _, f := range forgeries(c.certificate) {
			res, err = p.ask("/orders/1", token, tls.Certificate{}, f.edit)
			require.NoError(t, err)
			requireStolen(t, res, s, reached)
		}
		res, err = sendBy(clientAt(t, p.stranger()), http.MethodGet, s.url+"/orders/1", token, same)
		require.NoError(t, err)
		requireStolen(t, res, s, reached)
	}
}

func TestRequireCertBehindAProxyTakesBothOfTheSameClient(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	byAuthority, byItself := clients[0], clients[1]
	i := startBinder(t, ca, clients, rs)
	bound, self := i.boundToken(ca, byAuthority, "ES256"), i.boundToken(ca, byItself, "ES256")
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			f := newForwarded(t, admitting(t, ca), kind.trusted())
			s := startService(t, middleware.RequireCert(middleware.ForwardedCert(f), middleware.JWT(i.jwtsOf("ES256"))))
			p := startProxy(t, kind, ca, s.url)
			res, err := p.ask("/orders/1", bound, byAuthority.certificate)
			require.NoError(t, err)
			id, same := res.identity(t), s.copied(t)
			require.Equal(t, byAuthority.id, id.Client)
			require.Equal(t, ordersName, id.Peer)
			reached := s.reached.Load()
			for _, row := range []struct {
				token       string
				certificate tls.Certificate
			}{
				{token: bound},
				{certificate: byAuthority.certificate},
				{token: bound, certificate: ca.forClient(ordersName)},
				{token: self, certificate: byItself.certificate},
				{token: self, certificate: byAuthority.certificate},
				{token: i.token("ES256"), certificate: byAuthority.certificate},
			} {
				res, err = p.ask("/orders/1", row.token, row.certificate)
				require.NoError(t, err)
				requireStolen(t, res, s, reached)
			}
			res, err = sendBy(clientAt(t, kind.stranger()), http.MethodGet, s.url+"/orders/1", "", same)
			require.NoError(t, err)
			requireStolen(t, res, s, reached)
		})
	}
}

// The proxy is a client of the issuer as well: what is bound to its own certificate is not for its clients. They may also come without
// the proxy, and then their own handshake counts.
func TestAProxysOwnCertificateIsNoProofForItsClients(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	owner := clients[1]
	i := startBinder(t, ca, clients, rs)
	kind := proxyNamed(t, "nginx")
	kind.source = "127.0.0.1"
	forwarded := kind.forwards
	forwarded.Proxy = admittingProxy(t, ca)
	s := newService(t, middleware.JWT(i.jwtsOf("ES256")), &middleware.Options{Forwarded: newForwarded(t, nil, forwarded)})
	s.startTLS(t, ca, asking(forwarded.Proxy))
	p := startProxy(t, kind, ca, s.url)
	theProxys := clients[2]
	theProxys.certificate = p.own

	token := i.boundToken(ca, owner, "ES256")
	res, err := p.ask("/orders/1", token, owner.certificate)
	require.NoError(t, err)
	require.Equal(t, owner.id, res.identity(t).Client)
	same := s.copied(t)
	require.Equal(t, owner.id, s.ask(t, ca, owner.certificate, token).identity(t).Client, "without the proxy")
	own := i.boundToken(ca, theProxys, "ES256")
	reached := s.reached.Load()
	for _, certificate := range []tls.Certificate{{}, owner.certificate, ca.forClient(proxyName)} {
		res, err = p.ask("/orders/1", own, certificate)
		require.NoError(t, err)
		requireStolen(t, res, s, reached)
	}
	for _, thief := range []tls.Certificate{{}, ca.forClient(ordersName), selfSigned(t, proxyName)} {
		res, err = p.ask("/orders/1", token, thief, same)
		require.NoError(t, err)
		requireStolen(t, res, s, reached)
		requireStolen(t, s.ask(t, ca, thief, token, same), s, reached)
	}
}
