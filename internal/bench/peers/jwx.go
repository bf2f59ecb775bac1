package peers

import (
	"context"
	"net/http"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// newJWX is jwx with its own cache of key sets.
//
// At its best: the cache refreshes in the background and a request reads what is there; the options are made once. The algorithm is
// that of the key: WithKeySet takes no key that names none. The cache has no fetch for an unknown key id: a new key is found at
// the next refresh.
func newJWX(ctx context.Context, f Facts) (Instance, error) {
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return Instance{}, err
	}
	err = cache.Register(ctx, f.KeySetURL, jwk.WithConstantInterval(f.Refresh), jwk.WithHTTPClient(&http.Client{Timeout: f.Timeout}))
	if err != nil {
		return Instance{}, err
	}
	set, err := cache.CachedSet(f.KeySetURL)
	if err != nil {
		return Instance{}, err
	}
	options := []jwt.ParseOption{
		jwt.WithKeySet(set), jwt.WithValidate(true), jwt.WithIssuer(f.Issuer), jwt.WithAudience(f.Audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithAcceptableSkew(leeway),
	}
	verify := func(_ context.Context, raw string) (Claims, error) {
		tok, err := jwt.ParseString(raw, options...)
		if err != nil {
			return Claims{}, err
		}
		var c Claims
		c.Subject, _ = tok.Subject()
		c.Expiry, _ = tok.Expiration()
		_ = tok.Get("client_id", &c.ClientID) // an absent claim stays empty
		_ = tok.Get("scope", &c.Scope)
		return c, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
