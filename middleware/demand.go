package middleware

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
)

// A demand is what an identity must meet. The zero demand is met by any identity of the guard's own authenticator.
type demand struct {
	rule    string  // the pattern of a table's rule
	method  *method // nil: the guard's own
	issuers []string
	peers   mtls.Rule // nil: any
	scope   scope.Requirement
	scoped  bool // scope counts, even the zero one
	check   func(*http.Request, Identity) error
}

// judge says whether who was found meets the demand, and if not, what to answer. It is asked again on every request, whether the
// identity was found just now or before.
func (d *demand) judge(g *Guard, r *http.Request, v *ruling) {
	id := &v.who.identity
	switch {
	// RFC 6750 section 3.1: to a route that does not trust its issuer a token is "invalid for other reasons", and the client
	// may get another and retry. insufficient_scope would send it for more of the same.
	case len(d.issuers) > 0 && !slices.Contains(d.issuers, id.Issuer):
		v.outcome, v.reason = presentedAndRefused, "issuer"
	// RFC 9110 section 15.5.4: the credentials are good but insufficient, and no fresher ones of theirs would do.
	case d.peers != nil && (id.Peer == nil || !id.Peer.Is(d.peers)):
		v.outcome, v.reason = forbidden, "peer"
	case d.scoped && !d.scope.SatisfiedBy(id.Scopes):
		v.outcome, v.needed = scopesDoNotCover, d.scope.Challenge() // empty where no set would do
	case d.check != nil:
		d.ask(g, r, v)
	default:
		v.outcome = allowed
	}
}

// ask leaves it to the rule's own check.
func (d *demand) ask(g *Guard, r *http.Request, v *ruling) {
	v.err = d.check(r, v.who.identity)
	if v.err == nil {
		v.outcome = allowed
		return
	}
	v.outcome, v.reason = g.checkOutcome(r, v.err), "check"
}

// checkOutcome reads the error of a Rule.Check, where an error nobody knows means no.
func (g *Guard) checkOutcome(r *http.Request, err error) outcome {
	if o := g.credentialOutcome(r, err); o != undecided {
		return o
	}
	for _, e := range [...]error{ErrUndecided, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return undecided
		}
	}
	return forbidden
}
