package token_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

const (
	tenant  = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	entraV1 = "https://sts.windows.net/" + tenant + "/"
	entraV2 = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	apiApp  = "6e74172b-be56-4843-9ff4-e66a39bb12e3" // an API's client ID
	okta    = "https://example.okta.com/oauth2/default"
	auth0   = "https://example.eu.auth0.com/"
	realm   = "https://sso.example.test/realms/shop"
	pool    = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeFgHi"
	appID   = "1example23456789abcdefghij"
	hydra   = "https://hydra.example.test"
	cluster = "https://kubernetes.default.svc.cluster.local"
	github  = "https://token.actions.githubusercontent.com"
	spire   = "https://oidc.example.test"
)

// product is a token as a product writes it: header members beside alg and kid, and the payload without its times.
type product struct {
	name     string
	preset   token.Preset
	issuer   string
	audience string
	header   map[string]any
	payload  string
}

func (p product) sign(alg string) string {
	header := map[string]any{"typ": nil}
	maps.Copy(header, p.header)
	return issuer.Sign(alg, header, []byte(`{"iat":1700000000,"exp":9999999999,`+p.payload[1:]))
}

func (p product) verify(t *testing.T, raw string) (*token.Claims, error) {
	t.Helper()
	policy, err := p.preset.Policy(p.issuer, p.audience)
	require.NoError(t, err)
	return verifier(t, &keys{}, policy).Verify(t.Context(), raw)
}

var jwt = map[string]any{"typ": "JWT"}

