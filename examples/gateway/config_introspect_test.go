package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// askable is the least section of an issuer that can be asked.
const askable = `"introspection": {"endpoint": "https://id.example.com/introspect", "client_id": "gateway", "client_secret_file": "SECRET-FILE"}`

// askableConfig has an issuer that can be asked, and one that cannot.
const askableConfig = `{
  "listen": "127.0.0.1:8080",
  "upstream": "http://127.0.0.1:9000",
  "issuers": [
    {"issuer": "https://id.example.com", "audiences": ["orders-api"], ` + askable + `},
    {"issuer": "https://ci.example.com", "audiences": ["orders-api"]}
  ],
  "routes": [{"pattern": "GET /orders/v1/{id}", "all": ["orders:read"]}]
}`

func TestGoodConfigurationsOfIntrospection(t *testing.T) {
	for _, tc := range []struct{ name, old, new string }{
		{"the least", `"listen"`, `"listen"`},
		{"empty strings and lists mean the defaults", `"client_id": "gateway"`, `"client_id": "gateway", "auth": "", "ttl": "", "negative_ttl": "", "timeout": "", "signed": false`},
		{"an access token instead of a client", `"client_id": "gateway"`, `"auth": "bearer"`},
		{"an access token and signed answers", `"client_id": "gateway"`, `"client_id": "gateway", "auth": "bearer", "signed": true`},
		{"an endpoint with a query", `.com/introspect`, `.com/introspect?tenant=a`},
		{"no kind means any", `"all"`, `"accept": [], "introspect": false, "all"`},
		{"an empty list and nothing else on a public route", `"all": ["orders:read"]`, `"public": true, "accept": []`},
		{"each kind by itself", `"all"`, `"accept": ["opaque"]}, {"pattern": "/b", "accept": ["jwt"]}, {"pattern": "/c", "accept": ["opaque", "jwt"], "all"`},
		{"any kind where the only issuer cannot be asked", `"all"`, `"issuers": ["https://ci.example.com"], "all"`},
		{"introspect where the only issuer can be asked", `"all"`, `"issuers": ["https://id.example.com"], "introspect": true, "all"`},
		{"one that can be asked beside one that cannot", `"all"`, `"issuers": ["https://id.example.com", "https://ci.example.com"], "accept": ["opaque"], "all"`},
		{"two that can be asked, and each route names one or takes no opaque tokens", `["orders-api"]}
  ],
  "routes": [{"pattern": "GET /orders/v1/{id}", "all": ["orders:read"]}]`, `["orders-api"], ` + askable + `}],
  "routes": [
    {"pattern": "/a", "accept": ["opaque"], "issuers": ["https://id.example.com"]}, {"pattern": "/b", "issuers": ["https://ci.example.com"]},
    {"pattern": "/c", "accept": ["jwt"], "introspect": true}, {"pattern": "/d", "public": true}]`},
		{"Redis", `"listen"`, `"redis": {"url": "redis://:pass@redis:6379", "key_file": "KEY-FILE"}, "listen"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, askableConfig, tc.old, tc.new))))
			require.NoError(t, err)
		})
	}
}

func TestMistakesOfIntrospection(t *testing.T) {
	const section = "issuers[0].introspection"
	redis := func(url, file string) string {
		return `"redis": {"url": "` + url + `", "key_file": "` + file + `"}, "listen"`
	}
	two := `["orders-api"], ` + askable + `}
  ],`
	for _, tc := range []struct{ name, old, new, want string }{
		{
			"a section without anything", askable, `"introspection": {}`, section + ".client_id: required: who the gateway is to the endpoint\n" +
				section + ".client_secret_file: required: the file that holds the client secret, or with bearer an access token of the gateway's own\n" +
				section + ".endpoint: required: where the issuer tells about its tokens (RFC 7662)",
		},
		{"a section that is no object", askable, `"introspection": true`, section + ": must be an object\n" +
			section + ".client_id: required: who the gateway is to the endpoint\n" +
			section + ".client_secret_file: required: the file that holds the client secret, or with bearer an access token of the gateway's own\n" +
			section + ".endpoint: required: where the issuer tells about its tokens (RFC 7662)"},
		{"an unknown member", `"client_id"`, `"client_secret": "hunter2", "client_id"`, section + ".client_secret: unknown member"},
		{"an empty endpoint", `https://id.example.com/introspect`, ``, section + ".endpoint: required: where the issuer tells about its tokens (RFC 7662)"},
		{"an endpoint that is no address", `https://id.example.com/introspect`, `/introspect`, section + ".endpoint: must be an https URL, as tokens and the client secret are sent there"},
		{"an endpoint without TLS", `https://id.example.com/introspect`, `http://id.example.com/introspect`, section + ".endpoint: must be https, unless insecure_allow_http is true: who can read what is sent has the tokens, who can change the answer decides who is admitted"},
		{"an endpoint with a password, which is not repeated", `https://id.example.com/introspect`, `https://u:hunter2@id.example.com/introspect`, section + ".endpoint: must have no user name, password or fragment"},
		{"an endpoint with a fragment", `.com/introspect`, `.com/introspect#`, section + ".endpoint: must have no user name, password or fragment"},
		{"a way to authenticate that is not known", `"client_id"`, `"auth": "basic", "client_id"`, section + `.auth: "basic" is none of client_secret_basic, client_secret_post, bearer`},
		{"a way that no file can carry yet", `"client_id"`, `"auth": "private_key_jwt", "client_id"`, section + `.auth: "private_key_jwt" is none of client_secret_basic, client_secret_post, bearer`},
		{"no client", `"client_id": "gateway", `, ``, section + ".client_id: required: who the gateway is to the endpoint"},
		{"a client with a blank", `"gateway"`, `"gateway "`, section + `.client_id: "gateway " has white space around it`},
		{"a client that says nothing", `"client_id"`, `"auth": "bearer", "client_id"`, section + ".client_id: means nothing with bearer, unless signed is true"},
		{"signed answers for nobody", `"client_id": "gateway"`, `"auth": "bearer", "signed": true`, section + ".client_id: required: a signed answer says for whom it is"},
		{"no secret", `, "client_secret_file": "SECRET-FILE"`, ``, section + ".client_secret_file: required: the file that holds the client secret, or with bearer an access token of the gateway's own"},
		{"a secret file that is not there", `SECRET-FILE`, `NO-FILE`, section + ".client_secret_file: not read: no such file or directory"},
		{"a secret file that holds nothing", `SECRET-FILE`, `EMPTY-FILE`, section + ".client_secret_file: empty"},
		{"a secret file that is large", `SECRET-FILE`, `LARGE-FILE`, section + ".client_secret_file: larger than 16384 bytes"},
		{"a secret file that is a directory", `SECRET-FILE`, `DIRECTORY`, section + ".client_secret_file: no regular file"},
		{"a secret file that never ends", `SECRET-FILE`, `/dev/zero`, section + ".client_secret_file: no regular file"},
		{"an access token that no header carries", `"client_id": "gateway", "client_secret_file": "SECRET-FILE"`, `"auth": "bearer", "client_secret_file": "TWO-WORDS-FILE"`, section + ".client_secret_file: holds a byte that no access token has"},
		{
			"times out of bounds", `"client_id"`, `"ttl": "2h", "negative_ttl": "2m", "timeout": "1ms", "client_id"`,
			section + ".ttl: introspect: Options.TTL is 2h0m0s, not between 1ms and 1h0m0s\n" +
				section + ".negative_ttl: introspect: Options.NegativeTTL is 2m0s, not between 1ms and 1m0s\n" +
				section + ".timeout: introspect: Options.Timeout is 1ms, not between 10ms and 1m0s",
		},
		{"a time that is none", `"client_id"`, `"ttl": "soon", "client_id"`, section + `.ttl: "soon" is no duration such as 30s or 5m`},
		{"a flag that is none", `"client_id"`, `"signed": "yes", "client_id"`, section + ".signed: must be true or false"},
		{"an issuer whose tokens name no audience", `"audiences"`, `"preset": "cognito", "audiences"`, section + ": contradicts preset: its tokens name no audience, so that nobody could tell for whom an opaque one is"},

		{"a kind that is not known", `"all"`, `"accept": ["jwt", "saml"], "all"`, `routes[0].accept[1]: "saml" is none of jwt, opaque, mtls`},
		{"a kind in another case", `"all"`, `"accept": ["JWT"], "all"`, `routes[0].accept[0]: "JWT" is none of jwt, opaque, mtls`},
		{"an empty kind", `"all"`, `"accept": [""], "all"`, "routes[0].accept[0]: empty"},
		{"a kind twice", `"all"`, `"accept": ["jwt", "jwt"], "all"`, "routes[0].accept[1]: given twice"},
		{"kinds that are no list", `"all"`, `"accept": "jwt", "all"`, "routes[0].accept: must be a list of strings"},
		{"opaque tokens of an issuer that cannot be asked", `"all"`, `"accept": ["jwt", "opaque"], "issuers": ["https://ci.example.com"], "all"`, "routes[0].accept: opaque: no issuer of this route has introspection, so that nobody can be asked"},
		{"a public route that takes a kind", `"all": ["orders:read"]`, `"public": true, "accept": ["jwt"]`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
		{"a public route that asks the issuer", `"all": ["orders:read"]`, `"public": true, "introspect": true`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
		{"introspect of an issuer that cannot be asked", `"all"`, `"introspect": true, "all"`, "routes[0].introspect: not every issuer of this route has introspection: issuers[1]"},
		{"introspect of no JWT", `"all"`, `"accept": ["opaque"], "introspect": true, "all"`, "routes[0].introspect: contradicts accept: it is about JWTs"},
		{"introspect that is no flag", `"all"`, `"introspect": 1, "all"`, "routes[0].introspect: must be true or false"},
		{"two to ask about opaque tokens", `["orders-api"]}
  ],`, two, "routes[0].issuers: opaque tokens name no issuer: name one of those with introspection (issuers[0], issuers[1]), or accept jwt only"},
		{
			"two to ask about opaque tokens, although the route names both", `["orders-api"]}
  ],
  "routes": [{`, two + `
  "routes": [{"issuers": ["https://id.example.com", "https://ci.example.com"], `,
			"routes[0].issuers: opaque tokens name no issuer: name one of those with introspection (issuers[0], issuers[1]), or accept jwt only",
		},

		{"Redis without anything", `"listen"`, `"redis": {}, "listen"`, "redis.key_file: required: a file with at least 32 random bytes in base64, the same for all gateways\nredis.url: required: such as rediss://user:password@redis.example.com:6379/0"},
		{"Redis with nothing to share", `"issuers": [
    {"issuer": "https://id.example.com", "audiences": ["orders-api"], ` + askable + `},`, `"redis": {"url": "redis://redis", "key_file": "KEY-FILE"}, "issuers": [`, "redis: no issuer has introspection, revocation is off, and there are no quotas: there is nothing to share"},
		{"an unknown member of redis", `"listen"`, `"redis": {"url": "redis://redis", "key_file": "KEY-FILE", "db": "1"}, "listen"`, "redis.db: unknown member"},
		{"Redis by another scheme", `"listen"`, redis("unix:///redis.sock", "KEY-FILE"), "redis.url: must be a URL such as rediss://user:password@redis.example.com:6379/0"},
		{"Redis without a host", `"listen"`, redis("redis://:6379", "KEY-FILE"), "redis.url: must be a URL such as rediss://user:password@redis.example.com:6379/0"},
		{"Redis by a database that is no number, and the password is not repeated", `"listen"`, redis("redis://u:hunter2@redis/x", "KEY-FILE"), "redis.url: must be a URL such as rediss://user:password@redis.example.com:6379/0"},
		{"Redis on a port out of range", `"listen"`, redis("redis://redis:0", "KEY-FILE"), "redis.url: must be a URL such as rediss://user:password@redis.example.com:6379/0"},
		{"Redis whose certificate is not looked at", `"listen"`, redis("rediss://redis?skip_verify=true", "KEY-FILE"), "redis.url: must have no query or fragment"},
		{"a key file that is not there", `"listen"`, redis("redis://redis", "NO-FILE"), "redis.key_file: not read: no such file or directory"},
		{"a key that is short", `"listen"`, redis("redis://redis", "SHORT-KEY-FILE"), "redis.key_file: must hold at least 32 random bytes in base64, such as openssl rand -base64 32 writes"},
		{"a key that is not base64", `"listen"`, redis("redis://redis", "RAW-KEY-FILE"), "redis.key_file: must hold at least 32 random bytes in base64, such as openssl rand -base64 32 writes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, askableConfig, tc.old, tc.new))))
			require.EqualError(t, err, tc.want)
		})
	}
}
