package mtls_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// mint makes a leaf, self-signed if by is nil.
func mint(tb testing.TB, by *authority, edit ...func(*x509.Certificate)) *authority {
	tb.Helper()
	return by.issue(tb, edit...)
}

// mintChain makes a leaf named by a URI, the intermediates from the leaf's issuer upwards, and the root.
func mintChain(tb testing.TB, uri string, intermediates int) (leaf *authority, between []*authority, root *authority) {
	tb.Helper()
	root = newRoot(tb, "root")
	issuer := root
	for range intermediates {
		issuer = issuer.newIntermediate(tb, "intermediate")
		between = append([]*authority{issuer}, between...)
	}
	return mint(tb, issuer, uris(tb, uri)), between, root
}

// A publicKey can be certified and not be used.
type publicKey struct {
	crypto.Signer

	key *rsa.PublicKey
}

func (k publicKey) Public() crypto.PublicKey { return k.key }

// big4096 looks like a key of RSA with 4096 bits.
func big4096(tb testing.TB) crypto.Signer {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 4095))
	require.NoError(tb, err)
	return publicKey{key: &rsa.PublicKey{N: n.SetBit(n.SetBit(n, 4095, 1), 0, 1), E: 65537}}
}

// ders are the certificates as bytes.
func ders(certs ...*authority) [][]byte {
	list := make([][]byte, len(certs))
	for i, c := range certs {
		list[i] = c.Raw
	}
	return list
}

func join(certs []*authority, sep string, write func(der []byte) string) string {
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
func haproxyChain(certs ...*authority) string {
	var all []byte
	for _, c := range certs {
		all = append(all, c.Raw...)
	}
	return item(all)
}

// envoy is one element, with the details in Envoy's order.
func envoy(leaf *authority, rest ...string) string {
	sum := sha256.Sum256(leaf.Raw)
	return strings.Join(append([]string{"By=spiffe://example.com/proxy;Hash=" + hex.EncodeToString(sum[:]), `Cert="` + nginx(leaf.Raw) + `"`}, rest...), ";")
}

func envoyChain(certs ...*authority) string {
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
func requireRead(t *testing.T, f *mtls.Forwarded, h map[string][]string, want ...*authority) {
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

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func thumbprint(c *authority) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
