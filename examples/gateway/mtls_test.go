package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const workload = "spiffe://example.test/ns/prod/sa/api"

// A secureWorld is a gateway that serves TLS and knows clients of one trust domain by their certificates.
type secureWorld struct {
	*world
	ca  *authority
	dir string
	crl string
}

func newSecureWorld(t *testing.T, backend http.Handler, edits ...members) *secureWorld {
	t.Helper()
	s := &secureWorld{ca: newAuthority(t), dir: t.TempDir()}
	s.crl = write(t, filepath.Join(s.dir, "ca.crl"), s.ca.revoke(1))
	all := append([]members{{
		"tls": s.ca.tlsFiles(s.dir),
		"mtls": members{
			"client_ca_file": write(t, filepath.Join(s.dir, "ca.pem"), pemOf(s.ca.own)), "spiffe_trust_domain": "example.test",
			"crl_files": []string{s.crl},
		},
		"routes": []any{
			members{"pattern": "/orders/", "all": []string{"orders:read"}},
			members{"pattern": "/internal/", "accept": []string{"mtls"}, "peers": []string{"spiffe://example.test/ns/prod/*/*"}},
			members{"pattern": "/anybody/", "accept": []string{"mtls"}},
			members{"pattern": "/either/", "accept": []string{"jwt", "mtls"}},
			members{"pattern": "/tokens/", "accept": []string{"jwt"}},
			members{"pattern": "/public/", "public": true},
		},
	}}, edits...)
	s.world = newWorld(t, backend, all...)
	return s
}

// as is a client with a certificate, or without one.
func (s *secureWorld) as(certificates ...tls.Certificate) *http.Client {
	s.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.own.Leaf)
	transport := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: 20 * time.Second, Transport: transport}
}

// ask returns the status of the answer.
func (s *secureWorld) ask(c *http.Client, path, token string, header ...string) int {
	s.t.Helper()
	r := s.request(http.MethodGet, path, token, nil)
	if s.server.gateway.tls != nil {
		r.URL.Scheme = "https"
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	res, err := c.Do(r)
	require.NoError(s.t, err)
	defer res.Body.Close()
	body(s.t, res)
	return res.StatusCode
}

func TestWhoMayCallWithACertificate(t *testing.T) {
	s := newSecureWorld(t, http.NotFoundHandler())
	other := newAuthority(t)
	const passed = http.StatusNotFound // the backend's
	bearer := s.token(members{"scope": "orders:read"})
	prod, dev := s.as(s.ca.client(workload)), s.as(s.ca.client("spiffe://example.test/ns/dev/sa/api"))
	for _, tc := range []struct {
		name   string
		client *http.Client
		path   string
		token  string
		want   int
	}{
		{"a peer that the route names", prod, "/internal/a", "", passed},
		{"a peer that the route does not name", dev, "/internal/a", "", http.StatusForbidden},
		{"any admitted peer where the route names none", dev, "/anybody/a", "", passed},
		{"no certificate", s.as(), "/internal/a", "", http.StatusUnauthorized},
		{"a token in place of a certificate", s.as(), "/internal/a", bearer, http.StatusUnauthorized},
		{"another trust domain", s.as(s.ca.client("spiffe://example.com/ns/prod/sa/api")), "/anybody/a", "", http.StatusUnauthorized},
		{"the right name from another authority", s.as(other.client(workload)), "/anybody/a", "", http.StatusUnauthorized},
		{"a certificate that signs itself", s.as((&authority{tb: t}).client(workload)), "/anybody/a", "", http.StatusUnauthorized},
		{"a certificate on a route that takes either", dev, "/either/a", "", passed},
		{"a token on a route that takes either", s.as(), "/either/a", bearer, passed},
		{"a bad token is not rescued by a good certificate", dev, "/either/a", bearer + "x", http.StatusUnauthorized},
		{"a certificate on a route that takes tokens", prod, "/tokens/a", "", http.StatusUnauthorized},
		{"a certificate has no scopes", prod, "/orders/a", "", http.StatusForbidden},
		{"a token beside a certificate that it is not bound to", prod, "/orders/a", bearer, passed},
		{"a public route asks for nothing", s.as((&authority{tb: t}).client(workload)), "/public/a", "", passed},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, s.ask(tc.client, tc.path, tc.token)) })
	}
}

