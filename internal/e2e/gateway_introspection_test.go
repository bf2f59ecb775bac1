package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// askedWith is the issuer as one whose opaque tokens the gateway asks about, too.
func (i *issuer) askedWith(s *resourceServer, introspection members) members {
	i.t.Helper()
	file := filepath.Join(i.t.TempDir(), "secret")
	require.NoError(i.t, os.WriteFile(file, []byte(s.correct), 0o600))
	introspection["endpoint"] = i.URL + "/introspect"
	introspection["client_id"] = s.id
	introspection["client_secret_file"] = file
	trusted := i.trusted(longLived)
	trusted["audiences"] = append(trusted["audiences"].([]string), i.API+"opaque")
	trusted["introspection"] = introspection
	return trusted
}

func TestAGatewayAsksTheIssuerAboutOpaqueTokens(t *testing.T) {
	const ttl, roundTrip = 2 * time.Second, time.Second
	for name, signed := range map[string]bool{"answers in JSON": false, "signed answers": true} {
		t.Run(name, func(t *testing.T) {
			s := newResourceServer()
			i := startIssuer(t, "", s.registered())
			g := startGateway(t, i.askedWith(s, members{"ttl": ttl.String(), "negative_ttl": "1s", "signed": signed}))
			opaque, jwt := i.opaque(), i.token("ES256")

			got := g.get(opaque).backendHeader(t)
			require.Equal(t, []string{"opaque"}, got.Values("X-Identity-Kind"))
			require.Equal(t, []string{i.ClientID}, got.Values("X-Identity-Client"))
			require.Equal(t, []string{"orders:read"}, got.Values("X-Identity-Scopes"))
			require.Equal(t, []string{"acme"}, got.Values("X-Identity-Tenant"))
			require.NotContains(t, got, "Authorization")
			g.requireAccepted(jwt)
			require.Equal(t, 1, i.asked(), "the JWT is verified here")

			res, err := g.send(http.MethodPost, "/orders/", opaque)
			require.NoError(t, err)
			require.Equal(t, []string{`Bearer error="insufficient_scope", scope="orders:write"`}, res.challenges)
			require.Equal(t, http.StatusUnauthorized, g.get("garbage").status)
			require.Equal(t, http.StatusUnauthorized, g.get(i.tokenFor(i.OtherAPI+"opaque", "orders:read")).status)

			i.revoke(opaque)
			took := within(t, ttl+roundTrip, "refusal of the revoked token", func() bool {
				return g.get(opaque).status == http.StatusUnauthorized
			})
			t.Logf("revoked: refused after %v (TTL %v)", took.Round(time.Millisecond), ttl)

			late := i.opaque()
			i.kill()
			res = g.get(late)
			require.Equal(t, http.StatusServiceUnavailable, res.status, "%s", res)
			require.NotEmpty(t, res.retryAfter)
			require.Empty(t, res.challenges, "nobody is told to log in again because of an outage")
			g.requireAccepted(jwt)
			for _, token := range []string{opaque, late} {
				require.NotContains(t, g.log.tail(-1), token)
			}
			require.NotContains(t, g.log.tail(-1), s.correct)
		})
	}
}
