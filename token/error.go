package token

import (
	"errors"

	"github.com/perimeter-go/perimeter/internal/jws"
)

// ErrRefused is what every refusal is: the token was examined and is not good. An error that is not ErrRefused means that
// the question could not be decided. The text of a refusal names the reason and the rule or claim, never a value that came with
// the token; it is for the log of the service and not for whoever sent the token.
var ErrRefused = errors.New("token: refused")

// Reason says in one word why a token was not accepted. The words are few and stable, so that they can label a metric.
type Reason string

// The reasons. All but the last are refusals.
const (
	ReasonMalformed   Reason = "malformed"     // not a compact JWS within the size limit, or a claim of the wrong JSON type
	ReasonAlgorithm   Reason = "algorithm"     // alg is none, symmetric, unknown or not in the policy
	ReasonHeader      Reason = "header"        // a header member that is not allowed: crit, b64, zip, enc, jwk, x5c, x5u, a foreign jku
	ReasonType        Reason = "type"          // another kind of token: by typ, or by claims that no access token has
	ReasonIssuer      Reason = "issuer"        // iss is not the issuer's, or not any issuer's
	ReasonAudience    Reason = "audience"      // aud names none of ours
	ReasonClient      Reason = "client"        // the client is not one of the policy's, or is missing where one is demanded
	ReasonExpired     Reason = "expired"       // exp has passed
	ReasonNotYetValid Reason = "not_yet_valid" // nbf or iat is ahead
	ReasonLifetime    Reason = "lifetime"      // MaxLifetime or MaxAge is exceeded, or what they are measured from is missing
	ReasonClaim       Reason = "claim"         // a required claim is missing or differs
	ReasonUnknownKey  Reason = "unknown_key"   // the issuer has no such key, or the token does not say which of several
	ReasonSignature   Reason = "signature"     // no key of the issuer made this signature
	ReasonProof       Reason = "proof"         // the token is bound to something that the caller did not prove
	ReasonUndecided   Reason = "undecided"     // not a refusal: the keys could not be had
)

// refusal is an error that is ErrRefused. what is a word of ours or of the policy's, never one of the token's.
type refusal struct {
	reason Reason
	what   string
}

func (e *refusal) Error() string {
	return "token: refused: " + string(e.reason) + " (" + e.what + ")"
}

func (e *refusal) Is(target error) bool { return target == ErrRefused }

// ReasonOf returns the reason of a refusal, ReasonUndecided for any other error, and "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.reason
	}
	return ReasonUndecided
}

func refuse(reason Reason, what string) error { return &refusal{reason, what} }

// refuseJWS turns what internal/jws says about a compact token into a refusal.
func refuseJWS(err error) error {
	e, _ := errors.AsType[*jws.Error](err)
	switch {
	case e != nil && e.Kind == jws.KindAlgorithm:
		return refuse(ReasonAlgorithm, "alg")
	case e != nil && e.Kind == jws.KindHeader:
		return refuse(ReasonHeader, "header member")
	default:
		return refuse(ReasonMalformed, "token")
	}
}
