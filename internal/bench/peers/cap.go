package peers

import (
	"context"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/hashicorp/cap/jwt"
)

// newCap is hashicorp/cap's package jwt over a remote key set, which is go-oidc's.
//
// At its best: key set and validator made once; the claims are read from the map that it returns anyway.
func newCap(ctx context.Context, f Facts) (Instance, error) {
	keys, err := jwt.NewJSONWebKeySet(oidc.ClientContext(ctx, &http.Client{Timeout: f.Timeout}), f.KeySetURL, "")
	if err != nil {
		return Instance{}, err
	}
	validator, err := jwt.NewValidator(keys)
	if err != nil {
		return Instance{}, err
	}
	expected := jwt.Expected{
		Issuer: f.Issuer, Audiences: []string{f.Audience}, SigningAlgorithms: []jwt.Alg{jwt.Alg(f.Algorithm)},
		ClockSkewLeeway: leeway,
	}
	verify := func(ctx context.Context, raw string) (Claims, error) {
		claims, err := validator.Validate(ctx, raw, expected)
		if err != nil {
			return Claims{}, err
		}
		var c Claims
		c.Subject, _ = claims["sub"].(string)
		c.ClientID, _ = claims["client_id"].(string)
		c.Scope, _ = claims["scope"].(string)
		exp, _ := claims["exp"].(float64)
		c.Expiry = time.Unix(int64(exp), 0)
		return c, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