func TestPresetsAcceptTheTokensOfTheirProduct(t *testing.T) {
	seen := map[token.Preset]bool{}
	for _, tc := range []struct {
		product
		subject, client string
		scopes          []string
	}{
		{
			product{"Okta, a user", token.Okta, okta, "api://default", nil, `{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
			"iss":"https://example.okta.com/oauth2/default","aud":"api://default","cid":"0oabcdefgh1234567897","uid":"00uabcdefgh123456789",
			"scp":["openid","orders:read"],"auth_time":1699999990,"sub":"ada@example.test"}`},
			"ada@example.test", "0oabcdefgh1234567897",
			[]string{"openid", "orders:read"},
		},
		{
			product{"Okta, a service", token.Okta, okta, "api://default", nil, `{"ver":1,"jti":"AT.x",
			"iss":"https://example.okta.com/oauth2/default","aud":"api://default","cid":"0oas","scp":["orders:read"],"sub":"0oas"}`},
			"0oas", "0oas",
			[]string{"orders:read"},
		},

		{
			product{"Auth0, its own profile", token.Auth0, auth0, "https://api.test", jwt, `{"iss":"https://example.eu.auth0.com/","sub":"auth0|5f7c8ec7",
			"aud":["https://api.test","https://example.eu.auth0.com/userinfo"],"azp":"my_client_id","scope":"openid profile orders:read",
			"permissions":["orders:read","orders:write"]}`},
			"auth0|5f7c8ec7", "my_client_id",
			[]string{"openid", "profile", "orders:read", "orders:write"},
		},
		{
			product{"Auth0, the RFC 9068 profile", token.Auth0, auth0, "https://api.test", map[string]any{"typ": "at+jwt"}, `{"iss":"https://example.eu.auth0.com/",
			"sub":"auth0|5f7c8ec7","aud":"https://api.test","client_id":"my_client_id","jti":"73WakrfVbNJBaAmhQtEeDv","scope":"orders:read"}`},
			"auth0|5f7c8ec7", "my_client_id",
			[]string{"orders:read"},
		},
		{
			product{"Auth0, a machine without scopes", token.Auth0, auth0, "https://api.test", jwt, `{"iss":"https://example.eu.auth0.com/",
			"sub":"m2m@clients","aud":"https://api.test","azp":"m2m","gty":"client-credentials","permissions":[]}`},
			"m2m@clients", "m2m", nil,
		},

		{
			product{"Entra ID v1", token.EntraV1, entraV1, "api://orders", map[string]any{"typ": "JWT", "x5t": "i6lGk3FZzxRcUb2C3nEQ7syHJlY"}, `{"aud":"api://orders",
			"iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/","nbf":1700000000,"acr":"1","aio":"AXQAi","amr":["pwd","mfa"],
			"appid":"75dbe77f-10a3-4e59-85fd-8c127544f17c","appidacr":"0","name":"Ada","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474","rh":"I",
			"roles":["Orders.Admin"],"scp":"Orders.Read Orders.Write","sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
			"tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","unique_name":"ada@example.test","upn":"ada@example.test","uti":"fqiBqXLPj0eQa82S-IYFAA","ver":"1.0"}`},
			"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "75dbe77f-10a3-4e59-85fd-8c127544f17c",
			[]string{"Orders.Read", "Orders.Write"},
		},
		{
			product{"Entra ID v2", token.EntraV2, entraV2, apiApp, jwt, `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
			"iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0","nbf":1700000000,"aio":"AXQAi",
			"azp":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azpacr":"0","name":"Ada","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474",
			"preferred_username":"ada@example.test","rh":"I","scp":"Orders.Read","sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
			"tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","uti":"fqiBqXLPj0eQa82S-IYFAA","ver":"2.0"}`},
			"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "6e74172b-be56-4843-9ff4-e66a39bb12e3",
			[]string{"Orders.Read"},
		},
		{
			product{"Entra ID, an application, v2", token.EntraApp, entraV2, apiApp, jwt, `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
			"iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0","nbf":1700000000,"aio":"E2","azp":"d2ee7b2b","azpacr":"1",
			"idtyp":"app","oid":"b5a0b8a3","rh":"0.A","roles":["Orders.Read.All"],"sub":"b5a0b8a3","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","uti":"x","ver":"2.0"}`},
			"b5a0b8a3", "d2ee7b2b",
			[]string{"Orders.Read.All"},
		},
		{
			product{"Entra ID, an application, v1, without a role", token.EntraApp, entraV1, "api://orders", jwt, `{"aud":"api://orders",
			"iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/","nbf":1700000000,"appid":"d2ee7b2b","appidacr":"1","idtyp":"app",
			"oid":"b5a0b8a3","sub":"b5a0b8a3","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","ver":"1.0"}`},
			"b5a0b8a3", "d2ee7b2b", nil,
		},

		{
			product{"Keycloak, a user", token.Keycloak, realm, "orders-api", jwt, `{"auth_time":1699999990,"jti":"onrtac:8c0d6f0e","iss":"https://sso.example.test/realms/shop",
			"aud":["orders-api","account"],"sub":"f:5a4b","typ":"Bearer","azp":"shop-web","sid":"0f1e","acr":"1","nonce":"n-0S6",
			"allowed-origins":["https://shop.example.test"],"realm_access":{"roles":["offline_access"]},"resource_access":{"account":{"roles":["view-profile"]}},
			"scope":"openid email orders:read","email_verified":true,"preferred_username":"ada"}`},
			"f:5a4b", "shop-web",
			[]string{"openid", "email", "orders:read"},
		},
		{
			product{"Keycloak, an empty scope", token.Keycloak, realm, "orders-api", jwt, `{"jti":"trrtcc:1","iss":"https://sso.example.test/realms/shop","aud":"orders-api",
			"sub":"5a4b","typ":"Bearer","azp":"batch","acr":"1","scope":"","clientHost":"10.0.0.1","client_id":"batch"}`},
			"5a4b", "batch", nil,
		},
		{
			product{"Keycloak with typ at+jwt in the header", token.Keycloak, realm, "orders-api", map[string]any{"typ": "at+jwt"}, `{"jti":"1",
			"iss":"https://sso.example.test/realms/shop","aud":"orders-api","sub":"5a4b","typ":"Bearer","azp":"batch","scope":"a"}`},
			"5a4b", "batch",
			[]string{"a"},
		},

		{
			product{"Cognito", token.Cognito, pool, appID, nil, `{"sub":"aaaaaaaa-bbbb-cccc-dddd-example","device_key":"x","cognito:groups":["admin"],
			"iss":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeFgHi","version":2,"client_id":"1example23456789abcdefghij",
			"origin_jti":"x","event_id":"x","token_use":"access","scope":"orders/read aws.cognito.signin.user.admin","auth_time":1700000000,"jti":"x","username":"ada"}`},
			"aaaaaaaa-bbbb-cccc-dddd-example", appID,
			[]string{"orders/read", "aws.cognito.signin.user.admin"},
		},

		{
			product{"Hydra", token.Hydra, hydra, "https://api.test", jwt, `{"aud":["https://api.test"],"client_id":"c-jwt","ext":{},"iss":"https://hydra.example.test",
			"jti":"c0c5e2f1","nbf":1700000000,"scope":"api:read api:write","scp":["api:read","api:write"],"sub":"c-jwt"}`},
			"c-jwt", "c-jwt",
			[]string{"api:read", "api:write"},
		},
		{
			product{"Hydra with scp alone", token.Hydra, hydra, "https://api.test", jwt, `{"aud":["https://api.test"],"client_id":"c","iss":"https://hydra.example.test",
			"jti":"c0","nbf":1700000000,"scp":["api:read"],"sub":"u"}`},
			"u", "c",
			[]string{"api:read"},
		},

		{
			product{"Kubernetes", token.Kubernetes, cluster, "orders", nil, `{"aud":["orders"],"iss":"https://kubernetes.default.svc.cluster.local",
			"jti":"ea28ed49-2e11-4280-9ec5-bc3d1d84661a","kubernetes.io":{"namespace":"prod","node":{"name":"n1","uid":"u"},"pod":{"name":"p","uid":"u"},
			"serviceaccount":{"name":"shop","uid":"u"},"warnafter":1700003607},"nbf":1700000000,"sub":"system:serviceaccount:prod:shop"}`},
			"system:serviceaccount:prod:shop", "", nil,
		},

		{
			product{"GitHub Actions", token.GitHubActions, github, "https://api.test", map[string]any{"typ": "JWT", "x5t": "ykNaY4qM_ta4k2TgZOCEYLkcYlA"}, `{"jti":"example-id",
			"sub":"repo:acme/orders:environment:prod","environment":"prod","aud":"https://api.test","ref":"refs/heads/main","sha":"example-sha","repository":"acme/orders",
			"repository_owner":"acme","actor_id":"12","repository_visibility":"private","repository_id":"74","repository_owner_id":"65","run_id":"example-run-id",
			"run_number":"10","run_attempt":"2","runner_environment":"github-hosted","actor":"ada","workflow":"deploy","head_ref":"","base_ref":"","event_name":"push",
			"ref_type":"branch","job_workflow_ref":"acme/ci/.github/workflows/deploy.yml@refs/heads/main","iss":"https://token.actions.githubusercontent.com","nbf":1699999999}`},
			"repo:acme/orders:environment:prod", "", nil,
		},

		{
			product{"SPIRE", token.SPIFFE, spire, "https://api.example.test", jwt, `{"aud":["https://api.example.test"],"iss":"https://oidc.example.test",
			"sub":"spiffe://example.test/ns/prod/sa/api"}`},
			"spiffe://example.test/ns/prod/sa/api", "", nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen[tc.preset] = true
			c, err := tc.verify(t, tc.sign("RS256"))
			require.NoError(t, err)
			require.Equal(t, tc.subject, c.Subject())
			require.Equal(t, tc.client, c.ClientID())
			require.ElementsMatch(t, tc.scopes, slices.Collect(c.Scopes().Tokens()))

			expired := strings.Replace(`{"iat":1700000000,"exp":9999999999,`+tc.payload[1:], `"exp":9999999999`, `"exp":1700000300`, 1)
			_, err = tc.verify(t, issuer.Sign("RS256", map[string]any{"typ": nil}, []byte(expired)))
			require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
		})
	}
	for p := range token.Presets() {
		require.True(t, seen[p], "no token of %s", p)
	}
}

