package localissuer_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

var every = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func start(t *testing.T) *localissuer.Issuer {
	t.Helper()
	i, err := localissuer.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close()) })
	return i
}

func get(t *testing.T, address string, into any) {
	t.Helper()
	res, err := http.Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, json.NewDecoder(res.Body).Decode(into))
}

func TestWhatItSignsIsVerifiedByGoJoseUnderThePublishedKey(t *testing.T) {
	i := start(t)
	signed := map[string]string{}
	for _, alg := range every {
		signed[alg] = i.Sign(alg, nil, []byte(`{"alg":"`+alg+`"}`))
	}
	var set jose.JSONWebKeySet
	get(t, i.KeySetURL(), &set)
	for _, alg := range every {
		t.Run(alg, func(t *testing.T) {
			parsed, err := jose.ParseSignedCompact(signed[alg], []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			require.NoError(t, err)
			keys := set.Key(i.KeyID(alg))
			require.Len(t, keys, 1)
			payload, err := parsed.Verify(keys[0])
			require.NoError(t, err)
			require.JSONEq(t, `{"alg":"`+alg+`"}`, string(payload))

			own, err := i.PublicKeys(t.Context(), i.KeyID(alg), alg)
			require.NoError(t, err)
			require.Len(t, own, 1)
			require.Equal(t, keys[0].Key, own[0])
		})
	}
}

func TestMetadataNamesTheIssuerAndItsKeys(t *testing.T) {
	i := start(t)
	var doc struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	get(t, i.URL()+"/.well-known/openid-configuration", &doc)
	require.Equal(t, i.URL(), doc.Issuer)
	require.Equal(t, i.KeySetURL(), doc.KeysURL)
	require.Equal(t, 1, i.Requests("/.well-known/openid-configuration"))
}

func TestRotation(t *testing.T) {
	i := localissuer.New("https://issuer.test")
	old := i.KeyID("ES256")
	i.RotateGently()
	keys, err := i.PublicKeys(t.Context(), old, "ES256")
	require.NoError(t, err)
	require.Len(t, keys, 1, "a gentle rotation goes on publishing the old key")
	require.NotEqual(t, old, i.KeyID("ES256"))

	i.Rotate()
	keys, err = i.PublicKeys(t.Context(), old, "ES256")
	require.NoError(t, err)
	require.Empty(t, keys, "a rotation at once withdraws it")
}

func TestTokenEndpoint(t *testing.T) {
	i := start(t)
	secret := i.Register("shop", "orders:read orders:write")
	for _, tc := range []struct {
		name, secret string
		form         url.Values
		status       int
	}{
		{"the right secret gets a token", secret, url.Values{"grant_type": {"client_credentials"}, "resource": {"api"}}, 200},
		{"a wrong secret does not", "guess", url.Values{"grant_type": {"client_credentials"}, "resource": {"api"}}, 401},
		{"a scope beyond the client's does not", secret, url.Values{"grant_type": {"client_credentials"}, "resource": {"api"}, "scope": {"admin"}}, 400},
		{"another grant does not", secret, url.Values{"grant_type": {"password"}, "resource": {"api"}}, 400},
		{"no audience does not", secret, url.Values{"grant_type": {"client_credentials"}}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.URL()+"/token", strings.NewReader(tc.form.Encode()))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.SetBasicAuth("shop", tc.secret)
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			require.Equal(t, tc.status, res.StatusCode)
			var body struct {
				AccessToken string `json:"access_token"`
			}
			require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
			require.Equal(t, tc.status == http.StatusOK, strings.Count(body.AccessToken, ".") == 2)
		})
	}
}

func TestIntrospectionEndpoint(t *testing.T) {
	i := start(t)
	secret := i.Register("gateway", "")
	revoked := i.OpaqueToken("api")
	i.Revoke(revoked)
	for _, tc := range []struct {
		name, token, secret string
		status              int
		active              bool
	}{
		{"an opaque token", i.OpaqueToken("api", map[string]any{"tenant": "acme"}), secret, 200, true},
		{"a JWT", i.AccessToken("api", map[string]any{"tenant": "acme"}), secret, 200, true},
		{"a revoked token", revoked, secret, 200, false},
		{"an expired token", i.OpaqueToken("api", map[string]any{"exp": 1}), secret, 200, false},
		{"a token of nobody", "guess", secret, 200, false},
		{"a wrong secret", i.OpaqueToken("api"), "guess", 401, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			form := url.Values{"token": {tc.token}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.IntrospectionURL(), strings.NewReader(form.Encode()))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.SetBasicAuth("gateway", tc.secret)
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			require.Equal(t, tc.status, res.StatusCode)
			var body map[string]any
			require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
			switch {
			case tc.status != http.StatusOK:
				require.Equal(t, map[string]any{"error": "invalid_client"}, body)
			case tc.active:
				require.Equal(t, []any{true, "acme", i.URL(), "api"}, []any{body["active"], body["tenant"], body["iss"], body["aud"]})
			default:
				require.Equal(t, map[string]any{"active": false}, body)
			}
		})
	}
}

func TestDownMeansNoAnswer(t *testing.T) {
	i := start(t)
	i.SetDown(true)
	_, err := http.Get(i.KeySetURL())
	require.Error(t, err)
	_, err = i.PublicKeys(t.Context(), "", "ES256")
	require.Error(t, err)
	i.SetDown(false)
	var set jose.JSONWebKeySet
	get(t, i.KeySetURL(), &set)
	require.Len(t, set.Keys, 1)
}
