package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMistakesOfLimitsAndRevocation(t *testing.T) {
	for _, tc := range []struct{ name, section, want string }{
		{"a limit of nothing in particular", `"failed_auth_limit": {}`, ""},
		{"revocation by a file", `"revocation": {"files": ["a"], "urls": [], "every": "", "max_stale": "", "insecure_open": false}`, ""},
		{"a limit that is no number", `"failed_auth_limit": {"per_minute": "60"}`, "failed_auth_limit.per_minute: must be a whole number, at least 1"},
		{"a limit of half", `"failed_auth_limit": {"burst": 0.5}`, "failed_auth_limit.burst: must be a whole number, at least 1"},
		{"a limit that is none", `"failed_auth_limit": {"per_minute": 0}`, "failed_auth_limit.per_minute: must be a whole number, at least 1"},
		{"everybody for a proxy", `"failed_auth_limit": {"trusted_proxies": ["127.0.0.1"]}`, `failed_auth_limit.trusted_proxies[0]: "127.0.0.1" must be a range of addresses such as 10.0.0.0/8, without bits set outside of it`},
		{"an unknown member of the limit", `"failed_auth_limit": {"per_hour": 1}`, "failed_auth_limit.per_hour: unknown member"},
		{"decisions in the log", `"audit": {}`, ""},
		{"decisions in a file that cannot be", `"audit": {"file": "DIRECTORY"}`, "audit.file: not read: is a directory"},
		{"a key that is too short", `"audit": {"key_file": "SHORT-KEY-FILE"}`, "audit.key_file: must hold at least 32 random bytes in base64, such as openssl rand -base64 32 writes"},
		{"a sample of none", `"audit": {"sample_allowed": 0}`, "audit.sample_allowed: must be a whole number, at least 1"},
		{"an unknown member of audit", `"audit": {"level": "info"}`, "audit.level: unknown member"},
		{"metrics without a place", `"metrics": {}`, "admin_listen: required with metrics: they are served there"},
		{"metrics", `"admin_listen": "127.0.0.1:8081", "metrics": {}`, ""},
		{"revocation by nobody", `"revocation": {}`, "revocation: needs files, urls, events or redis: nobody could ever be cut off"},
		{"an address that is not https", `"revocation": {"urls": ["http://id.example.com/"]}`, "revocation.urls[0]: the address is not https"},
		{"too often", `"revocation": {"files": ["a"], "every": "10ms"}`, "revocation.every: revocation: Every is 10ms, less than 1s"},
		{"stale before it is read again", `"revocation": {"files": ["a"], "every": "10s", "max_stale": "15s"}`, "revocation.max_stale: revocation: MaxStale is 15s, less than twice Every"},
		{"an unknown member of revocation", `"revocation": {"file": "a"}`, "revocation.file: unknown member"},
		{"events without anything", `"revocation": {"events": {}}`, "revocation.events.audience: required: the aud of the events, as agreed on with the issuer\n" +
			"revocation.events.issuer: required: the issuer that sends events about its tokens\n" +
			"revocation.events.path: required: where the issuer posts events, such as /events"},
		{
			"events of a stranger", `"revocation": {"events": {"path": "/events", "issuer": "https://other.example.com", "audience": "a"}}`,
			"revocation.events.issuer: not the issuer of any member of issuers",
		},
		{
			"events at a place with a variable", `"revocation": {"events": {"path": "/{a}", "issuer": "https://id.example.com", "audience": "a"}}`,
			"revocation.events.path: required: where the issuer posts events, such as /events",
		},
		{
			"events without their secret", `"revocation": {"events": {"path": "/events", "issuer": "https://id.example.com", "audience": "a", "authorization_file": "NO-FILE"}}`,
			"revocation.events.authorization_file: not read: no such file or directory",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, leastConfig, `"listen"`, tc.section+`, "listen"`))))
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
	_, err := parseConfig([]byte(edit(t, leastConfig, `"listen"`,
		`"revocation": {"events": {"path": "/orders/v1/events", "issuer": "https://id.example.com", "audience": "a"}}, "listen"`,
		`GET /orders/v1/{id}`, `POST /{x...}`)))
	require.NoError(t, err, "the events are more specific")
	_, err = parseConfig([]byte(edit(t, leastConfig, `"listen"`,
		`"revocation": {"events": {"path": "/events", "issuer": "https://id.example.com", "audience": "a"}}, "listen"`, `GET /orders/v1/{id}`, `POST /events`)))
	require.EqualError(t, err, "revocation.events.path: a route has its place, POST /events")
}

func lines(text string) []string { return strings.Split(text, "\n") }
