package introspect

import (
	"context"
	"errors"
	"fmt"
)

// ErrRefused is what every refusal is: the issuer was heard, or need not be, and the token is not good. An error that is not
// ErrRefused means that the question could not be decided.
var ErrRefused = errors.New("introspect: refused")

// Reason says in one word why a token was not accepted. The words are few and stable, so that they can label a metric.
type Reason string

// The reasons. All but the last are refusals.
const (
	ReasonMalformed   Reason = "malformed"     // no token at all, longer than 16 KiB, or with a byte that no token has
	ReasonInactive    Reason = "inactive"      // the issuer says active: false
	ReasonType        Reason = "type"          // another kind of token, such as a refresh token
	ReasonIssuer      Reason = "issuer"        // iss is not the issuer's
	ReasonAudience    Reason = "audience"      // aud names none of ours, or is missing
	ReasonExpired     Reason = "expired"       // exp has passed
	ReasonNotYetValid Reason = "not_yet_valid" // nbf is ahead
	ReasonProof       Reason = "proof"         // the token is bound to something that the caller did not prove
	ReasonUndecided   Reason = "undecided"     // not a refusal: the issuer did not tell
)

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

// refusal is an error that is ErrRefused. what is a word of ours, never one of the token's.
type refusal struct {
	reason Reason
	what   string
}

func (e *refusal) Error() string {
	return "introspect: refused: " + string(e.reason) + " (" + e.what + ")"
}

func (e *refusal) Is(target error) bool { return target == ErrRefused }

// The refusals. They are made once, because a refusal may be the answer to every request of a flood.
var (
	errMalformed   error = &refusal{ReasonMalformed, "token"}
	errInactive    error = &refusal{ReasonInactive, "active"}
	errType        error = &refusal{ReasonType, "token_use"}
	errIssuer      error = &refusal{ReasonIssuer, "iss"}
	errAudience    error = &refusal{ReasonAudience, "aud"}
	errExpired     error = &refusal{ReasonExpired, "exp"}
	errNotYetValid error = &refusal{ReasonNotYetValid, "nbf"}
	errProof       error = &refusal{ReasonProof, "cnf"}
)

// undecided makes an error that is no refusal.
func undecided(why string) error { return errors.New("introspect: undecided: " + why) }

// What is undecided without a call.
var (
	errNoClient  = undecided("the client was not made by its constructor")
	errCrowded   = undecided("too many tokens wait")
	errSlow      = undecided("no call became free in time")
	errForgotten = undecided("the token was forgotten while it was asked about")
	errRejected  = undecided("the endpoint does not tell about this token")
)

// left is the error of a caller whose own context ended.
func left(ctx context.Context) error {
	return fmt.Errorf("introspect: undecided: left while the issuer was asked: %w", ctx.Err())
}

// failure is a call that brought no answer. Its text holds nothing that the other side sent.
type failure struct {
	class  string
	status int  // of the answer, if that is what is wrong with it
	outage bool // a transport error or a 5xx: what a stale answer may stand in for
	well   bool // the endpoint works, and it is about this token that it fails
}

func (e *failure) Error() string {
	if e.status != 0 {
		return fmt.Sprintf("introspect: undecided: asking failed: %s %d", e.class, e.status)
	}
	return "introspect: undecided: asking failed: " + e.class
}
