package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

const leastConfig = `{
  "listen": "127.0.0.1:8080",
  "upstream": "http://127.0.0.1:9000",
  "issuers": [{"issuer": "https://id.example.com", "audiences": ["orders-api"]}],
  "routes": [{"pattern": "GET /orders/v1/{id}", "all": ["orders:read"]}]
}`

// fullConfig names every member there is.
const fullConfig = `{
  "listen": "127.0.0.1:8080", "admin_listen": "127.0.0.1:8081",
  "external_url": "https://api.example.com", "realm": "orders",
  "upstream": "http://127.0.0.1:9000",
  "issuers": [{
    "issuer": "https://id.example.com", "preset": "", "audiences": ["orders-api"], "client_ids": ["shop"], "type": "at+jwt",
    "algorithms": ["RS256", "ES256"], "access_token_profile": false, "leeway": "30s", "max_lifetime": "1h",
    "required_claims": {"tenant": "acme", "email": ""}, "scope_claims": ["scp"], "grant_claims": ["roles"],
    "scopes_allowed": ["orders:read", "orders:write"],
    "jwks_url": "http://127.0.0.1:9100/keys",
    "keys": {"max_age": "5m", "min_interval": "15s", "max_stale": "24h", "timeout": "5s", "snapshot": "/var/lib/gateway/keys.json"},
    "insecure_allow_http": true,
    "introspection": {"endpoint": "http://127.0.0.1:9100/introspect", "auth": "client_secret_post", "client_id": "gateway",
                      "client_secret_file": "SECRET-FILE", "ttl": "20s", "negative_ttl": "2s", "timeout": "3s", "signed": true}
  }, {"issuer": "https://token.actions.githubusercontent.com", "preset": "github-actions", "audiences": ["deploy"]}],
  "routes": [
    {"pattern": "POST /orders/v1/", "any": ["orders:write", "orders:admin"], "issuers": []},
    {"pattern": "GET /reports/", "all": ["reports:read"], "any": ["eu", "us"], "issuers": ["https://id.example.com"],
     "accept": ["jwt"], "introspect": true},
    {"pattern": "GET /opaque/", "accept": ["opaque"]},
    {"pattern": "GET /internal/", "accept": ["mtls"], "peers": ["spiffe://example.com/ns/prod/*", "api.example.com", "urn:example:api"]},
    {"pattern": "POST /deploy/", "claims": {"repository": "acme/orders"}, "quota": "orders"},
    {"pattern": "GET /healthz", "public": true, "upstream": "https://health.example.com:8443/"}
  ],
  "identity_headers": {"subject": "X-Identity-Subject", "issuer": "X-Identity-Issuer", "client_id": "X-Identity-Client",
                       "scopes": "X-Identity-Scopes", "kind": "X-Identity-Kind", "claims": {"tenant": "X-Identity-Tenant"}},
  "forward_authorization": false,
  "stream_past_expiry": true,
  "quotas": [{"name": "orders", "limit": 100, "window": "1m", "by": "claim", "claim": "tenant", "redis_down": "open"}],
  "audit": {"file": "DIRECTORY-AUDIT", "key_file": "KEY-FILE", "sample_allowed": 100, "request_id_header": "X-Request-Id"},
  "metrics": {"by_route": true},
  "failed_auth_limit": {"per_minute": 30, "burst": 10, "trusted_proxies": ["127.0.0.1/32"]},
  "revocation": {"files": ["revoked.jsonl"], "urls": ["https://id.example.com/revoked"], "every": "10s", "max_stale": "1m", "insecure_open": true,
                 "events": {"path": "/events", "issuer": "https://id.example.com", "audience": "https://api.example.com/events",
                            "authorization_file": "SECRET-FILE"}},
  "tls": {"cert_file": "SERVER-FILE", "key_file": "SERVER-KEY-FILE"},
  "mtls": {"client_ca_file": "CA-FILE", "spiffe_trust_domain": "example.com", "dns_names": ["api.example.com"], "crl_files": ["CRL-FILE"],
           "forwarded": {"format": "client-cert", "trusted_proxies": ["127.0.0.1/32", "fd00::/8"]}},
  "redis": {"url": "rediss://user:password@redis.example.com:6379/0", "key_file": "KEY-FILE"}
}`

