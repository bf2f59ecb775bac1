package introspect

import (
	"errors"
	"time"

	"github.com/perimeter-go/perimeter/internal/cnf"
	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/scope"
)

// Result is what the issuer says of an active token. Only a [Client] makes one, and nobody can change it: it has no exported
// field, and nothing that a method returns is shared.
//
// What is not here (a tenant, the user's name, aud, iat) is read with [Result.Decode]. A nil or zero *Result says nothing: every
// getter returns its zero value, and Decode an error.
//
// All methods are safe for concurrent use.
type Result struct {
	issuer            string // the client's
	stated            string // iss, "" when missing
	subject, clientID string
	otherKind         bool // it says that it is no access token

	audiences         []string
	scopes            scope.Set
	expiry, notBefore time.Time

	bound         bool
	confirmations []cnf.Confirmation
	payload       []byte
	shared        int // bytes of the texts that elements of lists are parts of
}

var nothing Result

// get makes a nil *Result say what the zero Result says.
func (r *Result) get() *Result {
	if r == nil {
		return &nothing
	}
	return r
}

// Issuer returns the issuer that was asked, whether or not its answer names it.
func (r *Result) Issuer() string { return r.get().issuer }

// Subject returns sub, or "". It is unique for one issuer only, and never a client's name borrowed.
func (r *Result) Subject() string { return r.get().subject }

// ClientID returns the client that the token was issued to, client_id, or "".
func (r *Result) ClientID() string { return r.get().clientID }

// Scopes returns what the issuer granted.
func (r *Result) Scopes() scope.Set { return r.get().scopes }

// Expiry returns exp, or the zero time if the issuer does not say.
func (r *Result) Expiry() time.Time { return r.get().expiry }

// Confirmation returns the thumbprint in cnf under the given method ("x5t#S256", "jkt"), or "". A token with a cnf was accepted
// with a proof of everything in it.
func (r *Result) Confirmation(method string) string {
	return cnf.ThumbprintOf(r.get().confirmations, method)
}

// Decode reads the issuer's answer into v, a pointer, like encoding/json, but member names match in exact case only. Of a signed
// answer it is the member token_introspection.
//
// Duplicate members do not occur in an answer. Members that v has no field for are ignored, missing ones leave their fields
// alone: check what must be there.
func (r *Result) Decode(v any) error {
	if len(r.get().payload) == 0 {
		return errors.New("introspect: no answer to decode")
	}
	return jws.Decode(r.payload, v)
}
