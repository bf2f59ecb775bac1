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
	method  *method // nil: the guard's own
	issuers []string
	peers   mtls.Rule // nil: any
	scope   scope.Requirement
	scoped  bool // scope counts, even the zero one
	check   func(*http.Request, Identity) error
}

// judge says whether id meets the demand, and if not, what to answer. It is asked again on every request, whether the identity
// was found just now or before.
func (d *demand) judge(g *Guard, r *http.Request, id *Identity) (o outcome, met bool) {
	// RFC 6750 section 3.1: to a route that does not trust its issuer a token is "invalid for other reasons", and the client
	// may get another and retry. insufficient_scope would send it for more of the same.
	if len(d.issuers) > 0 && !slices.Contains(d.issuers, id.Issuer) {
		return presentedAndRefused, false
	}
	// RFC 9110 section 15.5.4: the credentials are good but insufficient, and no fresher ones of theirs would do.
	if d.peers != nil && (id.Peer == nil || !id.Peer.Is(d.peers)) {
		return peerNotAdmitted, false
	}
	if d.scoped && !d.scope.SatisfiedBy(id.Scopes) {
		return scopesDoNotCover, false
	}
	if d.check == nil {
		return undecided, true
	}
	err := d.check(r, *id)
	if err == nil {
		return undecided, true
	}
	return g.checkOutcome(r, err), false
}

// needed is what to tell a client whose scopes do not cover: one set that would (RFC 6750 section 3).
func (d *demand) needed(o outcome) string {
	if o != scopesDoNotCover {
		return ""
	}
	return d.scope.Challenge() // empty where no set would do
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
	return checkSaysNo
}
