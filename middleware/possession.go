package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

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

// A possession is the certificate whose key the client of a request has proved to have. It is found out when somebody first asks, which is after
// everything else about a token, so that who has none that is good has nothing read or hashed for them. A nil one is that of nobody.
type possession struct {
	r    *http.Request
	seen witness

	once       sync.Once
	thumbprint string
	err        error
}

// possessionOf returns nil where there certainly is no certificate.
func possessionOf(r *http.Request) *possession {
	seen, _ := r.Context().Value(witnessKey{}).(witness)
	if seen == nil && (r.TLS == nil || !r.TLS.HandshakeComplete || len(r.TLS.PeerCertificates) == 0) {
		return nil
	}
	return &possession{r: r, seen: seen}
}

// find returns "" if there is no certificate after all.
func (p *possession) find() (thumbprint string, err error) {
	p.once.Do(p.look)
	return p.thumbprint, p.err
}

func (p *possession) look() {
	p.err = errUnread // until it is read: also after a panic
	seen := p.seen
	if seen == nil {
		seen = handshake
	}
	thumbprint, err := seen(p.r)
	switch {
	case err == nil:
		p.thumbprint, p.err = thumbprint, nil
	case errors.Is(err, mtls.ErrNoCertificate):
		p.err = nil
	default:
		p.err = aboutCert(err)
	}
}

var errUnread = fmt.Errorf("%w: the certificate could not be looked at", ErrUndecided)

// mistake is what is wrong with the certificate that was forwarded with a token that is good otherwise, bound or not. In a handshake there are no
// mistakes.
func (p *possession) mistake() error {
	if p == nil || p.seen == nil {
		return nil
	}
	_, err := p.find()
	return err
}

// A presented token is what a request came with: the token, and the certificate of who sent it.
type presented struct {
	raw string
	by  *possession
}

func (p presented) forToken() []token.Proof {
	if p.by == nil {
		return nil
	}
	return []token.Proof{{Method: methodCert, Find: p.by.find}}
}

func (p presented) forIntrospection() []introspect.Proof {
	if p.by == nil {
		return nil
	}
	return []introspect.Proof{{Method: methodCert, Find: p.by.find}}
}
