package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// A minted certificate is one made for a test, with its key.
type minted struct {
	*x509.Certificate

	key *ecdsa.PrivateKey
}

// mint makes a certificate for client authentication, or what edit makes of it. It is self-signed if by is nil.
func mint(tb testing.TB, by *minted, edit func(*x509.Certificate)) *minted {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "client"}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if edit != nil {
		edit(template)
	}
	if by == nil {
		by = &minted{template, key}
	}
	var public any = key.Public()
	if template.PublicKey != nil {
		public = template.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, public, by.key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &minted{cert, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.Subject.CommonName = true, x509.KeyUsageCertSign, nil, "authority"
}

// mintChain makes a leaf named by a URI, the intermediates from the leaf's issuer upwards, and the root.
func mintChain(tb testing.TB, uri string, intermediates int) (leaf *minted, between []*minted, root *minted) {
	tb.Helper()
	root = mint(tb, nil, authority)
	issuer := root
	for range intermediates {
		issuer = mint(tb, issuer, authority)
		between = append([]*minted{issuer}, between...)
	}
	return mint(tb, issuer, withURI(uri)), between, root
}

func withURI(uri string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.URIs = append(c.URIs, must(url.Parse(uri))) }
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// big4096 is a key as large as one of RSA with 4096 bits, to be certified and not to be used.
func big4096(tb testing.TB) *rsa.PublicKey {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 4095))
	require.NoError(tb, err)
	return &rsa.PublicKey{N: n.SetBit(n.SetBit(n, 4095, 1), 0, 1), E: 65537}
}

// ders are the certificates as bytes.
func ders(certs ...*minted) [][]byte {
	list := make([][]byte, len(certs))
	for i, c := range certs {
		list[i] = c.Raw
	}
	return list
}

func join(certs []*minted, sep string, write func(der []byte) string) string {
	list := make([]string, len(certs))
	for i, c := range certs {
		list[i] = write(c.Raw)
	}
	return strings.Join(list, sep)
}

// How proxies write a certificate.

func b64(der []byte) string  { return base64.StdEncoding.EncodeToString(der) }
func item(der []byte) string { return ":" + b64(der) + ":" }
func armour(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// escaped is nginx's $ssl_client_escaped_cert, and what Envoy makes.
func escaped(text string) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
}

// lightlyEscaped is how AWS's load balancer writes it.
func lightlyEscaped(text string) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20").Replace(text)
}

// blanked is how Apache writes it, and how net/http hands over the folded lines of nginx's $ssl_client_cert.
func blanked(text string) string { return strings.ReplaceAll(text, "\n", " ") }

func nginx(der []byte) string  { return escaped(armour(der)) }
func apache(der []byte) string { return blanked(armour(der)) }

// haproxyChain is ssl_c_chain_der: all that the client sent, the leaf too, in one byte sequence.
func haproxyChain(certs ...*minted) string {
	var all []byte
	for _, c := range certs {
		all = append(all, c.Raw...)
	}
	return item(all)
}

// envoy is one element, with the details in Envoy's order.
func envoy(leaf *minted, rest ...string) string {
	sum := sha256.Sum256(leaf.Raw)
	return strings.Join(append([]string{"By=spiffe://example.com/proxy;Hash=" + hex.EncodeToString(sum[:]), `Cert="` + nginx(leaf.Raw) + `"`}, rest...), ";")
}

func envoyChain(certs ...*minted) string {
	return `Chain="` + join(certs, "", nginx) + `"`
}

var (
	proxyAddr  = netip.MustParseAddr("10.0.0.7")
	proxyRange = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
)

// reader reads one format from proxyAddr.
func reader(tb testing.TB, format mtls.Format) *mtls.Forwarded {
	tb.Helper()
	return forwarder(tb, nil, mtls.ForwardedConfig{Format: format, TrustedProxies: proxyRange})
}

func forwarder(tb testing.TB, v *mtls.Verifier, c mtls.ForwardedConfig) *mtls.Forwarded {
	tb.Helper()
	f, err := mtls.NewForwarded(v, c)
	require.NoError(tb, err)
	return f
}

// headers makes a map of name and value in turn. A name may come twice.
func headers(pairs ...string) map[string][]string {
	h := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
	}
	return h
}

// leafHeader names the header of the leaf.
var leafHeader = map[mtls.Format]string{
	mtls.FormatClientCert: "Client-Cert", mtls.FormatXFCC: "X-Forwarded-Client-Cert",
	mtls.FormatPEM: "X-Ssl-Client-Cert", mtls.FormatDER: "X-Forwarded-Tls-Client-Cert",
}

// requireRead holds that f reads exactly these certificates.
func requireRead(t *testing.T, f *mtls.Forwarded, h map[string][]string, want ...*minted) {
	t.Helper()
	got, err := f.Read(h)
	require.NoError(t, err)
	read := make([][]byte, len(got))
	for i, c := range got {
		read[i] = c.Raw
	}
	require.Equal(t, ders(want...), read)
}

// requireMalformed holds that f refuses, in Thumbprint too, and says nothing of what it read.
func requireMalformed(t *testing.T, f *mtls.Forwarded, h map[string][]string) {
	t.Helper()
	_, err := f.Read(h)
	require.ErrorIs(t, err, mtls.ErrRefused)
	require.NotErrorIs(t, err, mtls.ErrNoCertificate)
	require.Equal(t, mtls.ReasonMalformed, mtls.ReasonOf(err))
	require.EqualError(t, err, "mtls: refused: malformed")
	thumbprint, err := f.Thumbprint(proxyAddr, nil, h)
	require.ErrorIs(t, err, mtls.ErrRefused)
	require.Empty(t, thumbprint)
}

// requireNone holds that f sees no certificate.
func requireNone(t *testing.T, f *mtls.Forwarded, h map[string][]string) {
	t.Helper()
	_, err := f.Read(h)
	require.ErrorIs(t, err, mtls.ErrNoCertificate)
	require.NotErrorIs(t, err, mtls.ErrRefused)
	thumbprint, err := f.Thumbprint(proxyAddr, nil, h)
	require.ErrorIs(t, err, mtls.ErrNoCertificate)
	require.Empty(t, thumbprint)
}

var b64Std = base64.StdEncoding

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func thumbprint(c *minted) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
