package mtls

import "errors"

// ErrRefused is what every refusal is: a certificate was presented, examined, and is not good. An error that is neither
// ErrRefused nor ErrNoCertificate means that the question could not be decided.
var ErrRefused = errors.New("mtls: refused")

// ErrNoCertificate: no client certificate was presented, by whoever may present one.
var ErrNoCertificate = errors.New("mtls: no client certificate")

// Reason says in one word why a certificate was not accepted.
type Reason string

// The reasons. ReasonUndecided is no refusal.
const (
	ReasonMalformed Reason = "malformed" // what was forwarded is no certificate in the agreed form, or comes twice
	ReasonChain     Reason = "chain"     // no chain to the roots
	ReasonExpired   Reason = "expired"   // a certificate of the chain is expired or not yet valid
	ReasonUsage     Reason = "usage"     // not for client authentication, or a CA
	ReasonRevoked   Reason = "revoked"
	ReasonName      Reason = "name"      // no rule admits it
	ReasonUndecided Reason = "undecided" // not a refusal: revocation could not be decided
)

// refusal is an error that is ErrRefused.
type refusal struct{ reason Reason }

func (e *refusal) Error() string        { return "mtls: refused: " + string(e.reason) }
func (e *refusal) Is(target error) bool { return target == ErrRefused }

func refuse(r Reason) error { return &refusal{r} }

// ReasonOf returns the reason of a refusal, "" for nil, and ReasonUndecided for any other error.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.reason
	}
	return ReasonUndecided
}
