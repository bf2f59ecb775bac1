package mtls

import (
	"crypto/tls"
	"errors"
	"time"
)

// ClientAuth says what a handshake asks of a client.
type ClientAuth int

const (
	// Require fails a handshake without a certificate that Verify accepts.
	Require ClientAuth = iota
	// Offer lets a client do without; a certificate that it presents must be one that Verify accepts.
	Offer ClientAuth = iota
	// Possession takes any certificate or none: only that the client has its key is proved (RFC 8705 section 6.2).
	Possession ClientAuth = iota
)

var errAsk = errors.New("mtls: an unknown ClientAuth")

// TLSConfig returns a copy of base that asks clients for certificates. A nil base means the defaults of crypto/tls and TLS 1.2 or later; a
// server's own certificates then have to be set. An unknown ask fails every handshake.
//
// The check runs in every handshake, one that resumes a session included, by the trust of that moment. It replaces no check of a
// request: a connection lives on after its certificate has expired or been revoked. A handshake cannot say that revocation is undecided, and
// fails then as well; a service that wants to answer such a request uses Possession and leaves the rest to Verify.
//
// ClientAuth and ClientCAs of base do not matter: crypto/tls verifies no chain, so that new roots count at once, and the handshake names no
// authorities. VerifyConnection of base runs after the check, VerifyPeerCertificate as crypto/tls has it. The configurations that
// GetConfigForClient of base returns are treated in the same way.
func (v *Verifier) TLSConfig(base *tls.Config, ask ClientAuth) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		c = base.Clone()
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	c.ClientCAs = nil
	c.ClientAuth = tls.RequireAnyClientCert
	if ask == Offer || ask == Possession {
		c.ClientAuth = tls.RequestClientCert
	}
	then := c.VerifyConnection
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if err := v.checkHandshake(state, ask); err != nil || then == nil {
			return err
		}
		return then(state)
	}
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if err != nil || chosen == nil {
				return nil, err
			}
			return v.TLSConfig(chosen, ask), nil
		}
	}
	return c
}

// checkHandshake is called before the client has proved to have the key, and crypto/tls then sees to that it does.
func (v *Verifier) checkHandshake(state tls.ConnectionState, ask ClientAuth) error {
	certificates := state.PeerCertificates
	switch {
	case ask == Possession, ask == Offer && len(certificates) == 0:
		return nil
	case ask != Require && ask != Offer:
		return errAsk
	case len(certificates) == 0:
		return ErrNoCertificate
	}
	_, err := v.verifyChain(certificates[0], certificates[1:], time.Now())
	return err
}
