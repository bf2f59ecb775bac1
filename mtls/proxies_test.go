package mtls_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestOnlyThoseInTheRangesMayForward(t *testing.T) {
	leaf := mint(t, nil)
	h := headers("X-Forwarded-Tls-Client-Cert", b64(leaf.Raw))
	for _, row := range []struct {
		name, peer string
		trusted    []netip.Prefix
		want       bool
	}{
		{"inside", "10.0.0.7", ranges("10.0.0.0/24"), true},
		{"in the second range", "192.0.2.1", ranges("10.0.0.0/24", "192.0.2.1/32"), true},
		{"the last address", "10.0.0.255", ranges("10.0.0.0/24"), true},
		{"one beyond", "10.0.1.0", ranges("10.0.0.0/24"), false},
		{"IPv4 in IPv6 form", "::ffff:10.0.0.7", ranges("10.0.0.0/24"), true},
		{"IPv4 in IPv6 form, beyond", "::ffff:10.0.1.7", ranges("10.0.0.0/24"), false},
		{"IPv4 in IPv6 form is not of IPv6", "::ffff:10.0.0.7", ranges("::/64"), false},
		{"IPv6", "2001:db8::7", ranges("2001:db8::/64"), true},
		{"IPv6, beyond", "2001:db8:0:1::7", ranges("2001:db8::/64"), false},
		{"IPv6 is not of IPv4", "::7", ranges("0.0.0.0/8"), false},
		{"with a zone", "fe80::7%eth0", ranges("fe80::/10"), false},
		{"the same without", "fe80::7", ranges("fe80::/10"), true},
		{"IPv4 in IPv6 form with a zone", "::ffff:10.0.0.7%eth0", ranges("10.0.0.0/24"), false},
		{"no address", "", ranges("10.0.0.0/24", "::/1"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := forwarder(t, nil, mtls.ForwardedConfig{Format: mtls.FormatDER, TrustedProxies: row.trusted})
			peer, _ := netip.ParseAddr(row.peer)
			got, err := f.Thumbprint(peer, nil, h)
			if !row.want {
				require.ErrorIs(t, err, mtls.ErrNoCertificate)
				require.Empty(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, thumbprint(leaf), got)
		})
	}
}
