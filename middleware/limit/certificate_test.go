package limit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	a := &authority{}
	a.certificate, a.key = issue(tb, &x509.Certificate{
		Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	}, nil)
	return a
}

// client returns a new certificate for a client of that name.
func (a *authority) client(tb testing.TB, name string, notAfter time.Time) *x509.Certificate {
	tb.Helper()
	c, _ := issue(tb, &x509.Certificate{
		DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotAfter: notAfter,
	}, a)
	return c
}

func issue(tb testing.TB, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	if by == nil {
		by = &authority{certificate: template, key: key}
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-2 * time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	require.NoError(tb, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return c, key
}

func TestWhichCertificatesAreGuesses(t *testing.T) {
	ours, foreign := newAuthority(t), newAuthority(t)
	v, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: []*x509.Certificate{ours.certificate}}, Allow: mtls.DNS("orders.example.com")}, nil)
	require.NoError(t, err)
	certs := middleware.ClientCert(v)
	later := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name        string
		send        func() *x509.Certificate
		guess, good bool
	}{
		{name: "of another authority", guess: true, send: func() *x509.Certificate { return foreign.client(t, "orders.example.com", later) }},
		{name: "for a name that no rule admits", guess: true, send: func() *x509.Certificate { return ours.client(t, "other.example.com", later) }},
		{name: "expired", send: func() *x509.Certificate { return ours.client(t, "orders.example.com", time.Now().Add(-time.Hour)) }},
		{name: "good", good: true, send: func() *x509.Certificate { return ours.client(t, "orders.example.com", later) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLimiter(t)
			for range 3 {
				r := from(alice)
				r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{row.send()}}
				_, err := l.Authenticate(r, certs)
				require.NotErrorIs(t, err, limited)
				require.Equal(t, row.good, err == nil, "%v", err)
				require.Equal(t, row.good, l.Remembers(r))
			}
			require.Equal(t, row.guess, errors.Is(send(l, alice, "good-newcomer"), limited))
		})
	}
}