func TestATokenBoundToACertificateIsOfNoUseToAThief(t *testing.T) {
	s := newSecureWorld(t, http.NotFoundHandler())
	own, self := s.ca.client(workload), (&authority{tb: t}).client(workload)
	bound := func(c tls.Certificate) string {
		return s.token(members{"scope": "orders:read", "cnf": map[string]string{"x5t#S256": thumbprint(c)}})
	}
	owner := s.as(own)
	require.Equal(t, http.StatusNotFound, s.ask(owner, "/orders/a", bound(own)))
	stolen := bound(own)
	require.Equal(t, http.StatusNotFound, s.ask(owner, "/orders/a", stolen))
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(), "/orders/a", stolen), "without a certificate")
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(s.ca.client(workload)), "/orders/a", stolen), "another certificate of the same name")
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(self), "/orders/a", stolen))
	require.Equal(t, http.StatusNotFound, s.ask(s.as(self), "/orders/a", bound(self)), "possession is enough, whoever vouches for the certificate")
	forged := ":" + base64.StdEncoding.EncodeToString(own.Leaf.Raw) + ":"
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(), "/orders/a", stolen, "Client-Cert", forged))
}

func TestThePeersNameReachesTheBackend(t *testing.T) {
	requests := make(chan *http.Request, 1)
	s := newSecureWorld(t, captured(requests))
	require.Equal(t, http.StatusOK, s.ask(s.as(s.ca.client(workload)), "/internal/a", "",
		"X-SSL-Client-Cert", "forged", "X_Forwarded_Tls_Client_Cert", "forged",
		"X-Identity-Subject", "admin", "X_Identity_Kind", "jwt", "Client-Cert", ":AAAA:", "X-Forwarded-Client-Cert", "Hash=0"))
	r := <-requests
	require.Equal(t, []string{workload}, r.Header.Values("X-Identity-Subject"))
	require.Equal(t, []string{"mtls"}, r.Header.Values("X-Identity-Kind"))
	for _, gone := range []string{"X_identity_kind", "X-Ssl-Client-Cert", "X_forwarded_tls_client_cert", "Client-Cert", "X-Forwarded-Client-Cert", "X-Identity-Issuer", "X-Identity-Scopes"} {
		require.Empty(t, r.Header.Values(gone), gone)
	}
	require.Equal(t, "https", r.Header.Get("X-Forwarded-Proto"))
}

func TestARevokedCertificateIsRefusedOnAConnectionThatIsKept(t *testing.T) {
	s := newSecureWorld(t, http.NotFoundHandler())
	own := s.ca.client(workload)
	c := s.as(own)
	require.Equal(t, http.StatusNotFound, s.ask(c, "/anybody/a", ""))
	write(t, s.crl, s.ca.revoke(2, own))
	trust, err := s.server.gateway.clients.files.Read()
	require.NoError(t, err)
	require.NoError(t, s.server.gateway.clients.verifier.SetTrust(trust))
	require.Equal(t, http.StatusUnauthorized, s.ask(c, "/anybody/a", ""))
}

