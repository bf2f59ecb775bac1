package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

const (
	workloadPath = registeredPath
	svidAudience = "https://api.example.com/orders"
)

// jwtSVIDs verifies JWT-SVIDs of the trust domain by the keys.
func jwtSVIDs(t *testing.T, d trustDomain, keys token.KeySource) *token.Verifier {
	t.Helper()
	policy, err := token.SPIFFE.Policy(d.issuer(), svidAudience)
	require.NoError(t, err)
	v, err := token.NewVerifier(keys, policy, nil)
	require.NoError(t, err)
	return v
}

// keySources are the ways to the keys of a trust domain.
func keySources(t *testing.T, d trustDomain) map[string]token.KeySource {
	t.Helper()
	static, err := jwks.Parse(d.bundle(asDocument))
	require.NoError(t, err)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(d.bundle(asDocument))
	}))
	t.Cleanup(endpoint.Close)
	followed, err := jwks.New(endpoint.URL, &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(t, err)
	all := map[string]token.KeySource{"the bundle": static, "the bundle's endpoint": followed}
	if _, isSPIRE := d.(*spire); isSPIRE {
		discovered, err := jwks.NewFromIssuer(d.issuer(), &jwks.Options{InsecureAllowHTTP: true})
		require.NoError(t, err)
		all["OIDC discovery"] = discovered
	}
	return all
}

func TestAJWTSVIDIsItsWorkload(t *testing.T) {
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			own, other := start(t, "example.test"), start(t, "other.test")
			for from, keys := range keySources(t, own) {
				t.Run("keys from "+from, func(t *testing.T) {
					s := startService(t, middleware.JWT(jwtSVIDs(t, own, keys)))
					good := own.jwtSVID(workloadPath, svidAudience)
					forger := newDrawnDomain(t, own.name())
					forger.iss, forger.kid = own.issuer(), headerOf(t, good).Kid
					res, err := s.send(http.MethodGet, "/whoami", good)
					require.NoError(t, err)
					require.Equal(t, identity{Subject: "spiffe://" + own.name() + workloadPath, Issuer: own.issuer()}, res.identity(t), "no client, no scopes")

					res, err = s.send(http.MethodGet, "/orders/1", good)
					require.NoError(t, err)
					require.Equal(t, http.StatusForbidden, res.status, "it grants nothing")
					require.Equal(t, []string{`Bearer error="insufficient_scope", scope="orders:read"`}, res.challenges)
					for name, bad := range map[string]string{
						"for another service":                     own.jwtSVID(workloadPath, "https://other.example.com/"),
						"of another trust domain":                 other.jwtSVID(workloadPath, svidAudience),
						"that is right but for the key":           forger.jwtSVID(workloadPath, svidAudience),
						"with another subject, and its signature": withSubject(t, good, "spiffe://"+own.name()+"/ns/prod/sa/admin"),
					} {
						res, err = s.send(http.MethodGet, "/whoami", bad)
						require.NoError(t, err)
						require.Equal(t, http.StatusUnauthorized, res.status, "a JWT-SVID %s: %s", name, res)
						require.Equal(t, invalidToken, res.challenges)
					}
				})
			}
		})
	}
}

// A bundle holds keys of X.509 authorities as well, without kid and alg: they must not be taken for keys of JWT-SVIDs.
func TestOfABundleOnlyTheKeysOfJWTSVIDsAreTaken(t *testing.T) {
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			own := start(t, "example.test")
			var document struct{ Keys []struct{ Use, Kid string } }
			require.NoError(t, json.Unmarshal(own.bundle(asDocument), &document))
			require.Len(t, document.Keys, 2)
			keys, err := jwks.Parse(own.bundle(asDocument))
			require.NoError(t, err)
			for _, key := range document.Keys {
				found, err := keys.PublicKeys(t.Context(), key.Kid, "ES256")
				require.NoError(t, err)
				require.Len(t, found, 1, "%+v", key) // without a kid: the keys that fit
			}
		})
	}
}

// withSubject changes a token's subject and keeps its signature.
func withSubject(t *testing.T, token, subject string) string {
	t.Helper()
	signature := signatureOf(t, token)
	return resign(t, token, headerOf(t, token), members{"sub": subject}, func(string) []byte { return signature })
}