// Everything here is signed by the issuer's own key, and aims at our audience where that can be had.
func TestPresetsRefuseWhatElseTheirProductSigns(t *testing.T) {
	for _, tc := range []struct {
		product
		want token.Reason
	}{
		{product{"Okta's ID token", token.Okta, okta, "0oabc", nil, `{"sub":"00u","name":"Ada","ver":1,"iss":"https://example.okta.com/oauth2/default","aud":"0oabc",
			"jti":"ID.x","amr":["pwd"],"idp":"00o","nonce":"n","auth_time":1699999990}`}, token.ReasonClaim},
		{product{"Okta's access token for itself", token.Okta, okta, "https://example.okta.com", map[string]any{"typ": "application/okta-internal-at+jwt"}, `{"ver":1,"jti":"AT.x",
			"iss":"https://example.okta.com/oauth2/default","aud":"https://example.okta.com","cid":"0oa","scp":["openid"],"sub":"ada"}`}, token.ReasonType},
		{product{"Auth0's ID token", token.Auth0, auth0, "my_client_id", jwt, `{"nickname":"ada","name":"Ada","iss":"https://example.eu.auth0.com/","sub":"auth0|5f7c8ec7",
			"aud":"my_client_id","sid":"x","nonce":"n"}`}, token.ReasonClient},
		{product{"Entra ID's v2 ID token", token.EntraV2, entraV2, apiApp, jwt, `{"ver":"2.0","iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
			"sub":"AAAA","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","name":"Ada","preferred_username":"ada","oid":"x","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","nonce":"1"}`}, token.ReasonClaim},
		{product{"Entra ID's app-only token where a user is asked for", token.EntraV2, entraV2, apiApp, jwt, `{"ver":"2.0",
			"iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0","sub":"x","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azp":"c","roles":["Orders.Read.All"]}`}, token.ReasonClaim},
		{product{"Entra ID's v1 ID token", token.EntraV1, entraV1, apiApp, jwt, `{"ver":"1.0","iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
			"sub":"AAAA","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","name":"Ada","oid":"x","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47"}`}, token.ReasonClaim},
		{product{"a user's token where an application is asked for", token.EntraApp, entraV2, apiApp, jwt, `{"ver":"2.0","idtyp":"user",
			"iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0","sub":"x","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azp":"c","scp":"Orders.Read","roles":["Orders.Admin"]}`}, token.ReasonClaim},
		{product{"a user's ID token with roles where an application is asked for", token.EntraApp, entraV2, apiApp, jwt, `{"ver":"2.0",
			"iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0","sub":"x","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","roles":["Orders.Admin"]}`}, token.ReasonClaim},
		{product{"another tenant of Entra ID", token.EntraV2, entraV2, apiApp, jwt, `{"ver":"2.0","iss":"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
			"sub":"x","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azp":"c","scp":"Orders.Read"}`}, token.ReasonIssuer},
		{product{"Keycloak's ID token", token.Keycloak, realm, "shop-web", jwt, `{"jti":"1","iss":"https://sso.example.test/realms/shop","aud":"shop-web","sub":"5a4b","typ":"ID","azp":"shop-web","sid":"0f1e","acr":"1"}`}, token.ReasonClaim},
		{product{"Keycloak's ID token with at_hash", token.Keycloak, realm, "shop-web", jwt, `{"jti":"1","iss":"https://sso.example.test/realms/shop","aud":"shop-web","sub":"5a4b","typ":"ID","azp":"shop-web","at_hash":"x"}`}, token.ReasonType},
		{product{"Keycloak's refresh token", token.Keycloak, realm, "https://sso.example.test/realms/shop", jwt, `{"jti":"1","iss":"https://sso.example.test/realms/shop","aud":"https://sso.example.test/realms/shop","sub":"5a4b","typ":"Refresh","azp":"shop-web","scope":"a"}`}, token.ReasonClaim},
		{product{"Keycloak's logout token", token.Keycloak, realm, "shop-web", map[string]any{"typ": "logout+jwt"}, `{"jti":"1","iss":"https://sso.example.test/realms/shop","aud":"shop-web","sub":"5a4b","typ":"Logout","sid":"x","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`}, token.ReasonType},
		{product{"Keycloak's access token without our audience", token.Keycloak, realm, "orders-api", jwt, `{"jti":"1","iss":"https://sso.example.test/realms/shop","aud":"account","sub":"5a4b","typ":"Bearer","azp":"shop-web","scope":"a"}`}, token.ReasonAudience},
		{product{"Cognito's ID token", token.Cognito, pool, appID, nil, `{"sub":"aaaa","iss":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeFgHi","aud":"1example23456789abcdefghij","cognito:username":"ada","token_use":"id","auth_time":1700000000,"jti":"x"}`}, token.ReasonClaim},
		{product{"Cognito's access token of another app client", token.Cognito, pool, appID, nil, `{"sub":"aaaa","iss":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeFgHi","client_id":"other","token_use":"access","scope":"a","jti":"x"}`}, token.ReasonClient},
		{product{"Hydra's ID token", token.Hydra, hydra, "c-web", jwt, `{"at_hash":"x","aud":["c-web"],"auth_time":1699999990,"iss":"https://hydra.example.test","jti":"1","nonce":"n","rat":1699999980,"sid":"s","sub":"u"}`}, token.ReasonType},
		{product{"Hydra's ID token without at_hash", token.Hydra, hydra, "c-web", jwt, `{"aud":["c-web"],"auth_time":1699999990,"iss":"https://hydra.example.test","jti":"1","sid":"s","sub":"u"}`}, token.ReasonClient},
		{product{"a Kubernetes token for the API server", token.Kubernetes, cluster, "orders", nil, `{"aud":["https://kubernetes.default.svc.cluster.local"],"iss":"https://kubernetes.default.svc.cluster.local","kubernetes.io":{"namespace":"prod"},"sub":"system:serviceaccount:prod:shop"}`}, token.ReasonAudience},
		{product{"another token of the same issuer as Kubernetes", token.Kubernetes, cluster, "orders", nil, `{"aud":["orders"],"iss":"https://kubernetes.default.svc.cluster.local","sub":"system:serviceaccount:prod:shop"}`}, token.ReasonClaim},
		{product{"a GitHub token for another service", token.GitHubActions, github, "https://api.test", jwt, `{"sub":"repo:acme/orders:ref:refs/heads/main","aud":"sts.amazonaws.com","repository":"acme/orders","repository_owner":"acme","iss":"https://token.actions.githubusercontent.com"}`}, token.ReasonAudience},
		{product{"a JWT-SVID for another service", token.SPIFFE, spire, "https://api.example.test", jwt, `{"aud":["https://other.example.test"],"iss":"https://oidc.example.test","sub":"spiffe://example.test/x"}`}, token.ReasonAudience},
		{product{"a JWT-SVID without an issuer", token.SPIFFE, spire, "https://api.example.test", jwt, `{"aud":["https://api.example.test"],"sub":"spiffe://example.test/x"}`}, token.ReasonIssuer},
		{product{"a JWT-SVID without a subject", token.SPIFFE, spire, "https://api.example.test", jwt, `{"aud":["https://api.example.test"],"iss":"https://oidc.example.test"}`}, token.ReasonClaim},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := tc.sign("RS256")
			c, err := tc.verify(t, raw)
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

// A legacy token of a Secret: no exp, no aud, valid until somebody deletes the Secret.
func TestKubernetesSecretTokensAreRefused(t *testing.T) {
	policy, err := token.Kubernetes.Policy("kubernetes/serviceaccount", "orders")
	require.NoError(t, err)
	raw := issuer.Sign("RS256", map[string]any{"typ": nil}, []byte(`{"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"prod",
		"kubernetes.io/serviceaccount/secret.name":"shop-token","sub":"system:serviceaccount:prod:shop"}`))
	c, err := verifier(t, &keys{}, policy).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonAudience, raw)
}

func TestSPIFFETakesNoEdDSA(t *testing.T) {
	policy, err := token.SPIFFE.Policy(spire, "api")
	require.NoError(t, err)
	raw := issuer.Sign("EdDSA", jwt, []byte(`{"aud":["api"],"iss":"https://oidc.example.test","sub":"spiffe://example.test/x","exp":9999999999}`))
	c, err := verifier(t, &keys{}, policy).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonAlgorithm, raw)
}

