package mtls

import "errors"

// ErrRefused is what every refusal is: a certificate was presented, examined, and is not good. An error that is neither
// ErrRefused nor ErrNoCertificate means that the question could not be decided.
var ErrRefused = errors.New("mtls: refused")

// ErrNoCertificate means that no client certificate was presented by whoever may present one.
var ErrNoCertificate = errors.New("mtls: no client certificate")

// What is not decided. Neither is a word about the certificate.
var (
	errNotMade   = errors.New("mtls: a Verifier that New did not make")
	errUndecided = errors.New("mtls: revocation cannot be decided: there is no current list of an issuer")
)

// Reason says in one word why a certificate was not accepted.
type Reason string

// The reasons. ReasonUndecided is no refusal.
const (
	ReasonMalformed Reason = "malformed" // what was forwarded is no certificate in the agreed form, or comes twice
	ReasonChain     Reason = "chain"     // no chain to the roots that may vouch for the name
	ReasonExpired   Reason = "expired"   // a certificate of the chain is expired or not yet valid
	ReasonUsage     Reason = "usage"     // not for client authentication, or a CA, or a key that is too weak
	ReasonRevoked   Reason = "revoked"   // a certificate of the chain is revoked
	ReasonName      Reason = "name"      // no rule admits it, or it holds a name that can be read in two ways
	ReasonUndecided Reason = "undecided" // not a refusal: revocation could not be decided
)

// refusal is an error that is ErrRefused.
type refusal struct{ reason Reason }

func (e *refusal) Error() string        { return "mtls: refused: " + string(e.reason) }
func (e *refusal) Is(target error) bool { return target == ErrRefused }

func refuse(r Reason) error { return &refusal{r} }

// ReasonOf returns the reason of a refusal, "" for nil and for ErrNoCertificate, and ReasonUndecided for any other error.
func ReasonOf(err error) Reason {
	if err == nil || errors.Is(err, ErrNoCertificate) {
		return ""
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.reason
	}
	return ReasonUndecided
}
