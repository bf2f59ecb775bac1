package middleware

import (
	"errors"
	"fmt"
)

// The kinds of credentials that this package examines.
const (
	credentialJWT    = "jwt"
	credentialOpaque = "opaque"
	credentialCert   = "mtls"
)

// A finding is the error of who has examined a credential, with what else is known. Its text is theirs.
type finding struct {
	error

	credential string // one of the kinds, or ""
	reason     string // a word of few
	refused    bool   // it is also ErrRefused
}

func (e *finding) Is(target error) bool { return e.refused && target == ErrRefused }
func (e *finding) Unwrap() error        { return e.error }

// foundBy reads the error of who was asked about a token: its own, with its reason and its mark of refusal, or, handed through it, ours about a certificate.
func foundBy(err error, credential, reason string, refusal error) error {
	if own := new(finding); errors.As(err, &own) {
		return err
	}
	return &finding{err, credential, reason, errors.Is(err, refusal)}
}

// refused makes a finding of our own.
func refused(credential, reason, text string) error {
	return &finding{fmt.Errorf("%w: %s", ErrRefused, text), credential, reason, true}
}