func TestMistakesInAPreset(t *testing.T) {
	for _, tc := range []struct {
		preset token.Preset
		issuer string
		want   string
	}{
		{"okat", "https://x.test", `token: there is no preset "okat"`},
		{token.Okta, "https://example.okta.com", "its issuer: a custom authorization server's issuer has /oauth2/ and a name in its path"},
		{token.Auth0, "https://example.eu.auth0.com", "its issuer: it ends in a slash"},
		{token.EntraV1, "https://sts.windows.net/" + tenant, "its issuer: it is https://sts.windows.net/{tenant id}/, with the slash"},
		{token.EntraV1, entraV2, "its issuer: it is https://sts.windows.net/{tenant id}/, with the slash"},
		{token.EntraV2, entraV1, "its issuer: it is https://login.microsoftonline.com/{tenant id}/v2.0"},
		{token.EntraV2, "https://login.microsoftonline.com/common/v2.0", "its issuer: it is https://login.microsoftonline.com/{tenant id}/v2.0"},
		{token.EntraV2, "https://login.microsoftonline.com/{tenantid}/v2.0", "its issuer: it is https://login.microsoftonline.com/{tenant id}/v2.0"},
		{token.EntraApp, "https://login.microsoftonline.com/" + tenant, "its issuer: it is https://sts.windows.net/{tenant id}/ or https://login.microsoftonline.com/{tenant id}/v2.0"},
		{token.Keycloak, "https://sso.example.test/", "its issuer: it ends in /realms/{realm}"},
		{token.Keycloak, realm + "/", "its issuer: it ends in /realms/{realm}"},
		{token.Cognito, pool + "/", "its issuer: it does not end in a slash"},
		{token.GitHubActions, github + "/", "its issuer: it does not end in a slash"},
	} {
		_, err := tc.preset.Policy(tc.issuer, "api")
		require.ErrorContains(t, err, tc.want, "%s %s", tc.preset, tc.issuer)
	}
	for p := range token.Presets() {
		_, err := p.Policy("x")
		require.ErrorContains(t, err, "token: preset "+string(p)+": no audience", "an empty list must not mean any client")
	}
}

func TestAPresetIsTheCallersOwn(t *testing.T) {
	first, err := token.Keycloak.Policy(realm, "api")
	require.NoError(t, err)
	first.RequiredClaims["typ"] = "ID"
	first.ClientIDClaims[0] = "sub"
	first.ScopeClaims[0] = "x"
	second, err := token.Keycloak.Policy(realm, "api")
	require.NoError(t, err)
	require.Equal(t, "Bearer", second.RequiredClaims["typ"])
	require.Equal(t, []string{"azp"}, second.ClientIDClaims)
	require.Equal(t, []string{"scope"}, second.ScopeClaims)
}

func TestPresetsAreListedUnderTheirNames(t *testing.T) {
	require.Equal(t, []token.Preset{
		"okta", "auth0", "entra-v1", "entra-v2", "entra-app", "keycloak", "cognito", "hydra", "kubernetes", "github-actions", "spiffe",
	}, slices.Collect(token.Presets()))
	for range token.Presets() {
		break // an iterator can be left
	}
}