func TestGoodConfigurations(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"the least", leastConfig},
		{"everything", fullConfig},
		{"empty strings and lists mean the defaults", edit(t, leastConfig,
			`"audiences": ["orders-api"]`, `"audiences": ["orders-api"], "preset": "", "client_ids": [], "type": "", "algorithms": [],
			"leeway": "", "max_lifetime": "", "required_claims": {}, "scope_claims": [], "grant_claims": [], "scopes_allowed": [],
			"jwks_url": "", "keys": {"max_age": "", "min_interval": "", "max_stale": "", "timeout": "", "snapshot": ""}`,
			`"listen"`, `"admin_listen": "", "external_url": "", "realm": "",
			"identity_headers": {"subject": "", "issuer": "", "client_id": "", "scopes": "", "kind": "", "claims": {}}, "listen"`)},
		{"no upstream, as every route has its own", edit(t, leastConfig,
			`"upstream": "http://127.0.0.1:9000",`, ``, `"all": ["orders:read"]`, `"upstream": "http://127.0.0.1:9000"`)},
		{"listen on a port of the system's choice", edit(t, leastConfig, `127.0.0.1:8080`, `127.0.0.1:0`)},
		{"the upstream on the port of listen, but elsewhere", edit(t, leastConfig, `http://127.0.0.1:9000`, `http://10.0.0.7:8080`)},
		{"an http issuer whose keys come over https", edit(t, leastConfig,
			`"https://id.example.com"`, `"http://id.example.com", "jwks_url": "https://id.example.com/keys"`)},
		{"the access token profile", edit(t, leastConfig, `"audiences"`, `"access_token_profile": true, "audiences"`)},
		{"Cognito, which has clients and no audience", edit(t, leastConfig, `"audiences": ["orders-api"]`, `"preset": "cognito", "client_ids": ["app"]`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(tc.text)))
			require.NoError(t, err)
		})
	}
}

// edit replaces parts of a text, each of which must be there.
func edit(t *testing.T, text string, oldNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(t, text, oldNew[i])
		text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
	}
	return text
}

