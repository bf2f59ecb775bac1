package mtls_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func ranges(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestForwardedIsNotMadeOf(t *testing.T) {
	const der = mtls.FormatDER
	for _, row := range []struct {
		name   string
		config mtls.ForwardedConfig
		want   string
	}{
		{"nobody to trust", mtls.ForwardedConfig{Format: der}, "TrustedProxies or Proxy is required"},
		{"an empty list to trust", mtls.ForwardedConfig{Format: der, TrustedProxies: []netip.Prefix{}}, "TrustedProxies or Proxy is required"},
		{"no format", mtls.ForwardedConfig{TrustedProxies: proxyRange}, `Format: "" is none of client-cert, xfcc, pem, der`},
		{"an unknown format", mtls.ForwardedConfig{Format: "PEM", TrustedProxies: proxyRange}, `Format: "PEM" is none of`},
		{"a range that is none", mtls.ForwardedConfig{Format: der, TrustedProxies: make([]netip.Prefix, 1)}, "TrustedProxies[0]: invalid Prefix is no range of addresses"},
		{"host bits", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("10.0.0.0/24", "10.0.0.7/24")}, "TrustedProxies[1]: 10.0.0.7/24 has host bits: the range is 10.0.0.0/24"},
		{"host bits in IPv6", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("2001:db8::1/64")}, "TrustedProxies[0]: 2001:db8::1/64 has host bits"},
		{"everybody", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("0.0.0.0/0")}, "TrustedProxies[0]: 0.0.0.0/0 is everybody"},
		{"everybody with IPv6", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("::/0")}, "TrustedProxies[0]: ::/0 is everybody"},
		{"IPv4 in IPv6 form, which no address ever has here", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("::ffff:10.0.0.0/120")}, "TrustedProxies[0]: ::ffff:10.0.0.0/120 is an IPv4 range in IPv6 form"},
		{"all of IPv4 in IPv6 form", mtls.ForwardedConfig{Format: der, TrustedProxies: ranges("::ffff:0.0.0.0/96")}, "is an IPv4 range in IPv6 form"},
		{"a header with a blank", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, Header: "X Cert"}, `Header: "X Cert" is no header name`},
		{"a header with a colon", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, Header: "X-Cert:"}, `Header: "X-Cert:" is no header name`},
		{"a header with a line break", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, Header: "X\r\nY"}, `Header: "X\r\nY" is no header name`},
		{"a header outside ASCII", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, Header: "X-\u00c4"}, "is no header name"},
		{"a bad name for the chain", mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange, ChainHeader: "a,b"}, `ChainHeader: "a,b" is no header name`},
		{"a chain in DER", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, ChainHeader: "X-Chain"}, `ChainHeader: "X-Chain": the format der has none`},
		{"a chain in PEM", mtls.ForwardedConfig{Format: mtls.FormatPEM, TrustedProxies: proxyRange, ChainHeader: "X-Chain"}, `ChainHeader: "X-Chain": the format pem has none`},
		{"a chain beside XFCC", mtls.ForwardedConfig{Format: mtls.FormatXFCC, TrustedProxies: proxyRange, ChainHeader: "X-Chain"}, `ChainHeader: "X-Chain": the format xfcc has none`},
		{"one header for both", mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange, ChainHeader: "client_cert"}, `ChainHeader: "client_cert" is the same as Header`},
		{"the chain's default for the leaf", mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange, Header: "client-cert-chain"}, `is the same as Header`},
		{"hops below none", mtls.ForwardedConfig{Format: mtls.FormatXFCC, TrustedProxies: proxyRange, Hops: -1}, "Hops: -1 is not from 1 to 10"},
		{"more hops than anyone has", mtls.ForwardedConfig{Format: mtls.FormatXFCC, TrustedProxies: proxyRange, Hops: 11}, "Hops: 11 is not from 1 to 10"},
		{"hops without elements", mtls.ForwardedConfig{Format: der, TrustedProxies: proxyRange, Hops: 1}, "Hops: the format der has no elements to count"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := mtls.NewForwarded(nil, row.config)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, f)
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.True(t, strings.HasPrefix(line, "mtls: "), line)
			}
		})
	}
}

