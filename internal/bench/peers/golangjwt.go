package peers

import (
	"context"
	"net/http"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// newGolangJWT is golang-jwt with the key set of keyfunc.
//
// At its best: one parser made once; claims in a struct, which is faster than a map; unknown key ids may cause two fetches and one
// more each MinInterval (the default is one in five minutes, for which a rotated key would be refused). RateLimitWaitMax bounds the
// wait for a turn and the fetch together: with a turn and a fetch one caller waits at a time and the others are refused at once; with
// less, the fetch of the one who waited would run out of time, with more (the default is a minute) callers queue.
func newGolangJWT(ctx context.Context, f Facts) (Instance, error) {
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{f.KeySetURL}, keyfunc.Override{
		Client:                  &http.Client{Timeout: f.Timeout},
		HTTPTimeout:             f.Timeout,
		RefreshInterval:         f.Refresh,
		RefreshUnknownKID:       rate.NewLimiter(rate.Every(f.MinInterval), 2),
		RateLimitWaitMax:        f.MinInterval + min(f.Timeout, f.MinInterval/2),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) { return func(context.Context, error) {} },
	})
	if err != nil {
		return Instance{}, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{f.Algorithm}), jwt.WithIssuer(f.Issuer), jwt.WithAudience(f.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
	)
	verify := func(ctx context.Context, raw string) (Claims, error) {
		var c struct {
			jwt.RegisteredClaims
			spoken
		}
		if _, err := parser.ParseWithClaims(raw, &c, keys.KeyfuncCtx(ctx)); err != nil {
			return Claims{}, err
		}
		return Claims{c.Subject, c.ClientID, c.Scope, c.ExpiresAt.Time}, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
