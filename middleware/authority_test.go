package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// authority issues client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var serial atomic.Int64

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	pair := sign(tb, template, nil)
	return &authority{pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)}
}

// issue makes a certificate for an hour. Its name is a URI if it has a scheme, and a DNS name otherwise.
func (a *authority) issue(tb testing.TB, name string) *tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: "common"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	uri, err := url.Parse(name)
	require.NoError(tb, err)
	if uri.Scheme != "" {
		template.URIs = []*url.URL{uri}
	} else {
		template.DNSNames = []string{name}
	}
	return sign(tb, template, a)
}

// sign makes a certificate with a key of its own; without an authority it is its own.
func sign(tb testing.TB, template *x509.Certificate, a *authority) *tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	if a == nil {
		a = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(tb, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// revoke makes a list on which the certificates are.
func (a *authority) revoke(tb testing.TB, number int64, revoked ...*tls.Certificate) *x509.RevocationList {
	tb.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.certificate, a.key)
	require.NoError(tb, err)
	list, err := x509.ParseRevocationList(der)
	require.NoError(tb, err)
	return list
}

// verifier takes what the authority issued for one of the names of the table.
func (a *authority) verifier(tb testing.TB, allow mtls.Rule) *mtls.Verifier {
	tb.Helper()
	v, err := mtls.New(mtls.Config{Trust: a.trust(), Allow: allow}, nil)
	require.NoError(tb, err)
	return v
}

func (a *authority) trust(lists ...*x509.RevocationList) mtls.Trust {
	return mtls.Trust{Roots: []*x509.Certificate{a.certificate}, CRLs: lists}
}

// from is a request that came over a connection whose client has presented the certificate; nil: none.
func from(c *tls.Certificate, headers ...string) *http.Request {
	r := get("/", headers...)
	r.TLS = stateOf(c)
	return r
}

func stateOf(c *tls.Certificate) *tls.ConnectionState {
	state := &tls.ConnectionState{HandshakeComplete: true}
	if c != nil {
		state.PeerCertificates = []*x509.Certificate{c.Leaf}
	}
	return state
}

func thumbprintOf(tb testing.TB, c *tls.Certificate) string {
	tb.Helper()
	thumbprint, err := mtls.Thumbprint(stateOf(c))
	require.NoError(tb, err)
	return thumbprint
}

// boundTo are the claims of a token that is bound to the certificate.
func boundTo(tb testing.TB, c *tls.Certificate) map[string]any {
	tb.Helper()
	return map[string]any{"cnf": map[string]any{"x5t#S256": thumbprintOf(tb, c)}}
}

// newTLSServer serves h and asks clients for certificates as v has it.
func newTLSServer(t *testing.T, h http.Handler, v *mtls.Verifier, ask mtls.ClientAuth) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.TLS = v.TLSConfig(nil, ask)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// clientOf makes connections of its own, with a certificate or without.
func clientOf(server *httptest.Server, c *tls.Certificate) *http.Client {
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = false
	if c != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*c}
	}
	return &http.Client{Transport: transport}
}

// fetch returns the status and the body of an answer.
func fetch(t *testing.T, client *http.Client, address string, headers ...string) (status int, body string) {
	t.Helper()
	r := request(http.MethodGet, address, headers...)
	r.RequestURI = ""
	res, err := client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}
