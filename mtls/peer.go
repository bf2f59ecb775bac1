package mtls

import (
	"slices"
	"time"
)

// Kind says what kind of name a rule found.
type Kind string

// The kinds of names.
const (
	KindURI        Kind = "uri"
	KindSPIFFE     Kind = "spiffe"
	KindDNS        Kind = "dns"
	KindEmail      Kind = "email"
	KindCommonName Kind = "common_name"
)

// Peer is whom a certificate proves. Only a Verifier or a Forwarded makes one; nobody can change it. The nil Peer is nobody.
type Peer struct {
	name       string
	kind       Kind
	thumbprint string
	expiry     time.Time
	der        []byte
	names      names // those that whoever vouched for the certificate may vouch for
}

var nobody Peer

func (p *Peer) get() *Peer {
	if p == nil {
		return &nobody
	}
	return p
}

// Name is the name by which the rule that admitted the certificate knows it. The name of one kind is not that of another: a common
// name may read like a SPIFFE ID.
func (p *Peer) Name() string { return p.get().name }

// Kind says what kind of name Name is.
func (p *Peer) Kind() Kind { return p.get().kind }

// Thumbprint is the base64url SHA-256 of the certificate's DER (RFC 8705 section 3.1, x5t#S256).
func (p *Peer) Thumbprint() string { return p.get().thumbprint }

// Expiry is when the first certificate of the chain ends.
func (p *Peer) Expiry() time.Time { return p.get().expiry }

// Certificate returns a copy of the certificate's DER.
func (p *Peer) Certificate() []byte { return slices.Clone(p.get().der) }

// Is reports whether the rule admits the peer's certificate as well. It asks about names only: whoever vouched for the certificate
// when it was verified must be one who may vouch for the name, and a rule that is nil or malformed admits nobody.
func (p *Peer) Is(r Rule) bool {
	if p == nil || r == nil {
		return false
	}
	_, _, ok := r.name(&p.names)
	return ok
}
