package peers

import (
	"context"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
)

// newGoOIDC is go-oidc's verifier with the audience in the place of the client id, as services use it for access tokens.
//
// At its best: one remote key set, kept; the claims that it does not read itself are decoded into a struct. It has no setting for
// leeway, for refreshing, nor for the pace of fetches.
func newGoOIDC(ctx context.Context, f Facts) (Instance, error) {
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: f.Timeout})
	verifier := oidc.NewVerifier(f.Issuer, oidc.NewRemoteKeySet(ctx, f.KeySetURL), &oidc.Config{
		ClientID: f.Audience, SupportedSigningAlgs: []string{f.Algorithm},
	})
	verify := func(ctx context.Context, raw string) (Claims, error) {
		tok, err := verifier.Verify(ctx, raw)
		if err != nil {
			return Claims{}, err
		}
		var c spoken
		if err := tok.Claims(&c); err != nil {
			return Claims{}, err
		}
		return Claims{tok.Subject, c.ClientID, c.Scope, tok.Expiry}, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
