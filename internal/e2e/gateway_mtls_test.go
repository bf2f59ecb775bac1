package e2e_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// certificateRoutes are those of startGateway, and one for certificates alone.
var certificateRoutes = []members{
	{"pattern": "GET /orders/{id}", "all": []string{"orders:read"}, "accept": []string{"jwt", "opaque"}},
	{"pattern": "GET /internal/", "accept": []string{"mtls"}},
}

// admittedBy is the gateway's section mtls of those for whose DNS name ca vouches.
func admittedBy(ca *authority) members {
	return members{"client_ca_file": ca.serverFiles() + "/ca.pem", "dns_names": []string{ordersName}}
}

// recorder is a server that answers nothing and keeps the header fields that it got last.
func recorder(t *testing.T) (url string, last *atomic.Pointer[http.Header]) {
	t.Helper()
	last = &atomic.Pointer[http.Header]{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		last.Store(&h)
	}))
	t.Cleanup(server.Close)
	return server.URL, last
}

// Client, proxy and gateway are processes of their own. The thief has seen everything that the proxy ever said for its owner.
func TestATokenStolenOnItsWayThroughTheProxyIsWorthNothing(t *testing.T) {
	ca, rs := newAuthority(t), newResourceServer()
	clients := boundClients(t, ca)
	i := startBinder(t, ca, clients, rs)
	for _, name := range []string{"nginx", "HAProxy"} {
		t.Run(name, func(t *testing.T) {
			kind := proxyNamed(t, name)
			mtls := admittedBy(ca)
			mtls["forwarded"] = members{"format": string(kind.forwards.Format), "trusted_proxies": []string{kind.source + "/32"}}
			g := startGatewayWith(t, members{"mtls": mtls, "routes": certificateRoutes}, i.askedWith(rs, members{}))
			p := startProxy(t, kind, ca, g.url)
			url, wiretapped := recorder(t)
			tapped := startProxy(t, kind, ca, url)

			for _, c := range clients {
				for _, resource := range []string{"ES256", "opaque"} {
					token := i.boundToken(ca, c, resource)
					_, err := tapped.ask("/orders/1", token, c.certificate)
					require.NoError(t, err)
					stolen := *wiretapped.Load()
					copied := func(r *http.Request) { r.Header = stolen.Clone() }
					for range 2 {
						res, err := p.ask("/orders/1", token, c.certificate)
						require.NoError(t, err)
						require.Equal(t, []string{c.id}, res.backendHeader(t).Values("X-Identity-Client"))
						res, err = sendBy(clientAt(t, kind.source), http.MethodGet, g.url+"/orders/1", "", copied)
						require.NoError(t, err)
						require.Equal(t, http.StatusOK, res.status, "what was stolen is complete")

						for _, thief := range []tls.Certificate{{}, ca.forClient(ordersName), selfSigned(t, ordersName)} {
							g.requireWorthless(p.ask("/orders/1", token, thief))
							g.requireWorthless(p.ask("/orders/1", "", thief, copied))
						}
						g.requireWorthless(sendBy(clientAt(t, kind.stranger()), http.MethodGet, g.url+"/orders/1", "", copied))
						g.requireWorthless(g.send(http.MethodGet, "/orders/1", token))
					}
					require.NotContains(t, g.log.tail(-1), token)
				}
			}
			g.requireOnlyTheCertificate(p, ca)
		})
	}
}

// requireWorthless takes the answer to a request that may not reach the backend.
func (g *gateway) requireWorthless(res response, err error) {
	g.t.Helper()
	require.NoError(g.t, err)
	require.Equal(g.t, http.StatusUnauthorized, res.status, "%s", res)
	require.Equal(g.t, invalidToken, res.challenges)
}