func TestForwardedReportsEveryMistake(t *testing.T) {
	_, err := mtls.NewForwarded(&mtls.Verifier{}, mtls.ForwardedConfig{
		Format: "x", Proxy: &mtls.Verifier{}, Header: "a b", ChainHeader: "c d", Hops: -2, TrustedProxies: append(ranges("10.0.0.1/8", "2001:db8::1/64", "::ffff:1.2.3.4/128"), netip.Prefix{}),
	})
	for _, want := range []string{"Format:", "Header:", "ChainHeader:", "Hops:", "TrustedProxies[0]", "TrustedProxies[1]", "TrustedProxies[2]", "TrustedProxies[3]", "Proxy: a Verifier", "a Verifier"} {
		require.ErrorContains(t, err, "mtls: "+want)
	}
}

func TestForwardedKeepsNothingOfTheCallers(t *testing.T) {
	leaf := mint(t, nil)
	mine := ranges("10.0.0.0/24")
	f := forwarder(t, nil, mtls.ForwardedConfig{Format: mtls.FormatDER, TrustedProxies: mine})
	mine[0] = netip.MustParsePrefix("192.0.2.0/24")
	h := headers("X-Forwarded-Tls-Client-Cert", b64(leaf.Raw))
	_, err := f.Thumbprint(netip.MustParseAddr("192.0.2.1"), nil, h)
	require.ErrorIs(t, err, mtls.ErrNoCertificate)
	_, err = f.Thumbprint(proxyAddr, nil, h)
	require.NoError(t, err)
}

func TestForwardedNamesWhatItReads(t *testing.T) {
	for _, row := range []struct {
		name   string
		config mtls.ForwardedConfig
		want   []string
	}{
		{"RFC 9440 has two", mtls.ForwardedConfig{Format: mtls.FormatClientCert}, []string{"Client-Cert", "Client-Cert-Chain"}},
		{"either may have another name", mtls.ForwardedConfig{Format: mtls.FormatClientCert, ChainHeader: "X-Chain"}, []string{"Client-Cert", "X-Chain"}},
		{"Envoy has one", mtls.ForwardedConfig{Format: mtls.FormatXFCC}, []string{"X-Forwarded-Client-Cert"}},
		{"PEM has one", mtls.ForwardedConfig{Format: mtls.FormatPEM, Header: "ssl-client-cert"}, []string{"ssl-client-cert"}},
		{"Traefik has one", mtls.ForwardedConfig{Format: mtls.FormatDER}, []string{"X-Forwarded-Tls-Client-Cert"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.config.TrustedProxies = proxyRange
			f := forwarder(t, nil, row.config)
			require.Equal(t, row.want, f.Headers())
			f.Headers()[0] = "changed"
			require.Equal(t, row.want, f.Headers())
		})
	}
}

func TestAForwardedThatNobodyMadeDecidesNothing(t *testing.T) {
	h := headers("Client-Cert", item(mint(t, nil).Raw))
	for name, f := range map[string]*mtls.Forwarded{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			peer, err := f.Verify(proxyAddr, nil, h)
			require.Nil(t, peer)
			require.ErrorContains(t, err, "mtls: a Forwarded ")
			require.Equal(t, mtls.ReasonUndecided, mtls.ReasonOf(err))
			require.NotErrorIs(t, err, mtls.ErrNoCertificate)
			thumbprint, err := f.Thumbprint(proxyAddr, nil, h)
			require.Empty(t, thumbprint)
			require.ErrorContains(t, err, "mtls: a Forwarded ")
			require.NotErrorIs(t, err, mtls.ErrNoCertificate)
			require.Empty(t, f.Headers())
		})
	}
}

func TestWithoutAVerifierThereIsNoPeer(t *testing.T) {
	f := reader(t, mtls.FormatClientCert)
	peer, err := f.Verify(proxyAddr, nil, headers("Client-Cert", item(mint(t, nil).Raw)))
	require.Nil(t, peer)
	require.ErrorContains(t, err, "mtls: a Forwarded ")
	require.Equal(t, mtls.ReasonUndecided, mtls.ReasonOf(err))
}
