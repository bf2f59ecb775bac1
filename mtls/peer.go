package mtls

import (
	"crypto/x509"
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

// Peer is whom a certificate proves. Only a Verifier or a Forwarded makes one; nobody can change it.
type Peer struct {
	name       string
	kind       Kind
	thumbprint string
	expiry     time.Time
	leaf       *x509.Certificate
}

var nobody Peer

func (p *Peer) get() *Peer {
	if p == nil {
		return &nobody
	}
	return p
}

// Name is the name by which the rule that admitted the certificate knows it.
func (p *Peer) Name() string { return p.get().name }

// Kind says what kind of name Name is.
func (p *Peer) Kind() Kind { return p.get().kind }

// Thumbprint is the base64url SHA-256 of the certificate's DER (RFC 8705 section 3.1, x5t#S256).
func (p *Peer) Thumbprint() string { return p.get().thumbprint }

// Expiry is when the first certificate of the chain ends.
func (p *Peer) Expiry() time.Time { return p.get().expiry }

// Certificate returns a copy of the certificate's DER.
func (p *Peer) Certificate() []byte {
	if p.get().leaf == nil {
		return nil
	}
	return slices.Clone(p.leaf.Raw)
}

// Is reports whether the rule admits the peer's certificate.
func (p *Peer) Is(r Rule) bool { return false }
