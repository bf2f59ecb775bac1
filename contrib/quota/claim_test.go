package quota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// ofJWT is the identity of a verified JWT with these claims.
func ofJWT(t *testing.T, claims map[string]any) middleware.Identity {
	t.Helper()
	i := localissuer.New(issuer)
	v, err := token.NewVerifier(i, token.Policy{Issuer: issuer, Audiences: []string{"orders-api"}}, nil)
	require.NoError(t, err)
	c, err := v.Verify(t.Context(), i.AccessToken("orders-api", claims))
	require.NoError(t, err)
	return middleware.Identity{Subject: c.Subject(), Issuer: c.Issuer(), Token: c}
}

func TestWhatAClaimSays(t *testing.T) {
	for _, tc := range []struct {
		name   string
		claims map[string]any
		want   string
	}{
		{"text", map[string]any{"tenant": "acme"}, "acme"},
		{"a number", map[string]any{"tenant": 42}, "42"},
		{"nothing", nil, ""},
		{"empty text", map[string]any{"tenant": ""}, ""},
		{"a list", map[string]any{"tenant": []string{"acme"}}, ""},
		{"an object", map[string]any{"tenant": map[string]any{"id": "acme"}}, ""},
		{"true", map[string]any{"tenant": true}, ""},
		{"the same name in another case", map[string]any{"Tenant": "acme"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, quota.Claim("tenant")(ofJWT(t, tc.claims))) })
	}
	require.Empty(t, quota.Claim("tenant")(alice), "an identity without a token")
}

func TestATenantsUsersShareItsQuota(t *testing.T) {
	l := newLimiter(t, allow(2, time.Hour), func(c *quota.Config) { c.By = quota.Claim("tenant") })
	h := l.Handler(teapot)
	user := func(subject string, tenant any) middleware.Identity {
		return ofJWT(t, map[string]any{"sub": subject, "tenant": tenant})
	}
	require.Equal(t, 1, passed(h, user("alice", "acme"), 1))
	require.Equal(t, 1, passed(h, user("bob", "acme"), 3))
	require.Equal(t, 2, passed(h, user("carol", "umbrella"), 3))
	require.Equal(t, 2, passed(h, user("dave", nil), 3))
	require.Equal(t, 0, passed(h, user("erin", nil), 3), "those without a tenant share one quota, and are no better off")
}
