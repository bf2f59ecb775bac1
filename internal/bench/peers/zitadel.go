package peers

import (
	"context"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// zitadelClaims has what is read of a token, so that no map of the other claims is made.
type zitadelClaims struct {
	oidc.TokenClaims
	Scope string `json:"scope"`
}

// newZitadel is zitadel/oidc's verifier of access tokens over its remote key set.
//
// At its best: claims without the map of the rest, which its own AccessTokenClaims would make. VerifyAccessToken does not look
// at the audience; CheckAudience does. Its offset makes tokens expire earlier, so it is left at zero.
func newZitadel(_ context.Context, f Facts) (Instance, error) {
	keys := rp.NewRemoteKeySet(&http.Client{Timeout: f.Timeout}, f.KeySetURL)
	verifier := op.NewAccessTokenVerifier(f.Issuer, keys, op.WithSupportedAccessTokenSigningAlgorithms(f.Algorithm))
	verify := func(ctx context.Context, raw string) (Claims, error) {
		c, err := op.VerifyAccessToken[*zitadelClaims](ctx, raw, verifier)
		if err != nil {
			return Claims{}, err
		}
		if err := oidc.CheckAudience(c, f.Audience); err != nil {
			return Claims{}, err
		}
		return Claims{c.Subject, c.ClientID, c.Scope, c.GetExpiration()}, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
