package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// introspector asks Hydra, by way of a detour that counts. Its endpoint is on the admin side and takes anybody's credentials.
func (h *hydra) introspector(o introspect.Options) (*introspect.Client, *detour) {
	h.t.Helper()
	d := newDetour(h.t, h.admin)
	return newIntrospector(h.t, introspect.Config{
		Endpoint: d.url + "/admin/oauth2/introspect",
		Auth: introspect.Auth{
			Method: "client_secret_basic", ClientID: "orders-api",
			Secret: func(context.Context) (string, error) { return h.secret, nil },
		},
		Issuer:    h.url,
		Audiences: []string{hydraAudience},
	}, o), d
}

func (h *hydra) jwts() *token.Verifier {
	h.t.Helper()
	keys, err := jwks.New(h.keySet, &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(h.t, err)
	policy, err := token.Hydra.Policy(h.url, hydraAudience)
	require.NoError(h.t, err)
	verifier, err := token.NewVerifier(keys, policy, nil)
	require.NoError(h.t, err)
	return verifier
}

func (h *hydra) revoke(kind, token string) {
	h.t.Helper()
	revoke(h.t, h.url+"/oauth2/revoke", kind+"-client", h.secret, token)
}

func TestHydrasTokensAreAskedAboutOpaqueOrNot(t *testing.T) {
	const ttl, roundTrip = 2 * time.Second, time.Second
	h := startHydra(t)
	h.newClient("jwt")
	h.newClient("opaque")
	jwts := h.jwts()
	status := func(s *service, token string) int {
		t.Helper()
		res, err := s.send(http.MethodGet, "/orders/1", token)
		require.NoError(t, err)
		if res.status == http.StatusUnauthorized {
			require.Equal(t, []string{`Bearer error="invalid_token"`}, res.challenges)
		}
		return res.status
	}
	requireRefusedWithinTTL := func(t *testing.T, s *service, token string) {
		t.Helper()
		require.Equal(t, http.StatusOK, status(s, token), "it is remembered")
		took := within(t, ttl+roundTrip, "refusal of the revoked token", func() bool { return status(s, token) == http.StatusUnauthorized })
		t.Logf("revoked: refused after %v (TTL %v)", took.Round(time.Millisecond), ttl)
	}

	t.Run("an opaque token with a dot is none of the JWTs", func(t *testing.T) {
		asker, d := h.introspector(introspect.Options{TTL: ttl})
		s := startService(t, middleware.FirstOf(middleware.JWT(jwts), middleware.Introspect(asker)))
		opaque, jwt := h.token("opaque"), h.token("jwt")
		require.Equal(t, 1, strings.Count(opaque, "."))
		require.Equal(t, http.StatusOK, status(s, opaque))
		require.Equal(t, http.StatusOK, status(s, jwt))
		require.EqualValues(t, 1, d.calls.Load(), "the JWT is verified here")
		h.revoke("opaque", opaque)
		requireRefusedWithinTTL(t, s, opaque)
	})
	t.Run("a revoked JWT is refused where it is confirmed", func(t *testing.T) {
		asker, d := h.introspector(introspect.Options{TTL: ttl})
		s := startService(t, middleware.Confirmed(jwts, asker))
		trusting := startService(t, middleware.JWT(jwts))
		jwt, other := h.token("jwt"), h.token("jwt")
		for range 3 {
			require.Equal(t, http.StatusOK, status(s, jwt))
		}
		require.EqualValues(t, 1, d.calls.Load(), "the answer is remembered")
		h.revoke("jwt", jwt)
		requireRefusedWithinTTL(t, s, jwt)
		require.Equal(t, http.StatusOK, status(trusting, jwt), "its signature is as good as before")
		require.Equal(t, http.StatusOK, status(s, other))
	})
	t.Run("what is no JWT of the issuer is not asked about", func(t *testing.T) {
		asker, d := h.introspector(introspect.Options{})
		s := startService(t, middleware.Confirmed(jwts, asker))
		jwt := h.token("jwt")
		forged := resign(t, jwt, headerOf(t, jwt), members{"sub": "root"}, randomSignature)
		for _, refused := range []string{forged, h.token("opaque"), "garbage"} {
			require.Equal(t, http.StatusUnauthorized, status(s, refused))
		}
		require.Zero(t, d.calls.Load())
	})
	t.Run("a JWT that cannot be confirmed is undecided", func(t *testing.T) {
		asker, d := h.introspector(introspect.Options{})
		s := startService(t, middleware.Confirmed(jwts, asker))
		jwt := h.token("jwt")
		d.meddle(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		require.Equal(t, http.StatusServiceUnavailable, status(s, jwt))
		d.meddle(nil)
		require.Equal(t, http.StatusOK, status(s, jwt))
	})
}
