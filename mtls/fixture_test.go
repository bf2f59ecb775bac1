package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// authority is a certificate with its key.
type authority struct {
	*x509.Certificate

	key crypto.Signer
}

var serials atomic.Int64

func newKey(tb testing.TB) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return key
}

// issue makes a certificate of the template; a nil issuer means itself.
func issue(tb testing.TB, template *x509.Certificate, issuer *authority, key crypto.Signer) *authority {
	tb.Helper()
	made := &authority{template, key}
	if issuer == nil {
		issuer = made
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.key)
	require.NoError(tb, err)
	made.Certificate, err = x509.ParseCertificate(der)
	require.NoError(tb, err)
	return made
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func newRoot(tb testing.TB, name string) *authority {
	tb.Helper()
	return issue(tb, caTemplate(name), nil, newKey(tb))
}

func (a *authority) newIntermediate(tb testing.TB, name string) *authority {
	tb.Helper()
	return issue(tb, caTemplate(name), a, newKey(tb))
}

func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: "common"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"client.example.com"},
	}
}

// issue makes a leaf, changed by edit.
func (a *authority) issue(tb testing.TB, edit ...func(*x509.Certificate)) *authority {
	tb.Helper()
	template := leafTemplate()
	for _, e := range edit {
		e(template)
	}
	return issue(tb, template, a, newKey(tb))
}

func uris(tb testing.TB, list ...string) func(*x509.Certificate) {
	tb.Helper()
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		for _, s := range list {
			u, err := url.Parse(s)
			require.NoError(tb, err)
			c.URIs = append(c.URIs, u)
		}
	}
}

// san is one subject alternative name as it stands in a certificate, whatever it holds.
type san struct {
	tag   int
	value string
}

func sans(tb testing.TB, list ...san) func(*x509.Certificate) {
	tb.Helper()
	var raw []asn1.RawValue
	for _, s := range list {
		raw = append(raw, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: s.tag, Bytes: []byte(s.value)})
	}
	der, err := asn1.Marshal(raw)
	require.NoError(tb, err)
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der})
	}
}

func listTemplate(number int64, revoked ...*authority) *x509.RevocationList {
	l := &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Hour + time.Duration(number)*time.Second), NextUpdate: time.Now().Add(time.Hour),
	}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	return l
}

func (a *authority) sign(tb testing.TB, l *x509.RevocationList) *x509.RevocationList {
	tb.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, l, a.Certificate, a.key)
	require.NoError(tb, err)
	made, err := x509.ParseRevocationList(der)
	require.NoError(tb, err)
	return made
}

// revoke makes a list.
func (a *authority) revoke(tb testing.TB, number int64, revoked ...*authority) *x509.RevocationList {
	tb.Helper()
	return a.sign(tb, listTemplate(number, revoked...))
}

func certificates(list ...*authority) (all []*x509.Certificate) {
	for _, a := range list {
		all = append(all, a.Certificate)
	}
	return all
}

func trusting(roots ...*authority) mtls.Trust { return mtls.Trust{Roots: certificates(roots...)} }

func newVerifier(tb testing.TB, trust mtls.Trust, allow mtls.Rule) *mtls.Verifier {
	tb.Helper()
	v, err := mtls.New(mtls.Config{Trust: trust, Allow: allow}, nil)
	require.NoError(tb, err)
	return v
}

// state is that of a connection whose handshake is over.
func state(chain ...*authority) *tls.ConnectionState {
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: certificates(chain...)}
}

// verdict is the name of the peer, or why there is none.
func verdict(v *mtls.Verifier, chain ...*authority) string {
	peer, err := v.Verify(state(chain...))
	if err != nil {
		return string(mtls.ReasonOf(err))
	}
	return peer.Name()
}

func (a *authority) pair(with ...*authority) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{a.Raw}, PrivateKey: a.key}
	for _, w := range with {
		c.Certificate = append(c.Certificate, w.Raw)
	}
	return c
}

func pemOf(kind string, ders ...[]byte) (all []byte) {
	for _, der := range ders {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return all
}
