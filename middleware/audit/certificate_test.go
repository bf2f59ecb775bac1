package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
	"github.com/perimeter-go/perimeter/mtls"
)

func TestACertificateIsNamedByItsThumbprint(t *testing.T) {
	const orders = "spiffe://example.com/ns/prod/orders"
	root, leaf := newCertificate(t, orders)
	workloads, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: []*x509.Certificate{root}}, Allow: mtls.SPIFFE("example.com")}, nil)
	require.NoError(t, err)
	var out bytes.Buffer
	h := guarded(t, middleware.ClientCert(workloads), newTrail(t, slog.NewJSONHandler(&out, nil), audit.Config{}), middleware.Rule{Pattern: "/"})
	r := get("/")
	r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	h.ServeHTTP(deaf{http.Header{}}, r)
	got := forms[0].lines(t, out.String())
	require.Len(t, got, 1)
	sum := sha256.Sum256(leaf.Raw)
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), got[0]["certificate"])
	require.Equal(t, []string{"mtls", "certificate", orders, ""}, []string{got[0]["credential"], got[0]["how"], got[0]["subject"], got[0]["token"]})
}

// newCertificate makes a root, and a client certificate with this URI under it.
func newCertificate(t *testing.T, uri string) (root, leaf *x509.Certificate) {
	t.Helper()
	name, err := url.Parse(uri)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	client := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{name},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	issuing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sign := func(template *x509.Certificate) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, authority, issuing.Public(), issuing)
		require.NoError(t, err)
		signed, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return signed
	}
	return sign(authority), sign(client)
}
