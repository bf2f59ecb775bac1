package middleware

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/perimeter-go/perimeter/mtls"
)

// A CertVerifier finds out whom the client certificate of a TLS connection proves. [mtls.Verifier] is one. Its error wraps
// [mtls.ErrNoCertificate] if the client presented none and [mtls.ErrRefused] if it is not good; any other error leaves the
// request undecided, and so does a nil peer without an error.
type CertVerifier interface {
	Verify(state *tls.ConnectionState) (*mtls.Peer, error)
}

// A ForwardedVerifier reads the client certificate that a proxy forwards in the header. [mtls.Forwarded] is one. Errors are those
// of a [CertVerifier]; from an address that it does not trust there is no certificate, whatever the header says.
type ForwardedVerifier interface {
	// Verify finds out whom the certificate proves. The address is the connection's, and invalid where it is not known.
	Verify(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (*mtls.Peer, error)
	// Thumbprint returns the x5t#S256 of the certificate whose key the client has proved to have, whoever vouches for it: from
	// a trusted proxy that of the client and never the proxy's own, from anyone else that of the handshake.
	Thumbprint(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (string, error)
}

// ClientCert authenticates by the certificate that the client presented in the handshake of the request's own connection.
//
// The Subject is the peer's name, the Expiry that of its chain, and there is no Issuer: a rule with Issuers takes no certificate.
// Every request asks v, also the second one of a connection. Without TLS or without a certificate the error is [ErrNoCredentials];
// what v refuses gives an error that wraps [ErrRefused] and v's own, so that [mtls.ReasonOf] still tells why. In a [FirstOf] a bad
// certificate so ends the matter, and no token rescues it.
//
// Behind a proxy that terminates TLS the certificate is the proxy's: see [ForwardedCert].
func ClientCert(v CertVerifier) Authenticator { return &clientCert{v} }

type clientCert struct{ verifier CertVerifier }

func (a *clientCert) Authenticate(r *http.Request) (Identity, error) {
	if r.TLS == nil {
		return Identity{}, ErrNoCredentials
	}
	return certified(a.verifier.Verify(r.TLS))
}

func (a *clientCert) mistake() error { return mistakeOf("ClientCert", "verifier", a.verifier) }

// ForwardedCert authenticates by the client certificate that a proxy forwards, as f is configured to read it, and otherwise like
// [ClientCert]. Who has sent the request is the address of the connection, the request's RemoteAddr, and no header has a say; an
// address that is none, or has a zone, is nobody's. A handler in front that writes a header's word into RemoteAddr gives the client that say:
// it must stand behind the guard, or nowhere.
//
// To let the tokens of such clients be bound to their certificates, give f to [Options].Forwarded too. The headers should not reach
// a backend: see the package forward.
func ForwardedCert(f ForwardedVerifier) Authenticator { return &forwardedCert{f} }

type forwardedCert struct{ verifier ForwardedVerifier }

func (a *forwardedCert) Authenticate(r *http.Request) (Identity, error) {
	return certified(a.verifier.Verify(senderOf(r), r.TLS, r.Header))
}

func (a *forwardedCert) mistake() error { return mistakeOf("ForwardedCert", "verifier", a.verifier) }

// certified reads the answer of a verifier of certificates.
func certified(peer *mtls.Peer, err error) (Identity, error) {
	switch {
	case errors.Is(err, mtls.ErrNoCertificate):
		return Identity{}, ErrNoCredentials
	case err != nil:
		return Identity{}, aboutCert(err)
	case peer.Name() == "":
		return Identity{}, fmt.Errorf("%w: the verifier returned neither a named peer nor an error", ErrUndecided)
	}
	return Identity{Subject: peer.Name(), Expiry: peer.Expiry(), Peer: peer}, nil
}

// aboutCert reads the error of a verifier of certificates that is not ErrNoCertificate.
func aboutCert(err error) error {
	return &finding{err, credentialCert, string(mtls.ReasonOf(err)), errors.Is(err, mtls.ErrRefused)}
}

// senderOf is the address at the other end of the connection. It is invalid where RemoteAddr is none, as that of a Unix socket, and
// where it has a zone, which only means something to this machine.
func senderOf(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || from.Addr().Zone() != "" {
		return netip.Addr{}
	}
	return from.Addr().Unmap()
}
