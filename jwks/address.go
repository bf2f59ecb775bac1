package jwks

import (
	"errors"
	"net"
	"net/netip"
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

// nat64 is the well-known prefix of RFC 6052: its last four bytes are an IPv4 address.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// forbidden reports whether nothing that holds an issuer's keys can live at addr: link-local and multicast addresses and the
// metadata services of clouds, in every spelling. Loopback and private networks are allowed: issuers live there.
func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if addr.IsMulticast() {
		return true
	}
	for _, p := range metadata {
		if p.Contains(addr) {
			return true
		}
	}
	return false
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
