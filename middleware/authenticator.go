package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
)

// An Authenticator finds out who is behind a request.
//
// Its error says what happened, by [errors.Is]:
//
//	ErrNoCredentials   nothing of its kind was sent
//	ErrInvalidRequest  what was sent is malformed, or sent twice
//	ErrRefused         it was examined and is not good
//	ErrLimited         it was not examined, since there was too much of its kind
//	anything else      it could not be decided
//
// A nil error needs an Identity with a Subject, a ClientID, a Token, an Introspection or a Peer. One that names nobody is taken for an undecided request,
// because it can only come from a defect. An Authenticator must be safe for concurrent use and must not change the request. A
// panic of it passes through the guard, and the handler behind the guard does not run.
type Authenticator interface {
	Authenticate(r *http.Request) (Identity, error)
}

// What an [Authenticator], a [Source] or a [Rule].Check says about a request. Errors that wrap one of these are recognised; an
// error that wraps several counts as the first of ErrLimited, ErrInvalidRequest, ErrRefused, ErrNoCredentials.
var (
	// ErrNoCredentials: nothing of my kind was sent, ask the next.
	ErrNoCredentials = errors.New("middleware: no credentials")
	// ErrInvalidRequest: the credentials are malformed, or there are two (RFC 6750 section 3.1, invalid_request).
	ErrInvalidRequest = errors.New("middleware: invalid request")
	// ErrRefused: the credential was examined and is not good (RFC 6750 section 3.1, invalid_token).
	ErrRefused = errors.New("middleware: credential refused")
	// ErrLimited: there was too much of it, come back later (RFC 6585 section 4, 429). An error with a method RetryAfter()
	// time.Duration says when; otherwise it is [Options].RetryAfter.
	ErrLimited = errors.New("middleware: limited")
	// ErrUndecided: it could not be found out. Authenticators need not use it, since any unknown error means this; a
	// [Rule].Check does, since there an unknown error means no.
	ErrUndecided = errors.New("middleware: undecided")
)

// FirstOf asks the authenticators in turn. It goes on to the next only on [ErrNoCredentials]; the first other answer is the
// answer, so that what one has refused is never offered to another. When nobody took the credentials the error is
// ErrNoCredentials.
func FirstOf(first Authenticator, more ...Authenticator) Authenticator {
	return firstOf(append([]Authenticator{first}, more...))
}

type firstOf []Authenticator

func (all firstOf) Authenticate(r *http.Request) (Identity, error) {
	for _, a := range all {
		id, err := a.Authenticate(r)
		if err == nil || outcomeOf(err) != nothingPresented {
			return id, err
		}
	}
	return Identity{}, ErrNoCredentials
}

func (all firstOf) mistake() error {
	var errs []error
	for i, a := range all {
		if err := mistakeIn(a); err != nil {
			errs = append(errs, fmt.Errorf("FirstOf, number %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// mistakeIn says what is wrong with how an authenticator was put together, as far as that can be seen: nil, a nil pointer in an
// interface, or what one of this package says about itself.
func mistakeIn(a Authenticator) error {
	if isNil(a) {
		return errors.New("the authenticator is nil")
	}
	if own, ok := a.(interface{ mistake() error }); ok {
		return own.mistake()
	}
	return nil
}

// mistakeOf says that a part of an authenticator is nil.
func mistakeOf(of, part string, v any) error {
	if isNil(v) {
		return fmt.Errorf("%s: the %s is nil", of, part)
	}
	return nil
}

// isNil is true also of a nil pointer, function, map or the like inside an interface.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan, reflect.UnsafePointer:
		return rv.IsNil()
	default:
		return false
	}
}
