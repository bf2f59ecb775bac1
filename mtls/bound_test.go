package mtls_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// sized is a client's certificate of about so many bytes.
func sized(tb testing.TB, by *authority, size int) *authority {
	tb.Helper()
	return mint(tb, by, uris(tb, "spiffe://example.com/orders"), func(c *x509.Certificate) {
		for n := range size / 32 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("%019d.example.com", n)) // 31 bytes, and 2 before them
		}
	})
}

// A certificate that is longer than anybody's is not looked into, wherever it comes from.
func TestALeafHas16KiBAtMost(t *testing.T) {
	root := newRoot(t, "root")
	long, longer := sized(t, root, 15<<10), sized(t, root, 17<<10)
	require.Less(t, len(long.Raw), 16<<10)
	require.Greater(t, len(longer.Raw), 16<<10)
	v := newVerifier(t, trusting(root), mtls.SPIFFE("example.com"))
	require.Equal(t, "spiffe://example.com/orders", verdict(v, long))
	require.Equal(t, "malformed", verdict(v, longer))
	f := reader(t, mtls.FormatClientCert)
	requireRead(t, f, headers("Client-Cert", item(long.Raw)), long)
	requireMalformed(t, f, headers("Client-Cert", item(longer.Raw)))
}

// What is no certificate at all ends being taken apart when there are more pieces of it than certificates may be.
func TestWhatIsTakenApartIsBounded(t *testing.T) {
	leaf := mint(t, newRoot(t, "root"))
	xfcc := reader(t, mtls.FormatXFCC)
	requireRead(t, xfcc, headers("X-Forwarded-Client-Cert", strings.Repeat("k", 64)+"=a;"+envoy(leaf)), leaf)
	requireMalformed(t, xfcc, headers("X-Forwarded-Client-Cert", strings.Repeat("k", 65)+"=a;"+envoy(leaf)))
	many := func(part, sep string) string { return strings.Repeat(part+sep, 60<<10/len(part+sep)) + part }
	for _, row := range []struct {
		format mtls.Format
		h      map[string][]string
	}{
		{mtls.FormatDER, headers("X-Forwarded-Tls-Client-Cert", many("AAAA", ","))},
		{mtls.FormatPEM, headers("X-SSL-Client-Cert", many("-----BEGIN CERTIFICATE----- AAAA -----END CERTIFICATE-----", " "))},
		{mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", many(":AAAA:", ","))},
		{mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", item([]byte(many("0\x00", "")[:40<<10])))},
	} {
		f := reader(t, row.format)
		requireMalformed(t, f, row.h)
		steps := testing.AllocsPerRun(3, func() { _, _ = f.Thumbprint(proxyAddr, nil, row.h) })
		require.Less(t, steps, 100.0, "it goes on, in pieces of which each is allocated: %s", row.format)
	}
}
