package mtls

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
)

// Thumbprint returns the x5t#S256 (RFC 8705 section 3.1) of the certificate whose key the client of a TLS connection has proved to have,
// whoever vouches for it: it is to be compared with that of a token, and says nothing of its own. ErrNoCertificate if there is none, or if
// the handshake is not complete.
func Thumbprint(state *tls.ConnectionState) (string, error) {
	if state == nil || !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return "", ErrNoCertificate
	}
	leaf := state.PeerCertificates[0]
	if leaf == nil || len(leaf.Raw) == 0 { // never the hash of nothing
		return "", ErrNoCertificate
	}
	return thumbprint(sha256.Sum256(leaf.Raw)), nil
}

// thumbprint spells the hash of a certificate.
func thumbprint(sum [sha256.Size]byte) string {
	var text [43]byte // without padding
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}