func TestMistakesOfForm(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing at all", ``, "$: not JSON: the document ends here, line 1, column 1"},
		{"a list", `[]`, "$: must be an object"},
		{"a document cut off", `{"listen": "127.0.0.1:8080"`, "$: not JSON: the document ends here, line 1, column 28"},
		{"a comment", "{\n  // here\n}", "$: not JSON: invalid character '/', line 2, column 3"},
		{"a document cut off deep inside", `{"routes": [{"pattern": "GET /a"}, {"pattern": `, "routes[1].pattern: not JSON: the document ends here, line 1, column 48"},
		{"a second document", leastConfig + "{}", "$: something follows the end of the document, line 6, column 3"},
		{"bytes that are not UTF-8", "{\"listen\": \"\xff\"}", "$: not UTF-8"},
		{"half a surrogate pair", edit(t, leastConfig, "orders-api", `\ud800`), "issuers[0].audiences[0]: text with half a surrogate pair or U+FFFD"},
		{"too deep", strings.Repeat("[", 40) + strings.Repeat("]", 40), "$" + strings.Repeat("[0]", 33) + ": nested deeper than 32"},
		{"too large", leastConfig + strings.Repeat(" ", maxConfig), "$: larger than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(tc.text))
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestMistakesOfContent(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"a member that is not known", `"listen"`, `"lisen": "", "listen"`, "lisen: unknown member"},
		{"a member in another case", `"listen"`, `"Listen": "", "listen"`, "Listen: unknown member"},
		{"a member whose name is no word", `"listen"`, `"a b": "", "listen"`, `$["a b"]: unknown member`},
		{"a member given twice", `"listen"`, `"listen": "127.0.0.1:1", "listen"`, "listen: given twice"},
		{"a member given twice after unescaping", `"audiences"`, `"audi\u0065nces": ["a"], "audiences"`, "issuers[0].audiences: given twice"},
		{"opaque tokens and nobody to ask", `"all"`, `"accept": ["opaque"], "all"`, "routes[0].accept: opaque: no issuer of this route has introspection, so that nobody can be asked"},
		{"nobody to ask about JWTs", `"all"`, `"introspect": true, "all"`, "routes[0].introspect: not every issuer of this route has introspection: issuers[0]"},
		{"an unknown member of keys", `"audiences"`, `"keys": {"maxage": "5m"}, "audiences"`, "issuers[0].keys.maxage: unknown member"},
		{"an unknown member of identity_headers", `"listen"`, `"identity_headers": {"sub": ""}, "listen"`, "identity_headers.sub: unknown member"},

		{"a number for a string", `"127.0.0.1:8080"`, `8080`, "listen: must be a string"},
		{"null is not absence", `"127.0.0.1:8080"`, `null`, "listen: must be a string"},
		{"a string for a list", `["orders-api"]`, `"orders-api"`, "issuers[0].audiences: must be a list of strings"},
		{"a number in a list", `["orders-api"]`, `["orders-api", 7]`, "issuers[0].audiences[1]: must be a string"},
		{"nothing in a list", `["orders-api"]`, `["orders-api", ""]`, "issuers[0].audiences[1]: empty"},
		{"the same in a list again", `["orders-api"]`, `["orders-api", "orders-api"]`, "issuers[0].audiences[1]: given twice"},
		{"a string for a flag", `"all"`, `"public": "false", "all"`, "routes[0].public: must be true or false"},
		{"an issuer that is a string", `[{"issuer": "https://id.example.com", "audiences": ["orders-api"]}]`, `["https://id.example.com"]`, "issuers[0]: must be an object"},
		{"issuers that are no list", `[{"issuer": "https://id.example.com", "audiences": ["orders-api"]}]`, `{}`, "issuers: must be a list"},
		{"a section that is a list", `"listen"`, `"identity_headers": [], "listen"`, "identity_headers: must be an object"},
		{"a table with a number", `"all"`, `"claims": {"n": 7}, "all"`, "routes[0].claims.n: must be a string"},
		{"a table that names nothing", `"all"`, `"claims": {"": "x"}, "all"`, `routes[0].claims[""]: a member without a name`},
		{"a duration without a unit", `"audiences"`, `"leeway": "30", "audiences"`, `issuers[0].leeway: "30" is no duration such as 30s or 5m`},
		{"a duration that is a number", `"audiences"`, `"leeway": 30, "audiences"`, `issuers[0].leeway: must be a string`},
		{"a negative duration", `"audiences"`, `"keys": {"max_age": "-5m"}, "audiences"`, "issuers[0].keys.max_age: must be more than nothing"},

		{"no listen", `"listen": "127.0.0.1:8080",`, ``, "listen: required: the address to serve on, such as 127.0.0.1:8080"},
		{"an empty listen", `"127.0.0.1:8080"`, `""`, "listen: required: the address to serve on, such as 127.0.0.1:8080"},
		{"listen without a port", `"127.0.0.1:8080"`, `"127.0.0.1"`, "listen: must be host:port, such as 127.0.0.1:8080"},
		{"listen on a port out of range", `"127.0.0.1:8080"`, `"127.0.0.1:65536"`, "listen: the port must be a number from 0 to 65535"},
		{"admin_listen is listen", `"listen"`, `"admin_listen": "localhost:8080", "listen"`, "admin_listen: the same address as listen"},
		{"admin_listen is one of listen's addresses", `"listen": "127.0.0.1:8080"`, `"admin_listen": "127.0.0.1:8080", "listen": ":8080"`, "admin_listen: the same address as listen"},
		{"external_url with a path", `"listen"`, `"external_url": "https://api.example.com/", "listen"`, "external_url: must have no path, query or fragment, nor a slash at the end"},
		{"external_url without TLS", `"listen"`, `"external_url": "http://api.example.com", "listen"`, "external_url: must be https, unless it is a loopback address"},
		{"a realm with a line break", `"listen"`, `"realm": "a\nb", "listen"`, "realm: must be printable ASCII"},

		{"no upstream", `"upstream": "http://127.0.0.1:9000",`, ``, "upstream: required, as not every route names its own"},
		{"an upstream without a scheme", `http://127.0.0.1:9000`, `127.0.0.1:9000`, "upstream: must be an absolute URL such as http://127.0.0.1:9000"},
		{"an upstream of another scheme", `http://127.0.0.1:9000`, `ftp://127.0.0.1:9000`, "upstream: must be an absolute URL such as http://127.0.0.1:9000"},
		{"an upstream with a path", `http://127.0.0.1:9000`, `http://127.0.0.1:9000/base`, "upstream: must have no path, query or fragment: what the client asks for is forwarded as it is"},
		{"an upstream with a query", `http://127.0.0.1:9000`, `http://127.0.0.1:9000?`, "upstream: must have no path, query or fragment: what the client asks for is forwarded as it is"},
		{"an upstream with a password, which is not repeated", `http://127.0.0.1:9000`, `http://u:hunter2@127.0.0.1:9000`, "upstream: must not hold a user name or password"},
		{"an upstream that is listen", `http://127.0.0.1:9000`, `http://localhost:8080`, "upstream: the same address as listen: the gateway would call itself"},
		{"an upstream of a route that is listen", `"all"`, `"upstream": "http://127.0.0.1:8080", "all"`, "routes[0].upstream: the same address as listen: the gateway would call itself"},

		{"no issuers", `"issuers": [{"issuer": "https://id.example.com", "audiences": ["orders-api"]}],`, ``, "issuers: required: nobody could be admitted"},
		{"an issuer without a name", `"issuer": "https://id.example.com",`, ``, "issuers[0].issuer: required: the iss of its tokens"},
		{"an issuer without audiences", `, "audiences": ["orders-api"]`, ``, "issuers[0].audiences: required: the names under which this service is the audience of a token"},
		{"an issuer over http", `https://id.example.com`, `http://id.example.com`, "issuers[0].issuer: must be https, unless insecure_allow_http is true: who can change the answer can sign tokens"},
		{"keys over http", `"audiences"`, `"jwks_url": "http://id.example.com/keys", "audiences"`, "issuers[0].jwks_url: must be https, unless insecure_allow_http is true: who can change the answer can sign tokens"},
		{"an issuer that is no address and has no jwks_url", `https://id.example.com`, `id.example.com`, "issuers[0].issuer: must be an https URL, as keys are fetched from there"},
		{"the same issuer again", `["orders-api"]}`, `["orders-api"]}, {"issuer": "https://id.example.com", "audiences": ["b"]}`, "issuers[1].issuer: the same as issuers[0].issuer"},
		{"a preset that is not known", `"audiences"`, `"preset": "octa", "audiences"`, `issuers[0].preset: "octa" is none of auth0, cognito, entra-app, entra-v1, entra-v2, github-actions, hydra, keycloak, kubernetes, okta, spiffe`},
		{"the profile and another type", `"audiences"`, `"type": "JWT", "access_token_profile": true, "audiences"`, "issuers[0].access_token_profile: it stands for the type at+jwt and contradicts type"},
		{"the profile and a preset", `"audiences"`, `"preset": "hydra", "access_token_profile": true, "audiences"`, "issuers[0].access_token_profile: contradicts preset"},
		{"an algorithm with a shared secret", `"audiences"`, `"algorithms": ["RS256", "HS256"], "audiences"`, `issuers[0].algorithms[1]: "HS256" is not supported: asymmetric algorithms only`},
		{"none is no algorithm", `"audiences"`, `"algorithms": ["none"], "audiences"`, `issuers[0].algorithms[0]: "none" is not supported: asymmetric algorithms only`},
		{"a leeway without reason", `"audiences"`, `"leeway": "3m", "audiences"`, "issuers[0].leeway: token: Policy.Leeway is 3m0s, more than 2m0s"},
		{"a ceiling that is no scope", `"audiences"`, `"scopes_allowed": ["a b"], "audiences"`, `issuers[0].scopes_allowed[0]: "a b" is no scope: printable ASCII without blanks, quotes and backslashes`},

		{"audiences and client ids of Cognito", `"audiences"`, `"preset": "cognito", "client_ids": ["b"], "audiences"`, "issuers[0].client_ids: contradicts audiences, which are the client ids of this preset: its tokens name no audience"},
		{"an issuer that the preset's product cannot have", `"audiences"`, `"preset": "keycloak", "audiences"`, `issuers[0].preset: token: preset keycloak: "https://id.example.com" is not its issuer: it ends in /realms/{realm}`},
		{"a claim that contradicts what the preset demands", `"issuer": "https://id.example.com"`, `"issuer": "https://id.example.com/realms/a", "preset": "keycloak", "required_claims": {"typ": "ID"}`, `issuers[0].required_claims.typ: contradicts the preset, which demands "Bearer"`},
		{"a required claim that is never a string", `"audiences"`, `"required_claims": {"exp": "x"}, "audiences"`, `issuers[0].required_claims: token: Policy.RequiredClaims["exp"] has a value, but the claim is never a string`},
		{"a scope claim with a meaning of its own", `"audiences"`, `"scope_claims": ["scp", "sub"], "audiences"`, `issuers[0].scope_claims[1]: "sub" has a meaning of its own`},
		{"a grant claim that is a scope claim", `"audiences"`, `"grant_claims": ["scp"], "audiences"`, `issuers[0].grant_claims: token: Policy.GrantClaims: "scp" is a scope claim already`},
		{"an audience with a blank", `["orders-api"]`, `["orders-api", "b "]`, `issuers[0].audiences[1]: "b " has white space around it`},
		{"a type that is none", `"audiences"`, `"type": "at jwt", "audiences"`, `issuers[0].type: token: Policy.Type "at jwt" is no media type`},
		{"keys that are stale before they are due", `"audiences"`, `"keys": {"max_age": "2m", "max_stale": "1m"}, "audiences"`, "issuers[0].keys.max_stale: jwks: MaxStale is 1m0s, the least is 2m0s"},
		{
			"keys asked for all the time", `"audiences"`, `"keys": {"max_age": "1ms", "min_interval": "1ms", "timeout": "1ms"}, "audiences"`,
			"issuers[0].keys.max_age: jwks: MaxAge is 1ms, the least is 1s\n" +
				"issuers[0].keys.min_interval: jwks: MinInterval is 1ms, the least is 1s\n" +
				"issuers[0].keys.timeout: jwks: Timeout is 1ms, the least is 100ms",
		},
		{"the same snapshot file again", `["orders-api"]}`, `["orders-api"], "keys": {"snapshot": "/a"}}, {"issuer": "https://b.example.com", "audiences": ["b"], "keys": {"snapshot": "/a"}}`, "issuers[1].keys.snapshot: the same file as issuers[0].keys.snapshot"},
		{"keys at a metadata address", `"audiences"`, `"jwks_url": "https://169.254.169.254/keys", "audiences"`, "issuers[0].jwks_url: jwks: the key set URL leads to a link-local or metadata address"},
		{"a password in jwks_url, which is not repeated", `"audiences"`, `"jwks_url": "https://u:hunter2@id.example.com/keys", "audiences"`, "issuers[0].jwks_url: must have no user name, password or fragment"},

		{"a pattern with a host", `GET /orders/v1/{id}`, `GET id.example.com/orders`, `routes[0].pattern: "GET id.example.com/orders": the path must begin with a slash, and hosts are not supported`},
		{
			"patterns of which neither is more specific", `"all": ["orders:read"]}`, `"all": ["orders:read"]}, {"pattern": "GET /{a}/v1/x"}, {"pattern": "GET /other"}, {"pattern": "GET /orders/{b}/{c}"}, {"pattern": "GET /{d}/v1/y"}`,
			"routes[1].pattern: conflicts with routes[0].pattern: some requests match both, and neither is more specific\n" +
				"routes[4].pattern: conflicts with routes[0].pattern: some requests match both, and neither is more specific",
		},
		{"the same pattern again", `"all": ["orders:read"]}`, `"all": ["orders:read"]}, {"pattern": "GET /orders/v1/{other}"}`, "routes[1].pattern: conflicts with routes[0].pattern: some requests match both, and neither is more specific"},
		{"a route in the place of the metadata", `"routes": [`, `"external_url": "https://api.example.com", "routes": [{"pattern": "GET /.well-known/oauth-protected-resource"}, `, "external_url: a route has the place of its metadata, GET /.well-known/oauth-protected-resource"},
		{"an identity header with another meaning", `"listen"`, `"identity_headers": {"subject": "Authorization"}, "listen"`, `identity_headers.subject: forward: Subject: "Authorization" has another meaning`},
		{"two identity headers that a backend may take for one", `"listen"`, `"identity_headers": {"claims": {"a": "X-A", "b": "x_a"}}, "listen"`, `identity_headers.claims.b: forward: Claims["b"]: "x_a" is the same as that of Claims["a"]`},
		{"a claim without a header", `"listen"`, `"identity_headers": {"claims": {"a": ""}}, "listen"`, `identity_headers.claims.a: forward: Claims["a"]: "" is no header name`},

		{"no routes", `"routes": [{"pattern": "GET /orders/v1/{id}", "all": ["orders:read"]}]`, `"routes": []`, "routes: required: what no route names is refused"},
		{"a route without a pattern", `"pattern": "GET /orders/v1/{id}",`, ``, "routes[0].pattern: required: such as GET /orders/{id}"},
		{"a scope that is two", `"orders:read"`, `"orders:read orders:write"`, `routes[0].all[0]: "orders:read orders:write" is no scope: printable ASCII without blanks, quotes and backslashes`},
		{"a public route with scopes", `"all"`, `"public": true, "all"`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
		{"a public route with claims", `"all": ["orders:read"]`, `"public": true, "claims": {"a": "b"}`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
		{"a public route with issuers", `"all": ["orders:read"]`, `"public": true, "issuers": ["https://id.example.com"]`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
		{"a route of an issuer that is not configured", `"all"`, `"issuers": ["https://id.example.com/"], "all"`, "routes[0].issuers[0]: not the issuer of any member of issuers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, leastConfig, tc.old, tc.new))))
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestAllMistakesComeTogetherInTheOrderOfTheFile(t *testing.T) {
	_, err := parseConfig([]byte(`{
	  "routes": [{"pattern": "GET /a", "public": 1}, {"patern": "GET /b"}],
	  "listen": "here",
	  "issuers": [{"issuer": "http://id.example.com", "audiences": [], "leeway": "x"}],
	  "upstream": "http://127.0.0.1:9000/x",
	  "redis": {"url": ""}
	}`))
	require.EqualError(t, err, strings.Join([]string{
		"routes[0].public: must be true or false",
		"routes[1].pattern: required: such as GET /orders/{id}",
		"routes[1].patern: unknown member",
		"listen: must be host:port, such as 127.0.0.1:8080",
		"issuers[0].issuer: must be https, unless insecure_allow_http is true: who can change the answer can sign tokens",
		"issuers[0].audiences: required: the names under which this service is the audience of a token",
		`issuers[0].leeway: "x" is no duration such as 30s or 5m`,
		"upstream: must have no path, query or fragment: what the client asks for is forwarded as it is",
		"redis: no issuer has introspection, revocation is off, and there are no quotas: there is nothing to share",
		"redis.key_file: required: a file with at least 32 random bytes in base64, the same for all gateways",
		"redis.url: required: such as rediss://user:password@redis.example.com:6379/0",
	}, "\n"))
}

func TestALongListOfMistakesEnds(t *testing.T) {
	_, err := parseConfig([]byte(`{"routes": [` + strings.Repeat(`7,`, 5000) + `7]}`))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, maxReported+1)
	require.Equal(t, "$: and 4904 mistakes more", lines[maxReported])
}

func TestLoadConfigReadsNoMoreThanItTakes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(name, []byte(leastConfig), 0o600))
	_, err := loadConfig(name)
	require.NoError(t, err)

	require.NoError(t, os.Truncate(name, 1<<40)) // a sparse file of a terabyte
	_, err = loadConfig(name)
	require.EqualError(t, err, "$: larger than 1048576 bytes")

	_, err = loadConfig(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatAPresetDemandsStaysDemanded(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		want           map[string]string
	}{
		{
			"beside other claims", `"issuer": "https://id.example.com"`, `"issuer": "https://id.example.com/realms/a", "preset": "keycloak", "required_claims": {"tenant": "acme", "jti": "", "azp": "shop"}`,
			map[string]string{"tenant": "acme", "typ": "Bearer", "jti": "", "azp": "shop", "sub": "", "exp": "", "iat": ""},
		},
		{
			"where the same claim is only to be present", `"issuer": "https://id.example.com"`, `"issuer": "https://id.example.com/realms/a", "preset": "keycloak", "required_claims": {"typ": ""}`,
			map[string]string{"typ": "Bearer", "jti": "", "sub": "", "exp": "", "iat": ""},
		},
		{
			"by the profile too", `"audiences"`, `"access_token_profile": true, "required_claims": {"client_id": "shop"}, "audiences"`,
			map[string]string{"iss": "", "exp": "", "aud": "", "sub": "", "client_id": "shop", "iat": "", "jti": ""},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := parseConfig([]byte(edit(t, leastConfig, tc.old, tc.new)))
			require.NoError(t, err)
			require.Equal(t, tc.want, c.issuers[0].policy(newMistakes()).RequiredClaims)
		})
	}
}

func TestEveryMemberReachesThePolicy(t *testing.T) {
	c, err := parseConfig([]byte(withFiles(fullConfig)))
	require.NoError(t, err)
	p := c.issuers[0].policy(newMistakes())
	require.Equal(t, token.Policy{
		Issuer: "https://id.example.com", Audiences: []string{"orders-api"}, ClientIDs: []string{"shop"}, Type: "at+jwt",
		Algorithms: []string{"RS256", "ES256"}, Leeway: 30 * time.Second, MaxLifetime: time.Hour,
		RequiredClaims: map[string]string{"tenant": "acme", "email": ""}, ScopeClaims: []string{"scp"}, GrantClaims: []string{"roles"},
		ScopesAllowed: []string{"orders:read", "orders:write"},
	}, p)
	o := c.issuers[0].keyOptions(newMistakes())
	require.Equal(t, &jwks.Options{
		MaxAge: 5 * time.Minute, MinInterval: 15 * time.Second, MaxStale: 24 * time.Hour, Timeout: 5 * time.Second,
		Snapshot: "/var/lib/gateway/keys.json", InsecureAllowHTTP: true,
	}, o)
	asking := c.issuers[0].introspection.options(newMistakes())
	require.Equal(t, &introspect.Options{TTL: 20 * time.Second, NegativeTTL: 2 * time.Second, Timeout: 3 * time.Second}, asking)
}
