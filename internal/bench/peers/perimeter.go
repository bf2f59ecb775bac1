package peers

import (
	"context"
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// newPerimeter is the profile of RFC 9068 over a cached key set.
func newPerimeter(ctx context.Context, f Facts) (Instance, error) { return perimeter(ctx, f, nil) }

// newRememberingPerimeter also remembers tokens. Each is judged again when it comes again, its key included.
func newRememberingPerimeter(ctx context.Context, f Facts) (Instance, error) {
	cache, err := token.NewCache(10_000, 16<<20)
	if err != nil {
		return Instance{}, err
	}
	return perimeter(ctx, f, cache)
}

func perimeter(ctx context.Context, f Facts, cache *token.Cache) (Instance, error) {
	keys, err1 := jwks.New(f.KeySetURL, &jwks.Options{
		MaxAge: f.Refresh, MinInterval: f.MinInterval, Timeout: f.Timeout, InsecureAllowHTTP: true,
	})
	policy := token.AccessTokenPolicy(f.Issuer, f.Audience)
	policy.Algorithms = []string{f.Algorithm}
	verifier, err2 := token.NewVerifier(keys, policy, &token.Options{Cache: cache})
	if err := errors.Join(err1, err2); err != nil {
		return Instance{}, err
	}
	mw, err := perimeterMiddleware(verifier, f.Scope)
	if err != nil {
		return Instance{}, err
	}
	return Instance{perimeterVerify(verifier, f.Scope), mw}, keys.Refresh(ctx)
}

// perimeterVerify asks for the one scope: Perimeter keeps scopes as a set, not as the text in the token.
func perimeterVerify(v *token.Verifier, needs string) Verify {
	return func(ctx context.Context, raw string) (Claims, error) {
		c, err := v.Verify(ctx, raw)
		if err != nil {
			return Claims{}, err
		}
		claims := Claims{Subject: c.Subject(), ClientID: c.ClientID(), Expiry: c.Expiry()}
		if c.Scopes().Has(needs) {
			claims.Scope = needs
		}
		return claims, nil
	}
}

// perimeterMiddleware is a table of three routes around the handler: the others are there to be told apart.
func perimeterMiddleware(v *token.Verifier, needs string) (func(http.Handler) http.Handler, error) {
	guard, err1 := middleware.New(middleware.JWT(v), nil)
	routes, err2 := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All(needs)},
		middleware.Rule{Pattern: "POST /orders", Scope: scope.All("orders:write")},
	)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return guard.Routes(routes), nil
}