func TestACertificateThatAProxyForwards(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	mtls := members{
		"client_ca_file": write(t, filepath.Join(dir, "ca.pem"), pemOf(ca.own)), "spiffe_trust_domain": "example.test",
		"forwarded": members{"format": "client-cert", "trusted_proxies": []string{"127.0.0.1/32"}},
	}
	own := ca.client(workload)
	forwarded := func(c tls.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Leaf.Raw) + ":" }
	requests := make(chan *http.Request, 1)
	s := newSecureWorld(t, captured(requests), members{"mtls": mtls, "tls": nil})
	plain := http.DefaultClient
	require.Equal(t, http.StatusOK, s.ask(plain, "/internal/a", "", "Client-Cert", forwarded(own)))
	r := <-requests
	require.Equal(t, workload, r.Header.Get("X-Identity-Subject"))
	require.Empty(t, r.Header.Values("Client-Cert"))
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/internal/a", ""))
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/internal/a", "", "Client-Cert", "::"))
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/internal/a", "", "Client-Cert", forwarded(newAuthority(t).client(workload))))
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/internal/a", "", "Client-Cert", forwarded(own), "Client-Cert", forwarded(own)))

	bound := s.token(members{"scope": "orders:read", "cnf": map[string]string{"x5t#S256": thumbprint(own)}})
	require.Equal(t, http.StatusOK, s.ask(plain, "/orders/a", bound, "Client-Cert", forwarded(own)))
	<-requests
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/orders/a", bound))
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/orders/a", bound, "Client-Cert", forwarded(ca.client(workload))))

	mtls["forwarded"] = members{"format": "client-cert", "trusted_proxies": []string{"127.0.0.2/32"}}
	s = newSecureWorld(t, captured(requests), members{"mtls": mtls, "tls": nil})
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/internal/a", "", "Client-Cert", forwarded(own)), "from no proxy of ours")
	require.Equal(t, http.StatusUnauthorized, s.ask(plain, "/orders/a", bound, "Client-Cert", forwarded(own)))
}

func TestACertificateByItsDNSName(t *testing.T) {
	requests := make(chan *http.Request, 1)
	ca, dir := newAuthority(t), t.TempDir()
	s := newSecureWorld(t, captured(requests), members{
		"tls":    ca.tlsFiles(dir),
		"mtls":   members{"client_ca_file": write(t, filepath.Join(dir, "ca.pem"), pemOf(ca.own)), "dns_names": []string{"api.example.test"}},
		"routes": []any{members{"pattern": "/anybody/", "accept": []string{"mtls"}}},
	})
	s.ca = ca
	require.Equal(t, http.StatusOK, s.ask(s.as(ca.dnsClient("api.example.test")), "/anybody/a", ""))
	require.Equal(t, "api.example.test", (<-requests).Header.Get("X-Identity-Subject"))
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(ca.dnsClient("other.example.test")), "/anybody/a", ""))
	require.Equal(t, http.StatusUnauthorized, s.ask(s.as(ca.client(workload)), "/anybody/a", ""), "no rule admits it")
}

func TestTheStatusTellsWhoIsTrusted(t *testing.T) {
	s := newSecureWorld(t, http.NotFoundHandler())
	res, err := http.Get("http://" + s.admin + "/-/status")
	require.NoError(t, err)
	defer res.Body.Close()
	var said struct{ MTLS trustReport }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&said))
	require.Len(t, said.MTLS.Authorities, 1)
	require.Equal(t, "example.test", said.MTLS.Authorities[0].TrustDomain)
	require.Equal(t, s.ca.own.Leaf.Subject.String(), said.MTLS.Authorities[0].Subject)
	require.Len(t, said.MTLS.Lists, 1)
	require.True(t, said.MTLS.Lists[0].Verified)
	require.Positive(t, said.MTLS.Lists[0].AgeSeconds)
}

