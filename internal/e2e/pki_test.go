package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An authority issues certificates, made for one test.
type authority struct {
	t    *testing.T
	own  tls.Certificate
	last int64 // serial number
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.own = a.issue(x509.Certificate{
		Subject: pkix.Name{CommonName: "an authority of the tests"},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// issue signs what like describes by the authority's key, or by its own key as long as the authority has none.
func (a *authority) issue(like x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	a.last++
	like.SerialNumber = big.NewInt(a.last)
	like.NotBefore, like.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.own.Leaf, a.own.PrivateKey
	if parent == nil {
		parent, signer = &like, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &like, parent, key.Public(), signer)
	require.NoError(a.t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// forClient is a client's certificate in which the authority vouches for a DNS name.
func (a *authority) forClient(name string) tls.Certificate {
	return a.issue(x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// selfSigned is a client's certificate that nobody vouches for.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return (&authority{t: t}).forClient(name)
}

// serverFiles writes what a server on 127.0.0.1 needs, and returns where.
func (a *authority) serverFiles() string {
	a.t.Helper()
	server := a.issue(x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	key, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	require.NoError(a.t, err)
	dir := a.t.TempDir()
	for name, block := range map[string]*pem.Block{
		"server.pem": {Type: "CERTIFICATE", Bytes: server.Leaf.Raw},
		"server.key": {Type: "PRIVATE KEY", Bytes: key},
		"ca.pem":     {Type: "CERTIFICATE", Bytes: a.own.Leaf.Raw},
	} {
		require.NoError(a.t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	return dir
}

// client is an HTTP client that trusts the authority and presents a certificate, also to a server that asks for those of others:
// Certificates in its place would then send none.
func (a *authority) client(certificate tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(a.own.Leaf)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:              roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	}}}
}
