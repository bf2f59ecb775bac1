package limit

import (
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// isRefused says whether something was presented and is not good. It reads errors in the order in which a guard does.
func isRefused(err error) bool {
	return errors.Is(err, middleware.ErrInvalidRequest) || errors.Is(err, middleware.ErrRefused)
}

// isGuess says whether an authenticator's error means that the sender has tried what nobody was given. What was not decided is no guess: an outage
// locks nobody out.
func isGuess(r *http.Request, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, middleware.ErrInvalidRequest):
		return true
	case errors.Is(err, middleware.ErrRefused):
		return !isGenuine(err)
	default: // what nobody knows is presented and refused, as the guard sees it
		return errors.Is(err, middleware.ErrNoCredentials) && len(r.Header["Authorization"]) > 0
	}
}

// isGenuine is true of refusals that a token can only have earned by being one, or that cost neither a signature check nor a call.
func isGenuine(err error) bool {
	switch token.ReasonOf(err) {
	case token.ReasonExpired, token.ReasonNotYetValid, token.ReasonLifetime, token.ReasonAudience, token.ReasonClient,
		token.ReasonType, token.ReasonClaim, token.ReasonProof:
		return true
	}
	switch introspect.ReasonOf(err) {
	case introspect.ReasonExpired, introspect.ReasonNotYetValid, introspect.ReasonAudience, introspect.ReasonIssuer,
		introspect.ReasonType, introspect.ReasonProof: // the issuer knows the token
		return true
	}
	return false
}
