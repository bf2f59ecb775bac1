package middleware

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/perimeter-go/perimeter/mtls"
)

// RequireCert authenticates by two credentials at once: a certificate that cert takes, and a token that token takes and that is bound
// to that very certificate (RFC 8705 section 3). A token that is bound to nothing is refused.
//
// The identity is that of the token with the certificate's Peer, and ends when the first of both does.
//
// The certificate is looked at first. Where it is not good, its error is the answer and the token is not examined. Nothing
// presented at all is [ErrNoCredentials]; one without the other is [ErrRefused], so that in a [FirstOf] neither gets a
// second chance. token is told of the certificate that cert has found, so with [ForwardedCert] too.
func RequireCert(cert, token Authenticator) Authenticator {
	return &requireCert{cert: cert, token: token}
}

type requireCert struct{ cert, token Authenticator }

var (
	errNoToken  = refused(credentialCert, "no_token", "a certificate without a token")
	errNoCert   = refused("", "no_certificate", "a token without a certificate")
	errNotBound = refused("", "proof", "the token is not bound to the certificate")
)

func (a *requireCert) Authenticate(r *http.Request) (Identity, error) {
	certified, err := a.cert.Authenticate(r)
	if err != nil && outcomeOf(err) == nothingPresented {
		return Identity{}, a.withoutCert(r)
	}
	if err != nil {
		return Identity{}, err
	}
	peer := certified.Peer
	if peer.Thumbprint() == "" {
		return Identity{}, fmt.Errorf("%w: RequireCert: the first authenticator found no certificate", ErrUndecided)
	}
	id, err := a.token.Authenticate(withWitness(r, func(*http.Request) (string, error) { return peer.Thumbprint(), nil }))
	if err != nil && outcomeOf(err) == nothingPresented {
		return Identity{}, errNoToken
	}
	if err != nil {
		return Identity{}, err
	}
	if !id.boundTo(peer) {
		return Identity{}, errNotBound
	}
	id.Peer = peer
	id.Expiry = earlier(id.Expiry, certified.Expiry)
	return id, nil
}

// withoutCert says what a request without a certificate deserves. Whether there is a token only its authenticator knows.
func (a *requireCert) withoutCert(r *http.Request) error {
	_, err := a.token.Authenticate(r)
	switch {
	case err == nil:
	case outcomeOf(err) != undecided:
		return err
	}
	return errNoCert
}

// boundTo says that the token, by everything that is known of it, is bound to the peer's certificate. The comparison takes constant time.
func (id *Identity) boundTo(peer *mtls.Peer) bool {
	bound := false
	for _, said := range [...]string{id.Token.Confirmation(methodCert), id.Introspection.Confirmation(methodCert)} {
		if said == "" {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(said), []byte(peer.Thumbprint())) != 1 {
			return false
		}
		bound = true
	}
	return bound
}

func (a *requireCert) mistake() error {
	var errs []error
	for _, part := range []struct {
		name string
		a    Authenticator
	}{{"cert", a.cert}, {"token", a.token}} {
		for _, err := range each(mistakeIn(part.a)) {
			errs = append(errs, fmt.Errorf("RequireCert, %s: %w", part.name, err))
		}
	}
	return errors.Join(errs...)
}
