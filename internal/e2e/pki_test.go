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
	"slices"
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
	a.own = a.issue(likeAuthority("an authority of the tests"))
	return a
}

func likeAuthority(name string) x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: name},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// below is another authority that this one vouches for.
func (a *authority) below() *authority {
	return &authority{t: a.t, own: a.issue(likeAuthority("an authority below it"))}
}

// issue signs what like describes by the authority's key, or by its own key as long as the authority has none.
func (a *authority) issue(like x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	a.last++
	like.SerialNumber = big.NewInt(a.last)
	if like.NotAfter.IsZero() {
		like.NotAfter = time.Now().Add(time.Hour)
	}
	like.NotBefore = like.NotAfter.Add(-2 * time.Hour)
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
func (a *authority) forClient(name string) tls.Certificate { return a.issue(likeClient(name)) }

// forClientBefore is the same of a client whose certificate has expired.
func (a *authority) forClientBefore(name string) tls.Certificate {
	like := likeClient(name)
	like.NotAfter = time.Now().Add(-time.Minute)
	return a.issue(like)
}

func likeClient(name string) x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// selfSigned is a client's certificate that nobody vouches for.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return (&authority{t: t}).forClient(name)
}

// proxyName is what a proxy's own certificate says to the service behind it.
const proxyName = "proxy.example.com"

// serverFiles writes what a server on 127.0.0.1 needs, and returns where: server.pem, server.key, both.pem with the two, ca.pem, and
// proxy.pem and proxy.key, by which it is a client itself.
func (a *authority) serverFiles() string {
	a.t.Helper()
	dir := a.t.TempDir()
	certificate, key := pemOf(a.t, a.issue(x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}))
	own, ownKey := pemOf(a.t, a.forClient(proxyName))
	for name, content := range map[string][]byte{
		"server.pem": certificate, "server.key": key, "both.pem": slices.Concat(certificate, key), "ca.pem": certificatePEM(a.own.Leaf),
		"proxy.pem": own, "proxy.key": ownKey,
	} {
		require.NoError(a.t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

// pemOf is a certificate, with what comes with it, and its key.
func pemOf(t *testing.T, c tls.Certificate) (certificates, key []byte) {
	t.Helper()
	for _, der := range c.Certificate {
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	return certificates, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// client is an HTTP client that trusts the authority and presents a certificate, also to a server that asks for those of others:
// Certificates in its place would then send none. An empty certificate is none.
func (a *authority) client(certificate tls.Certificate) *http.Client {
	return &http.Client{Timeout: startLimit, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:              a.pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	}}}
}

func (a *authority) pool() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(a.own.Leaf)
	return roots
}
