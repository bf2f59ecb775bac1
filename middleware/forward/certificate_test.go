package forward_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/mtls"
)

// certificate makes one, and the root that vouches for it.
func certificate(t *testing.T, commonName string, uris ...*url.URL) (leaf, root *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sign := func(template, parent *x509.Certificate) *x509.Certificate {
		template.SerialNumber, template.BasicConstraintsValid = big.NewInt(1), true
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		require.NoError(t, err)
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return c
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	root = sign(template, template)
	return sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: commonName}, URIs: uris,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, root), root
}

func TestACertificateIsForwardedUnderAKindOfItsOwn(t *testing.T) {
	for _, row := range []struct {
		name, commonName string
		uri              *url.URL
		allow            mtls.Rule
		subject          string
	}{
		{
			"a SPIFFE ID is written as it is", "orders", &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/ns/prod/orders"},
			mtls.SPIFFE("example.com"), "spiffe://example.com/ns/prod/orders",
		},
		{
			"a URI with what the encoding itself uses", "orders", &url.URL{Scheme: "urn", Opaque: "example:50%25,a;b+c"},
			mtls.URI("urn:example:50%25,a;b+c"), "urn:example:50%2525,a;b+c",
		},
		{"a common name", "Alice Smith, Z\u00fcrich", nil, mtls.CommonName("Alice Smith, Z\u00fcrich"), "Alice%20Smith,%20Z%C3%BCrich"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var uris []*url.URL
			if row.uri != nil {
				uris = append(uris, row.uri)
			}
			leaf, root := certificate(t, row.commonName, uris...)
			v, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: []*x509.Certificate{root}}, Allow: row.allow}, nil)
			require.NoError(t, err)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
			id, err := middleware.ClientCert(v).Authenticate(r)
			require.NoError(t, err)
			require.Equal(t, http.Header{"X-Identity-Subject": {row.subject}, "X-Identity-Kind": {"mtls"}}, written(t, id))
			back, err := url.PathUnescape(row.subject)
			require.NoError(t, err)
			require.Equal(t, id.Subject, back)
		})
	}
}

// What a proxy in front forwards is for the guard. The backend sees who it was, and not the certificate, under whatever name it came.
func TestAForwardedCertificateGoesNoFurther(t *testing.T) {
	leaf, root := certificate(t, "orders", &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/orders"})
	v, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: []*x509.Certificate{root}}, Allow: mtls.SPIFFE("example.com")}, nil)
	require.NoError(t, err)
	f, err := mtls.NewForwarded(v, mtls.ForwardedConfig{
		Format: mtls.FormatPEM, Header: "X-SSL-Client-Cert", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
	})
	require.NoError(t, err)
	guard, err := middleware.New(middleware.ForwardedCert(f), nil)
	require.NoError(t, err)
	routes, err := middleware.NewRoutes(middleware.Rule{Pattern: "/"}, middleware.Rule{Pattern: "/public", Public: true})
	require.NoError(t, err)
	h, err := forward.New(forward.Config{Subject: "X-Identity-Subject", Remove: []string{"X-SSL-Client-Cert"}})
	require.NoError(t, err)

	for path, want := range map[string]http.Header{
		"/":       {"X-Identity-Subject": {"spiffe://example.com/orders"}, "X-Identity-Kind": {"mtls"}},
		"/public": {},
	} {
		var arrived http.Header
		backend := guard.Routes(routes)(h.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrived = r.Header })))
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "192.0.2.1:4711"
		r.Header.Set("X-SSL-Client-Cert", url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))))
		r.Header.Set("Client-Cert", ":forged:")
		backend.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, want, arrived, path)
	}
}
