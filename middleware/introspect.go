package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/scope"
)

// An Introspector asks the issuer about a token (RFC 7662). [introspect.Client] is one. Its error wraps [introspect.ErrRefused]
// if the token is not good; any other error leaves the request undecided, and so does a nil result without an error.
type Introspector interface {
	Introspect(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error)
}

// Introspect authenticates by asking c about the bearer token, whatever kind of token it is. Sources are read as by [JWT]. To
// ask about opaque tokens only, put JWT in front: FirstOf(JWT(v), Introspect(c)).
//
// What c refuses gives an error that wraps [ErrRefused] and c's own, so that [introspect.ReasonOf] still tells why. The sender's
// address, the request's RemoteAddr, is said to c by [introspect.WithPeer], so that one sender's garbage keeps nobody else's
// tokens waiting. Behind a proxy all senders have its address: say the true one by WithPeer in front of the guard.
//
// Proof of possession is as with [JWT]: a token that its issuer says is bound to a client certificate is good only from who has that
// certificate, also while c remembers the answer.
func Introspect(c Introspector, from ...Source) Authenticator {
	return &introspection{introspector: c, sources: sourcesOf(from)}
}

type introspection struct {
	introspector Introspector
	sources      []Source
}

func (a *introspection) Authenticate(r *http.Request) (Identity, error) {
	var p presented
	var err error
	if p.raw, err = onlyOne(r, a.sources); err != nil {
		return Identity{}, err
	}
	p.by = possessionOf(r)
	result, err := ask(r.Context(), a.introspector, r, p, credentialOpaque)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Subject:       result.Subject(),
		Issuer:        result.Issuer(),
		ClientID:      result.ClientID(),
		Scopes:        result.Scopes(),
		Expiry:        result.Expiry(),
		Introspection: result,
	}, nil
}

func (a *introspection) mistake() error {
	return errors.Join(mistakeOf("Introspect", "introspector", a.introspector), mistakeInSources("Introspect", a.sources))
}

// Confirmed authenticates by a JWT that v verifies and about which c is then asked, for tokens whose revocation must be seen
// before they expire. What [JWT] takes for no JWT is [ErrNoCredentials] here too, and c is not asked about what v does not accept.
//
// The identity is that of the JWT, with its claims, less what the issuer has taken back: the scopes are those of both, where c's
// answer has a scope member, and the earlier expiry counts. An answer about another subject or client refuses; one
// of another issuer than the JWT's leaves the request undecided, for then the wrong one was asked.
//
// In the context that c is given, [IdentityFrom] finds what v has verified: with several issuers, an Introspector picks by its
// Issuer whom to ask. Proof of possession is as with [JWT], and handed to both.
func Confirmed(v TokenVerifier, c Introspector, from ...Source) Authenticator {
	return &confirmed{jwt: newJWT(v, from), introspector: c}
}

type confirmed struct {
	jwt          *jwt
	introspector Introspector
}

func (a *confirmed) Authenticate(r *http.Request) (Identity, error) {
	id, p, err := a.jwt.verify(r)
	if err != nil {
		return Identity{}, err
	}
	result, err := ask(WithIdentity(r.Context(), id), a.introspector, r, p, credentialJWT)
	if err != nil {
		return Identity{}, err
	}
	if result.Issuer() != id.Issuer {
		return Identity{}, fmt.Errorf("%w: another issuer than the token's was asked", ErrUndecided)
	}
	if differ(result.Subject(), id.Subject) || differ(result.ClientID(), id.ClientID) {
		return Identity{}, errOtherParty
	}
	id.Introspection = result
	id.Scopes = stillGranted(id.Scopes, result)
	id.Expiry = earlier(id.Expiry, result.Expiry())
	return id, nil
}

func (a *confirmed) mistake() error {
	return errors.Join(
		mistakeOf("Confirmed", "verifier", a.jwt.verifier),
		mistakeOf("Confirmed", "introspector", a.introspector),
		mistakeInSources("Confirmed", a.jwt.sources))
}

var errOtherParty = refused(credentialJWT, "subject", "the issuer says that the token is another party's")

// ask asks c about a token of this kind that came with r.
func ask(ctx context.Context, c Introspector, r *http.Request, p presented, kind string) (*introspect.Result, error) {
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		ctx = introspect.WithPeer(ctx, from.Addr())
	}
	result, err := c.Introspect(ctx, p.raw, p.forIntrospection()...)
	if err != nil {
		return nil, foundBy(err, kind, string(introspect.ReasonOf(err)), introspect.ErrRefused)
	}
	if err := p.by.mistake(); err != nil {
		return nil, err
	}
	if result == nil {
		return nil, fmt.Errorf("%w: the introspector returned neither a result nor an error", ErrUndecided)
	}
	return result, nil
}

// differ says whether two names, where both are given, are not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// stillGranted is what of the token's scopes the issuer still grants. Where the answer does not speak of scopes, that is all.
func stillGranted(granted scope.Set, result *introspect.Result) scope.Set {
	if result.Scopes().Len() > 0 {
		return granted.Intersect(result.Scopes())
	}
	var answer map[string]json.RawMessage
	if result.Decode(&answer) != nil {
		return scope.Set{}
	}
	if _, said := answer["scope"]; said {
		return scope.Set{}
	}
	return granted
}

// earlier returns the earlier of two times that are said.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
