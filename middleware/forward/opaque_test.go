package forward_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// What the issuer says of an opaque token is forwarded as a JWT's claims are, under a kind of its own.
func TestTheIssuersAnswerIsForwarded(t *testing.T) {
	i := localissuer.New("https://id.example")
	secret := i.Register("gateway", "")
	c, err := introspect.New(introspect.Config{
		Endpoint: i.IntrospectionURL(), Issuer: i.URL(), Audiences: []string{audience},
		Auth: introspect.Auth{
			Method: "client_secret_basic", ClientID: "gateway", Secret: func(context.Context) (string, error) { return secret, nil },
		},
	}, &introspect.Options{HTTPClient: &http.Client{Transport: inProcess{i}}})
	require.NoError(t, err)
	v, err := token.NewVerifier(i, token.AccessTokenPolicy(i.URL(), audience), nil)
	require.NoError(t, err)

	claims := map[string]any{"sub": "alice smith", "scope": "b a", "tenant": "acme"}
	for _, row := range []struct {
		name, token, kind string
		by                middleware.Authenticator
	}{
		{"an opaque token", i.OpaqueToken(audience, claims), "opaque", middleware.Introspect(c)},
		{"a JWT that the issuer was asked about instead", i.AccessToken(audience, claims), "opaque", middleware.Introspect(c)},
		{"a JWT that was verified, too", i.AccessToken(audience, claims), "jwt", middleware.Confirmed(v, c)},
		{"a JWT", i.AccessToken(audience, claims), "jwt", middleware.JWT(v)},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+row.token)
			id, err := row.by.Authenticate(r)
			require.NoError(t, err)
			require.Equal(t, http.Header{
				"X-Identity-Subject": {"alice%20smith"}, "X-Identity-Issuer": {"https://id.example"}, "X-Identity-Client": {"client-1"},
				"X-Identity-Scopes": {"a b"}, "X-Identity-Kind": {row.kind}, "X-Identity-Tenant": {"acme"},
			}, written(t, id))
		})
	}
}

// inProcess reaches an issuer without a network.
type inProcess struct{ issuer *localissuer.Issuer }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.issuer.ServeHTTP(w, r)
	return w.Result(), nil
}
