package e2e_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The keys of these scenarios live longer than the test: what is fetched, somebody's token has caused.
var longLived = members{"max_age": "5m"}

func TestEveryAlgorithmIsAcceptedAndTheIdentityReachesTheBackend(t *testing.T) {
	i := startIssuer(t, "")
	g := startGateway(t, i.trusted(longLived))
	require.ElementsMatch(t, []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}, i.Algorithms)
	for _, alg := range i.Algorithms {
		t.Run(alg, func(t *testing.T) {
			token := i.token(alg)
			h := headerOf(t, token)
			require.Equal(t, alg, h.Alg)
			require.Equal(t, "at+jwt", h.Typ)

			res, err := g.send(http.MethodGet, "/orders/1", token, func(r *http.Request) {
				r.Header.Set("X-Identity-Subject", "somebody-else")
				r.Header["x_identity_tenant"] = []string{"somebody-elses"}
			})
			require.NoError(t, err)
			got := res.backendHeader(t)
			for name, want := range map[string]string{
				"X-Identity-Subject": i.ClientID,
				"X-Identity-Issuer":  i.URL,
				"X-Identity-Client":  i.ClientID,
				"X-Identity-Scopes":  "orders:read",
				"X-Identity-Kind":    "jwt",
				"X-Identity-Tenant":  "acme",
			} {
				require.Equal(t, []string{want}, got.Values(name), name)
			}
			require.NotContains(t, got, "Authorization", "the backend has no use for the credential")
			require.NotContains(t, res.body, "somebody-else")
			g.requireSilentAbout(token)
		})
	}
	require.Equal(t, 1, i.requests("/jwks"), "one fetch serves all")
}

func TestWhatIsRefusedIsRefusedByTheOutcomeTable(t *testing.T) {
	i, stranger := startIssuer(t, ""), startIssuer(t, "")
	g := startGateway(t, i.trusted(longLived))
	brief := i.tokenFor(i.API+"brief", "orders:read")
	good := i.token("RS256")
	g.requireAccepted(good)
	reached, fetches := g.reached.Load(), i.requests("/jwks")
	keySet := readAll(t, i.URL+"/jwks")

	h := headerOf(t, good)
	invalid := []string{`Bearer error="invalid_token"`}
	for _, row := range []struct {
		name         string
		method, path string // GET /orders/1
		token        string
		edit         func(*http.Request)
		status       int
		challenges   []string
	}{
		{name: "nothing presented", status: 401, challenges: []string{"Bearer"}},
		{name: "another audience", token: i.tokenFor(i.OtherAPI+"RS256", "orders:read"), status: 401, challenges: invalid},
		{name: "another issuer", token: stranger.token("RS256"), status: 401, challenges: invalid},
		{name: "alg none", token: resign(t, good, header{Alg: "none", Typ: "at+jwt"}, nil, unsigned), status: 401, challenges: invalid},
		{name: "alg NONE under a known kid", token: resign(t, good, header{Alg: "NONE", Kid: h.Kid, Typ: "at+jwt"}, nil, unsigned), status: 401, challenges: invalid},
		{name: "HS256 with the public key set for a secret", token: resign(t, good, header{Alg: "HS256", Kid: h.Kid, Typ: "at+jwt"}, nil, hs256(keySet)), status: 401, challenges: invalid},
		{name: "claims changed under a good signature", token: graft(t, good, members{"scope": "orders:read orders:write"}), status: 401, challenges: invalid},
		{name: "a random signature under a known kid", token: resign(t, good, h, nil, randomSignature), status: 401, challenges: invalid},
		{name: "the signature cut off", token: good[:strings.LastIndex(good, ".")+1], status: 401, challenges: invalid},
		{name: "one algorithm's kid under another's name", token: resign(t, good, header{Alg: "PS256", Kid: h.Kid, Typ: "at+jwt"}, nil, randomSignature), status: 401, challenges: invalid},
		{name: "not an access token by its type", token: resign(t, good, header{Alg: "RS256", Kid: h.Kid, Typ: "JWT"}, nil, randomSignature), status: 401, challenges: invalid},
		{name: "a scope that does not cover", method: http.MethodPost, path: "/orders/", token: good, status: 403, challenges: []string{`Bearer error="insufficient_scope", scope="orders:write"`}},
		{name: "a route that no rule names", path: "/admin/", token: good, status: 403},
		{name: "a method that no rule names", method: http.MethodDelete, token: good, status: 403},
		{name: "an ambiguous path", path: "/orders//1", token: good, status: 400},
		{name: "two credentials", token: good, edit: func(r *http.Request) {
			r.Header["Authorization"] = append(r.Header["Authorization"], "Bearer "+good)
		}, status: 400, challenges: []string{`Bearer error="invalid_request"`}},
		{name: "the token in the query", path: "/orders/1?access_token=" + good, status: 401, challenges: []string{"Bearer"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			edits := []func(*http.Request){}
			if row.edit != nil {
				edits = append(edits, row.edit)
			}
			res, err := g.send(or(row.method, http.MethodGet), or(row.path, "/orders/1"), row.token, edits...)
			require.NoError(t, err)
			require.Equal(t, row.status, res.status, "%s", res)
			require.Equal(t, row.challenges, res.challenges)
			require.Equal(t, http.StatusText(row.status), strings.TrimSpace(res.body))
		})
	}
	t.Run("an expired token", func(t *testing.T) {
		var res response
		within(t, 10*time.Second, "refusal of an expired token", func() bool {
			res = g.get(brief)
			return res.status != http.StatusOK
		})
		require.Equal(t, invalid, res.challenges)
		require.Less(t, payloadOf(t, brief)["exp"], float64(time.Now().Unix()), "refused while it was good")
		reached = g.reached.Load()
	})
	require.Equal(t, reached, g.reached.Load(), "a refused request has reached the backend")
	require.Equal(t, fetches+1, i.requests("/jwks"), "all keys were known; the one more is this test's own")
	require.Zero(t, stranger.requests("/jwks"), "an issuer that nobody trusts was asked for its keys")
	g.requireSilentAbout(good, brief)
}

// graft puts changed claims between the header and the signature of a token.
func graft(t *testing.T, token string, edits members) string {
	t.Helper()
	signature, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token, ".")+1:])
	require.NoError(t, err)
	return resign(t, token, headerOf(t, token), edits, func(string) []byte { return signature })
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func readAll(t *testing.T, url string) []byte {
	t.Helper()
	res, err := client.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return b
}