// A proxy that connects with a certificate of its own must not lend it to those behind it.
func TestAProxysOwnCertificateIsNobodyElses(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	s := newSecureWorld(t, http.NotFoundHandler(), members{
		"tls": ca.tlsFiles(dir),
		"mtls": members{
			"client_ca_file": write(t, filepath.Join(dir, "ca.pem"), pemOf(ca.own)), "spiffe_trust_domain": "example.test",
			"forwarded": members{"format": "client-cert", "trusted_proxies": []string{"127.0.0.1/32"}},
		},
	})
	s.ca = ca
	own := ca.client("spiffe://example.test/ns/prod/sa/proxy")
	proxy := s.as(own)
	require.Equal(t, http.StatusUnauthorized, s.ask(proxy, "/anybody/a", ""))
	bound := s.token(members{"scope": "orders:read", "cnf": map[string]string{"x5t#S256": thumbprint(own)}})
	require.Equal(t, http.StatusUnauthorized, s.ask(proxy, "/orders/a", bound))
	client := ":" + base64.StdEncoding.EncodeToString(ca.client(workload).Leaf.Raw) + ":"
	require.Equal(t, http.StatusNotFound, s.ask(proxy, "/anybody/a", "", "Client-Cert", client))
}

func TestTheConfigurationOfCertificatesInTheReadmeRunsAsItSays(t *testing.T) {
	written := readmeConfig(t, "Certificates of clients")
	ca, dir := newAuthority(t), t.TempDir()
	written["tls"] = ca.tlsFiles(dir)
	written["mtls"].(members)["client_ca_file"] = write(t, filepath.Join(dir, "bundle.pem"), pemOf(ca.own))
	routes := written["routes"]
	issuers := written["issuers"].([]any)[0].(members)
	for _, name := range []string{"listen", "upstream", "issuers"} {
		delete(written, name) // world's own
	}
	require.Equal(t, true, issuers["access_token_profile"])
	requests := make(chan *http.Request, 1)
	s := newSecureWorld(t, captured(requests), written)
	s.ca = ca
	require.Equal(t, routes, written["routes"])

	prod, dev := ca.client("spiffe://example.com/ns/prod/sa/api"), ca.client("spiffe://example.com/ns/dev/sa/api")
	token := s.token(members{"scope": "orders:read"})
	bound := s.token(members{"scope": "orders:read", "cnf": map[string]string{"x5t#S256": thumbprint(prod)}})
	for _, tc := range []struct {
		name             string
		client           *http.Client
		token            string
		internal, orders int
	}{
		{"a workload of prod", s.as(prod), "", 200, 401},
		{"a workload of dev", s.as(dev), "", 403, 401},
		{"nobody", s.as(), "", 401, 401},
		{"a certificate that nobody vouches for", s.as((&authority{tb: t}).client("spiffe://example.com/ns/prod/sa/api")), "", 401, 401},
		{"a token", s.as(), token, 401, 200},
		{"a bound token of the workload", s.as(prod), bound, 200, 200},
		{"a bound token of another", s.as(dev), bound, 403, 401},
		{"a bound token of nobody", s.as(), bound, 401, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for path, want := range map[string]int{"/internal/a": tc.internal, "/orders/v1/7": tc.orders} {
				require.Equal(t, want, s.ask(tc.client, path, tc.token), path)
				if want == http.StatusOK {
					r := <-requests
					require.Equal(t, path == "/internal/a", r.Header.Get("X-Identity-Kind") == "mtls")
				}
			}
		})
	}
}

func TestTheGatewaysOwnCertificateIsReplacedWithoutARestart(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	files := &tlsConfig{certFile: filepath.Join(dir, "server.pem"), keyFile: filepath.Join(dir, "server.key")}
	ca.tlsFiles(dir)
	logs := &logBuffer{}
	c, err := newCertificate(files, slog.New(slog.NewTextHandler(logs, nil)))
	require.NoError(t, err)
	first, err := c.get(nil)
	require.NoError(t, err)

	write(t, files.certFile, []byte("half a certif"))
	c.looked = time.Time{}
	kept, err := c.get(nil)
	require.NoError(t, err)
	require.Equal(t, first.Certificate, kept.Certificate)
	require.Contains(t, logs.String(), "certificate not read, the last one stays")

	next := ca.server()
	write(t, files.keyFile, keyOf(t, next))
	write(t, files.certFile, pemOf(next))
	c.looked = time.Time{}
	got, err := c.get(nil)
	require.NoError(t, err)
	require.Equal(t, next.Certificate, got.Certificate)
}
