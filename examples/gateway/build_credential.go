package main

import (
	"context"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// authenticator decides about the kinds of credential that a route takes. Whoever stands first is asked first, and what is of
// its kind is never offered to the next: a JWT that was refused is not asked about.
//
// A token comes before a certificate. With both, the request is the token's, which may be bound to the certificate.
func (g *gateway) authenticator(c *config, r *routeConfig) (middleware.Authenticator, error) {
	tokens, err := g.tokens(c, r)
	switch {
	case err != nil || g.clients == nil || !r.takes(acceptMTLS):
		return tokens, err
	case len(r.accept) == 1:
		return g.clients.authenticator(), nil
	default:
		return middleware.FirstOf(tokens, g.clients.authenticator()), nil
	}
}

// tokens decides about the kinds of token that a route takes.
func (g *gateway) tokens(c *config, r *routeConfig) (middleware.Authenticator, error) {
	jwt := middleware.JWT(refuser{})
	if r.takes(acceptJWT) && len(c.issuers) > 0 {
		var err error
		if jwt, err = g.jwt(c, r); err != nil {
			return nil, err
		}
	}
	tell := c.tellers(r)
	if !r.takes(acceptOpaque) || len(tell) == 0 {
		return jwt, nil
	}
	opaque, err := tell[0].narrow(middleware.Introspect(g.trusted(tell[0].issuer).teller)) // there is no other, see checkCredentials
	if err != nil {
		return nil, err
	}
	return middleware.FirstOf(jwt, opaque), nil
}

// jwt verifies tokens of the route's issuers, and asks about each if the route says so.
func (g *gateway) jwt(c *config, r *routeConfig) (middleware.Authenticator, error) {
	var verifiers []*token.Verifier
	ask := introspectors{}
	for _, i := range c.admitted(r) {
		t := g.trusted(i.issuer)
		verifiers = append(verifiers, t.verifier)
		ask[i.issuer] = t.teller
	}
	mux, err := token.NewMux(verifiers...)
	if err != nil {
		return nil, err
	}
	if r.introspect {
		return middleware.Confirmed(mux, ask), nil
	}
	return middleware.JWT(mux), nil
}

// trusted returns an issuer that is configured.
func (g *gateway) trusted(issuer string) *trusted {
	for n := range g.issuers {
		if g.issuers[n].issuer == issuer {
			return &g.issuers[n]
		}
	}
	return &trusted{}
}

// refuser stands where a route takes no JWT. It looks at none.
type refuser struct{}

func (refuser) Verify(context.Context, string, ...token.Proof) (*token.Claims, error) {
	return nil, token.ErrRefused
}
