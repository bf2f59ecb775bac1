package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/perimeter-go/perimeter/token"
)

// A TokenVerifier verifies a compact JWT. [token.Verifier] and [token.Mux] are two. Its error wraps [token.ErrRefused] if the
// token is not good; any other error leaves the request undecided, but for that of a proof's Find, which it is to hand on, and so does a nil result
// without an error.
type TokenVerifier interface {
	Verify(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)
}

// JWT authenticates by a signed JWT as a bearer token. Without sources it reads the Authorization header as
// FromHeader("Authorization") does; with sources only those. Several sources that have a token at once are [ErrInvalidRequest].
//
// A credential that is no JWS is not of its kind and gives [ErrNoCredentials]: one without exactly three segments, or whose
// first segment is not a base64url JSON object with a member alg, or, of more than 128 bytes, does not begin as one. Dots and a
// leading eyJ alone make no JWT, for opaque tokens have them too. What v refuses gives an error that wraps [ErrRefused] and the verifier's own, so that
// [token.ReasonOf] still tells why.
//
// A token that is bound to a client certificate (RFC 8705) is good only from who has that certificate: v is handed the thumbprint of
// the one that the client has presented in the handshake, whoever vouches for it, or that a trusted proxy forwards, by
// [Options].Forwarded. Where that is malformed, or forwarded twice, the token is refused, bound or not. A token that is bound to a key in
// another way is refused.
//
// The certificate is looked at last, when v asks for it by [token.Proof].Find, and the Thumbprint is empty: a token that is no good causes none to
// be read or hashed. With one a bound token costs a hash of it, and where it is forwarded each good token the reading of it. Where there is none in the
// handshake nothing is handed on; but whether a proxy has forwarded one, only Find tells.
func JWT(v TokenVerifier, from ...Source) Authenticator {
	return newJWT(v, from)
}

type jwt struct {
	verifier TokenVerifier
	sources  []Source
	known    *jwsHeaders
}

func newJWT(v TokenVerifier, from []Source) *jwt {
	return &jwt{verifier: v, sources: sourcesOf(from), known: newJWSHeaders()}
}

func (a *jwt) Authenticate(r *http.Request) (Identity, error) {
	id, _, err := a.verify(r)
	return id, err
}

// verify also returns what was presented.
func (a *jwt) verify(r *http.Request) (id Identity, p presented, err error) {
	p.raw, err = onlyOne(r, a.sources)
	if err != nil {
		return Identity{}, p, err
	}
	known := a.known.begin(p.raw)
	if !known && !isJWS(p.raw) {
		return Identity{}, p, ErrNoCredentials
	}
	p.by = possessionOf(r)
	claims, err := a.verifier.Verify(r.Context(), p.raw, p.forToken()...)
	if err != nil {
		return Identity{}, p, foundBy(err, credentialJWT, string(token.ReasonOf(err)), token.ErrRefused)
	}
	if err := p.by.mistake(); err != nil {
		return Identity{}, p, err
	}
	if claims == nil {
		return Identity{}, p, fmt.Errorf("%w: the verifier returned neither claims nor an error", ErrUndecided)
	}
	if !known {
		a.known.add(p.raw)
	}
	return identityOf(claims), p, nil
}

func identityOf(c *token.Claims) Identity {
	return Identity{
		Subject:  c.Subject(),
		Issuer:   c.Issuer(),
		ClientID: c.ClientID(),
		Scopes:   c.Scopes(),
		Expiry:   c.Expiry(),
		Token:    c,
	}
}

func (a *jwt) mistake() error {
	return errors.Join(mistakeOf("JWT", "verifier", a.verifier), mistakeInSources("JWT", a.sources))
}
