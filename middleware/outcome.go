package middleware

import (
	"errors"
	"net/http"
)

// An outcome is what a guard has decided about a request: to let it pass, or what to answer.
type outcome int

const (
	undecided outcome = iota // the zero outcome refuses without blaming anyone
	targetTooLong
	ambiguousTarget
	nothingPresented
	presentedAndRefused
	malformedCredentials
	scopesDoNotCover
	forbidden // by the rule's Peers or Check
	noRule
	limited
	allowed
	public
)

// outcomeOf reads an authenticator's error. A nil error has no outcome; it gives undecided.
func outcomeOf(err error) outcome {
	switch {
	case errors.Is(err, ErrLimited):
		return limited
	case errors.Is(err, ErrInvalidRequest):
		return malformedCredentials
	case errors.Is(err, ErrRefused):
		return presentedAndRefused
	case errors.Is(err, ErrNoCredentials):
		return nothingPresented
	default:
		return undecided
	}
}

func (o outcome) status() int {
	switch o {
	case targetTooLong:
		return http.StatusRequestURITooLong
	case ambiguousTarget, malformedCredentials:
		return http.StatusBadRequest
	case nothingPresented, presentedAndRefused:
		return http.StatusUnauthorized
	case scopesDoNotCover, forbidden, noRule:
		return http.StatusForbidden
	case limited:
		return http.StatusTooManyRequests
	case allowed, public:
		return 0
	default:
		return http.StatusServiceUnavailable
	}
}

// word is what an Observer is told.
func (o outcome) word() string {
	return [...]string{
		undecided: "undecided", targetTooLong: "target_too_long", ambiguousTarget: "ambiguous_target", nothingPresented: "no_credentials", presentedAndRefused: "refused",
		malformedCredentials: "invalid_request", scopesDoNotCover: "insufficient_scope", forbidden: "forbidden", noRule: "no_rule",
		limited: "limited", allowed: "allowed", public: "public",
	}[o]
}

// code is the error parameter of the challenge (RFC 6750 section 3.1), or "".
func (o outcome) code() string {
	switch o {
	case presentedAndRefused:
		return "invalid_token"
	case malformedCredentials:
		return "invalid_request"
	case scopesDoNotCover:
		return "insufficient_scope"
	default:
		return ""
	}
}

// challenges says whether the answer tells the client how to authenticate.
func (o outcome) challenges() bool { return o == nothingPresented || o.code() != "" }
