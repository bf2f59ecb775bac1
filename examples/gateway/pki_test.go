package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An authority vouches for servers and clients of one test. The zero authority, but for tb, makes certificates that sign themselves.
type authority struct {
	tb  testing.TB
	own tls.Certificate
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	a := &authority{tb: tb}
	a.own = a.issue(x509.Certificate{
		Subject: pkix.Name{CommonName: "authority " + rand.Text()}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	return a
}

func (a *authority) issue(like x509.Certificate) tls.Certificate {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.tb, err)
	like.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.tb, err)
	if like.NotAfter.IsZero() {
		like.NotBefore, like.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := a.own.Leaf, a.own.PrivateKey
	if parent == nil {
		parent, signer = &like, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &like, parent, key.Public(), signer)
	require.NoError(a.tb, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(a.tb, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// client is a certificate of whoever has this SPIFFE ID.
func (a *authority) client(id string) tls.Certificate {
	a.tb.Helper()
	u, err := url.Parse(id)
	require.NoError(a.tb, err)
	return a.issue(x509.Certificate{
		Subject: pkix.Name{Organization: []string{"workloads"}}, URIs: []*url.URL{u}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// dnsClient is a certificate of whoever has this name.
func (a *authority) dnsClient(name string) tls.Certificate {
	a.tb.Helper()
	return a.issue(x509.Certificate{
		DNSNames: []string{name}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) server() tls.Certificate {
	a.tb.Helper()
	return a.issue(x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// revoke is a list of certificates that are no longer good.
func (a *authority) revoke(number int64, revoked ...tls.Certificate) []byte {
	a.tb.Helper()
	list := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now().Add(-time.Minute),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.own.Leaf, a.own.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(a.tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func pemOf(c tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw})
}

func keyOf(tb testing.TB, c tls.Certificate) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// write puts a file in place in one step, as whoever replaces it should.
func write(tb testing.TB, name string, content []byte) string {
	tb.Helper()
	require.NoError(tb, os.WriteFile(name+".new", content, 0o600))
	require.NoError(tb, os.Rename(name+".new", name))
	return name
}

func thumbprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// tlsFiles writes what a gateway needs to serve TLS.
func (a *authority) tlsFiles(dir string) members {
	a.tb.Helper()
	own := a.server()
	return members{
		"cert_file": write(a.tb, filepath.Join(dir, "server.pem"), pemOf(own)),
		"key_file":  write(a.tb, filepath.Join(dir, "server.key"), keyOf(a.tb, own)),
	}
}
