package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/token"
)

// methodCert is the member of cnf that a client certificate answers (RFC 8705 section 3.1).
const methodCert = "x5t#S256"

// A witness says which certificate's key the client of a request has proved to have. It is in the context of a request whose
// credentials are examined where the handshake is not what to go by, so that it reaches every authenticator, however it is wrapped.
type witness func(r *http.Request) (thumbprint string, err error)

type witnessKey struct{}

// withWitness returns a request to be examined with w as the witness.
func withWitness(r *http.Request, w witness) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), witnessKey{}, w))
}

// handshake is the witness of a request that came from its client directly.
func handshake(r *http.Request) (string, error) { return mtls.Thumbprint(r.TLS) }

// forwardedBy makes a witness of what a trusted proxy says.
func forwardedBy(f ForwardedVerifier) witness {
	return func(r *http.Request) (string, error) { return f.Thumbprint(senderOf(r), r.TLS, r.Header) }
}

// possessed returns the thumbprint of the certificate whose key the client has proved to have, "" if there is none.
func possessed(r *http.Request) (string, error) {
	seen, _ := r.Context().Value(witnessKey{}).(witness)
	if seen == nil {
		seen = handshake
	}
	thumbprint, err := seen(r)
	switch {
	case err == nil:
		return thumbprint, nil
	case errors.Is(err, mtls.ErrNoCertificate):
		return "", nil
	default:
		return "", aboutCert(err)
	}
}

// A presented token is what a request came with: the token, and the certificate of who sent it.
type presented struct{ raw, thumbprint string }

func (p presented) forToken() []token.Proof {
	if p.thumbprint == "" {
		return nil
	}
	return []token.Proof{{Method: methodCert, Thumbprint: p.thumbprint}}
}

func (p presented) forIntrospection() []introspect.Proof {
	if p.thumbprint == "" {
		return nil
	}
	return []introspect.Proof{{Method: methodCert, Thumbprint: p.thumbprint}}
}