// requireOnlyTheCertificate proves that on the route for certificates alone nothing else makes an identity.
func (g *gateway) requireOnlyTheCertificate(p *proxy, ca *authority) {
	g.t.Helper()
	good := ca.forClient(ordersName)
	res, err := p.ask("/internal/", "", good)
	require.NoError(g.t, err)
	got := res.backendHeader(g.t)
	require.Equal(g.t, []string{ordersName}, got.Values("X-Identity-Subject"))
	require.Equal(g.t, []string{"mtls"}, got.Values("X-Identity-Kind"))
	for _, name := range []string{"Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-Ssl-Client-Cert"} {
		require.NotContains(g.t, got, name)
	}
	reached := g.reached.Load()
	for _, f := range forgeries(good) {
		res, err = p.ask("/internal/", "", selfSigned(g.t, ordersName), f.edit, pretending)
		require.NoError(g.t, err)
		require.Equal(g.t, http.StatusUnauthorized, res.status, "%s: %s", f.name, res)
		res, err = g.send(http.MethodGet, "/internal/", "", f.edit, pretending)
		require.NoError(g.t, err)
		require.Equal(g.t, http.StatusUnauthorized, res.status, "%s: %s", f.name, res)
	}
	require.Equal(g.t, reached, g.reached.Load())
}

// pretending sets what the gateway alone may tell its backend.
func pretending(r *http.Request) {
	r.Header.Set("X-Identity-Subject", ordersName)
	r.Header.Set("X-Identity-Kind", "mtls")
}

func TestTheGatewayKnowsClientsByTheirCertificates(t *testing.T) {
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			own, other := start(t, "example.test"), start(t, "other.test")
			ca, rs := newAuthority(t), newResourceServer()
			clients := boundClients(t, ca)
			i := startBinder(t, ca, clients, rs)
			dir := ca.serverFiles()
			bundle := filepath.Join(t.TempDir(), "bundle")
			require.NoError(t, os.WriteFile(bundle, own.bundle(asDocument), 0o600))
			g := startGatewayWith(t, members{
				"tls":  members{"cert_file": dir + "/server.pem", "key_file": dir + "/server.key"},
				"mtls": members{"client_ca_file": bundle, "spiffe_trust_domain": own.name()},
				"routes": []members{
					{"pattern": "GET /orders/{id}", "all": []string{"orders:read"}, "accept": []string{"jwt", "opaque"}},
					{"pattern": "GET /internal/", "accept": []string{"mtls"}, "peers": []string{"spiffe://" + own.name() + "/ns/prod/*"}},
				},
			}, i.askedWith(rs, members{}))

			for _, row := range []struct {
				name   string
				svid   tls.Certificate
				status int
			}{
				{"the workload's", own.x509SVID(workloadPath), http.StatusOK},
				{"of a workload that the route does not admit", own.x509SVID("/ns/dev/sa/api"), http.StatusForbidden},
				{"of another trust domain", other.x509SVID(workloadPath), http.StatusUnauthorized},
				{"that nobody vouches for", (&drawnDomain{authority: &authority{t: t}}).x509SVIDOf(own.name(), workloadPath), http.StatusUnauthorized},
				{"none", tls.Certificate{}, http.StatusUnauthorized},
			} {
				t.Run("an X509-SVID: "+row.name, func(t *testing.T) {
					res, err := g.by(ca, row.svid, "/internal/", "")
					require.NoError(t, err)
					require.Equal(t, row.status, res.status, "%s", res)
					if row.status == http.StatusOK {
						require.Equal(t, []string{"spiffe://" + own.name() + workloadPath}, res.backendHeader(t).Values("X-Identity-Subject"))
					}
				})
			}
			for _, c := range clients {
				for _, resource := range []string{"RS256", "opaque"} {
					token := i.boundToken(ca, c, resource)
					for range 2 {
						res, err := g.by(ca, c.certificate, "/orders/1", token)
						require.NoError(t, err)
						require.Equal(t, []string{c.id}, res.backendHeader(t).Values("X-Identity-Client"))
						for _, thief := range []tls.Certificate{{}, ca.forClient(ordersName), own.x509SVID(workloadPath)} {
							g.requireWorthless(g.by(ca, thief, "/orders/1", token))
						}
						for _, f := range forgeries(c.certificate) {
							g.requireWorthless(g.by(ca, tls.Certificate{}, "/orders/1", token, f.edit))
						}
					}
				}
			}
		})
	}
}

// by is a request to a gateway with TLS by the client that has the certificate, on a connection of its own.
func (g *gateway) by(ca *authority, certificate tls.Certificate, path, token string, edits ...func(*http.Request)) (response, error) {
	c := ca.client(certificate)
	defer c.CloseIdleConnections()
	return sendBy(c, http.MethodGet, "https"+g.url[len("http"):]+path, token, edits...)
}
