package peers

import (
	"context"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
)

// newMCP is the bearer middleware of the MCP Go SDK, which leaves the verification to the service.
//
// At its best: the verification is that of golang-jwt with keyfunc.
func newMCP(ctx context.Context, f Facts) (Instance, error) {
	inner, err := newGolangJWT(ctx, f)
	if err != nil {
		return Instance{}, err
	}
	verify := func(ctx context.Context, raw string, _ *http.Request) (*auth.TokenInfo, error) {
		c, err := inner.Verify(ctx, raw)
		if err != nil {
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{Scopes: strings.Fields(c.Scope), Expiration: c.Expiry, UserID: c.Subject}, nil
	}
	return Instance{inner.Verify, auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{
		Scopes: []string{f.Scope}, ClockSkew: leeway,
	})}, nil
}
