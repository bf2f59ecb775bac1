package peers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
)

// Validate makes spoken custom claims of auth0's validator. There is nothing to check that the others do not check elsewhere.
func (*spoken) Validate(context.Context) error { return nil }

// newAuth0 is auth0's validator over its caching provider, and its own middleware.
//
// At its best: the caching provider with the address of the key set, so that discovery costs nothing; scope and client in a struct of custom
// claims. With a key set its WithAlgorithm has no effect, the algorithm is that of the key. It has no fetch for an unknown key
// id: a new key is found when the cache expires.
func newAuth0(_ context.Context, f Facts) (Instance, error) {
	issuer, err1 := url.Parse(f.Issuer)
	keySet, err2 := url.Parse(f.KeySetURL)
	if err := errors.Join(err1, err2); err != nil {
		return Instance{}, err
	}
	provider, err := jwks.NewCachingProvider(
		jwks.WithIssuerURL(issuer), jwks.WithCustomJWKSURI(keySet), jwks.WithCacheTTL(f.Refresh),
		jwks.WithCustomClient(&http.Client{Timeout: f.Timeout}),
	)
	if err != nil {
		return Instance{}, err
	}
	v, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc), validator.WithAlgorithm(validator.SignatureAlgorithm(f.Algorithm)),
		validator.WithIssuer(f.Issuer), validator.WithAudience(f.Audience), validator.WithAllowedClockSkew(leeway),
		validator.WithCustomClaims(func() *spoken { return new(spoken) }),
	)
	if err != nil {
		return Instance{}, err
	}
	mw, err := jwtmiddleware.New(jwtmiddleware.WithValidator(v), jwtmiddleware.WithDPoPMode(jwtmiddleware.DPoPDisabled))
	if err != nil {
		return Instance{}, err
	}
	verify := func(ctx context.Context, raw string) (Claims, error) {
		validated, err := v.ValidateToken(ctx, raw)
		if err != nil {
			return Claims{}, err
		}
		return auth0Claims(validated.(*validator.ValidatedClaims)), nil
	}
	return Instance{verify, func(next http.Handler) http.Handler { return mw.CheckJWT(auth0Scope(f.Scope, next)) }}, nil
}

func auth0Claims(v *validator.ValidatedClaims) Claims {
	c := v.CustomClaims.(*spoken)
	return Claims{v.RegisteredClaims.Subject, c.ClientID, c.Scope, time.Unix(v.RegisteredClaims.Expiry, 0)}
}

// auth0Scope is what auth0 leaves to the service.
func auth0Scope(scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := jwtmiddleware.GetClaims[*validator.ValidatedClaims](r.Context())
		if err != nil || !granted(auth0Claims(v).Scope, scope) {
			http.Error(w, "insufficient scope", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
