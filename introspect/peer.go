package introspect

import (
	"context"
	"net/netip"
)

type peerKey struct{}

// WithPeer says on whose behalf Introspect is called: the address of the client that sent the token, as a server or a trusted proxy
// has seen it. Peers with one IPv4 address, or one /64 of IPv6, are one.
//
// What a known peer has waiting or under way at once is bounded to a quarter of all there may be, so that a client that sends garbage
// does not keep other clients' tokens from being decided; nor does it by tokens that make the endpoint fail, because failures of one
// known peer pause no other. Without a peer there is no such bound. An address that is not valid
// leaves ctx as it is, and so does any address where ctx has a peer already: who speaks first is nearer to the client.
func WithPeer(ctx context.Context, addr netip.Addr) context.Context {
	p := peerOf(addr)
	if !p.IsValid() || peerFrom(ctx).IsValid() {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

func peerOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // of an invalid address, the invalid prefix
	return p
}

// peerFrom returns the invalid prefix if nobody said who the peer is.
func peerFrom(ctx context.Context) netip.Prefix {
	p, _ := ctx.Value(peerKey{}).(netip.Prefix)
	return p
}
