package middleware

import (
	"errors"
	"net/http"
)

// An outcome is what a guard answers a request with that it does not let pass.
type outcome int

const (
	undecided outcome = iota // the zero outcome refuses without blaming anyone
	ambiguousTarget
	nothingPresented
	presentedAndRefused
	malformedCredentials
	scopesDoNotCover
	peerNotAdmitted
	checkSaysNo
	noRule
)

// outcomeOf reads an authenticator's error. A nil error has no outcome; it gives undecided.
func outcomeOf(err error) outcome {
	switch {
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
	case ambiguousTarget, malformedCredentials:
		return http.StatusBadRequest
	case nothingPresented, presentedAndRefused:
		return http.StatusUnauthorized
	case scopesDoNotCover, peerNotAdmitted, checkSaysNo, noRule:
		return http.StatusForbidden
	default:
		return http.StatusServiceUnavailable
	}
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
