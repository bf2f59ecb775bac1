package jwks

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// errForbiddenAddress refuses a connection. It is told apart from other failures by errors.Is.
var errForbiddenAddress = errors.New("jwks: the host leads to a link-local or metadata address")

// metadata lists where clouds answer to whoever asks from inside, beyond the link-local range.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS: instance metadata ::254, pod identity ::23
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud
	netip.MustParsePrefix("fd00:c1::/32"),       // Oracle Cloud
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud, classic
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure's wire server
	netip.MustParsePrefix("169.254.0.0/16"),     // link-local, where most of them live
	netip.MustParsePrefix("fe80::/10"),
}

// embedding lists where an IPv6 address stands for an IPv4 one, and the byte at which that begins: a translator on the way may
// lead there.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},  // RFC 8215, for prefixes of 96 bits in it
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // RFC 2765
	{netip.MustParsePrefix("::/96"), 12},           // RFC 4291 section 2.5.5.1
	{netip.MustParsePrefix("2002::/16"), 2},        // RFC 3056
}

// forbidden reports whether nothing that holds an issuer's keys can live at addr: link-local and multicast addresses and the
// metadata services of clouds, also where IPv6 embeds them. Loopback and private networks are allowed: issuers live there.
func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsMulticast() || isMetadata(addr) {
		return true
	}
	if !addr.Is6() {
		return false
	}
	for _, e := range embedding {
		if b := addr.As16(); e.prefix.Contains(addr) && isMetadata(netip.AddrFrom4([4]byte(b[e.at:e.at+4]))) {
			return true
		}
	}
	return false
}

func isMetadata(addr netip.Addr) bool {
	return slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// forbiddenPeer is forbidden for the far end of a connection. An address that is not IP, such as that of a Unix socket, is
// where the caller's own dialer chose to go.
func forbiddenPeer(remote net.Addr) bool {
	if remote == nil {
		return false
	}
	at, err := netip.ParseAddrPort(remote.String())
	return err == nil && forbidden(at.Addr())
}
