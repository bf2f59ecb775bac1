package limit

import (
	"errors"
	"net/http"
	"slices"

	"github.com/perimeter-go/perimeter/internal/cookies"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/token"
)

// isRefused says whether something was presented and is not good. It reads errors in the order in which a guard does.
func isRefused(err error) bool {
	return errors.Is(err, middleware.ErrInvalidRequest) || errors.Is(err, middleware.ErrRefused)
}

// isGuess says whether an authenticator's error means that the sender has tried what nobody was given. What was not decided is
// no guess: an outage locks nobody out.
func isGuess(r *http.Request, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, cookies.ErrTooMany) && !errors.Is(err, middleware.ErrRefused) && len(r.Header["Authorization"]) == 0:
		return false // a browser with too many sends others each time; what is in a header, somebody may have looked at
	case errors.Is(err, middleware.ErrInvalidRequest):
		return true
	case errors.Is(err, middleware.ErrRefused):
		return !isGenuine(err)
	default: // what nobody knows is presented and refused, as the guard sees it
		return errors.Is(err, middleware.ErrNoCredentials) && len(r.Header["Authorization"]) > 0
	}
}

// The reasons of refusals that a token can only have earned by being one, or that cost neither a signature check nor a call. A
// reason that nobody has thought of here is a guess.
var (
	genuineJWT = []token.Reason{
		token.ReasonExpired, token.ReasonNotYetValid, token.ReasonLifetime, token.ReasonAudience, token.ReasonClient,
		token.ReasonType, token.ReasonClaim, token.ReasonProof,
	}
	genuineOpaque = []introspect.Reason{ // the issuer knows the token
		introspect.ReasonExpired, introspect.ReasonNotYetValid, introspect.ReasonIssuer, introspect.ReasonAudience,
		introspect.ReasonType, introspect.ReasonProof,
	}
)

func isGenuine(err error) bool {
	return slices.Contains(genuineJWT, token.ReasonOf(err)) ||
		slices.Contains(genuineOpaque, introspect.ReasonOf(err)) ||
		mtls.ReasonOf(err) == mtls.ReasonExpired
}
