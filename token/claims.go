package token

import (
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/cnf"
	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/scope"
)

// Claims are what a verified token says. Only a [Verifier] or a [Mux] makes them, and nobody can change them: they have no
// exported field, and nothing that a method returns is shared.
//
// What is not here (a tenant, roles, a repository) is read with [Claims.Decode]. A nil or zero *Claims says nothing: every getter
// returns its zero value, and Decode an error.
//
// All methods are safe for concurrent use.
type Claims struct {
	// There may be a million of them, which is why they are small and have few pointers.

	subject, clientID, id       string // most of them parts of the payload
	payload                     string
	audiences                   []string // those of the policy, or a part of them, wherever it can be
	scopes                      scope.Set
	expiry, notBefore, issuedAt moment

	header   *jws.Header
	bound    *bond     // nil: to nothing
	verifier *Verifier // that has verified them
	signer   *signer   // by which; nil unless they are remembered
	window   window    // empty unless they are remembered
	recalled bool      // a Cache knew the token
	known    bool      // header is one of those that are remembered
}

// A bond is what a token is bound to. All of it has to be proved.
type bond struct{ confirmations []cnf.Confirmation }

var nothing Claims

// get makes a nil *Claims say what the zero Claims say.
func (c *Claims) get() *Claims {
	if c == nil {
		return &nothing
	}
	return c
}

// Issuer returns iss, which equals the policy's.
func (c *Claims) Issuer() string { return c.get().verifier.issuer() }

// Subject returns sub: a user, or with the client credentials grant whatever the issuer writes there. It is unique for one issuer
// only, "" when missing, and never a client's name borrowed.
func (c *Claims) Subject() string { return c.get().subject }

// ClientID returns the client the token was issued to, by the first of the policy's ClientIDClaims that is present, or "".
func (c *Claims) ClientID() string { return c.get().clientID }

// ID returns jti, or "".
func (c *Claims) ID() string { return c.get().id }

// KeyID returns the kid header of the token, or "". The issuer chooses it; it is no safe file name, URL part or log text.
func (c *Claims) KeyID() string { return c.get().signedBy().KeyID }

// Algorithm returns the alg header, as the token spells it.
func (c *Claims) Algorithm() string { return c.get().signedBy().Algorithm }

func (c *Claims) signedBy() *jws.Header {
	if c.header == nil {
		return &jws.Header{}
	}
	return c.header
}

// HasAudience reports whether aud holds exactly this audience.
func (c *Claims) HasAudience(audience string) bool {
	return slices.Contains(c.get().audiences, audience)
}

// Audiences yields the elements of aud in their order, all of them, not only those of the policy.
func (c *Claims) Audiences() iter.Seq[string] { return slices.Values(c.get().audiences) }

// Scopes returns what the issuer granted, as the policy reads it.
func (c *Claims) Scopes() scope.Set { return c.get().scopes }

// Expiry returns exp, without leeway. It is the zero time if the token has none, which only a policy with a Type of its own and a
// MaxAge accepts.
func (c *Claims) Expiry() time.Time { return c.get().expiry.time() }

// IssuedAt returns iat, or the zero time.
func (c *Claims) IssuedAt() time.Time { return c.get().issuedAt.time() }

// Confirmation returns the thumbprint in cnf under the given method ("x5t#S256", "jkt"), or "". A token with a cnf was accepted
// with a proof of everything in it.
func (c *Claims) Confirmation(method string) string {
	return cnf.ThumbprintOf(c.get().bound.asks(), method)
}

func (b *bond) asks() []cnf.Confirmation {
	if b == nil {
		return nil
	}
	return b.confirmations
}

// Remembered reports whether a [Cache] knew the token, whose signature was then not checked again: for logs and metrics, as it is worth
// no less.
func (c *Claims) Remembered() bool { return c.get().recalled }

// Decode reads the payload into v, a pointer, like encoding/json, but member names match in exact case only.
//
// A number does not fit an [encoding/json.Number], and the keys of a map are strings; where the digits matter, an
// [encoding/json.RawMessage] has them. Duplicate members do not occur in a verified payload. Members that v has no field for are ignored, missing ones leave their
// fields alone: check what must be there.
func (c *Claims) Decode(v any) error {
	if len(c.get().payload) == 0 {
		return errors.New("token: no claims to decode")
	}
	return jws.Decode([]byte(c.payload), v)
}

// Payload returns a copy of the verified bytes, a JSON object.
func (c *Claims) Payload() []byte {
	if c.get().payload == "" {
		return nil
	}
	return []byte(c.payload)
}
