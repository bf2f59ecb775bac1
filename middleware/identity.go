package middleware

import (
	"context"
	"time"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// Identity is who stands behind a request, as found by an [Authenticator].
//
// It is a value: what a handler changes in its copy, nobody else reads. Fields that the credential does not speak of are zero.
// Subject and ClientID are two names of two parties and never stand in for each other. A Subject is unique only together with
// its Issuer, and that of a certificate, which has none, only among certificates: a token's alice is another than a certificate's.
type Identity struct {
	Subject  string        // who the credential is about
	Issuer   string        // who says so
	ClientID string        // the client it was issued to
	Scopes   scope.Set     // what was granted; zero: nothing
	Expiry   time.Time     // when the credential ends; zero: it does not say
	Token    *token.Claims // the verified claims; non-nil exactly if a JWT was verified

	Introspection *introspect.Result // the issuer's answer; non-nil exactly if it was asked about the token

	Peer *mtls.Peer // whom the certificate proves; non-nil exactly if a certificate was verified, which is more than that a token is bound to one
}

// nobody says that id names no party at all, which no working authenticator finds.
func (id *Identity) nobody() bool {
	return id.Subject == "" && id.ClientID == "" && id.Token == nil && id.Introspection == nil && id.Peer == nil
}

// IdentityFrom returns the identity that the innermost guard around the caller has put into the request's context. It is false
// where no guard has: on public routes, and outside of any guard.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	c := carried(ctx)
	if c == nil {
		return Identity{}, false
	}
	return c.identity, true
}

// WithIdentity returns a context in which [IdentityFrom] finds id. It is for tests of handlers: no [Guard] takes it for a
// decision of its own.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return &carrier{Context: ctx, identity: id}
}

// A carrier is a context with an identity and who decided on it. One value carries both, so that passing a request costs one
// allocation for the context and one for the request.
type carrier struct {
	context.Context //nolint:containedctx // it is a context

	identity Identity
	guard    *Guard  // nil: set by WithIdentity, nobody's decision
	way      *method // how guard found out
}

type carrierKey struct{}

// Value finds the carrier itself, and everything else where it was.
func (c *carrier) Value(key any) any {
	if _, ok := key.(carrierKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// carried returns the innermost carrier of ctx, or nil.
func carried(ctx context.Context) *carrier {
	c, _ := ctx.Value(carrierKey{}).(*carrier)
	return c
}

// decisionOf returns the decision on this request that g itself has made in this way, or nil. Another guard's decision does not
// count, nor does one of another authenticator, nor WithIdentity.
func decisionOf(ctx context.Context, g *Guard, way *method) *carrier {
	for c := carried(ctx); c != nil; c = carried(c.Context) {
		if c.guard == g && c.way == way {
			return c
		}
	}
	return nil
}
