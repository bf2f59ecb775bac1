package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMistakesOfQuotas(t *testing.T) {
	const good = `"name": "orders", "limit": 10, "window": "1m"`
	for _, tc := range []struct{ name, quota, route, want string }{
		{"the least", good, `"quota": "orders"`, ""},
		{"everything", good + `, "by": "claim", "claim": "tenant", "redis_down": "local"`, `"quota": "orders"`, ""},
		{"nothing", ``, `"quota": ""`, "quotas[0].limit: required: how many requests there are in a window\n" +
			"quotas[0].name: required: what routes call it\nquotas[0].window: required: the time in which an empty quota fills up, such as 1m"},
		{
			"a name that fields cannot carry", `"name": "a b", "limit": 10, "window": "1m"`, `"quota": ""`,
			"quotas[0].name: quota: Name is not made of 1 to 64 letters, digits, and - _ . characters",
		},
		{"half a second", `"name": "a", "limit": 10, "window": "500ms"`, `"quota": ""`, "quotas[0].window: quota: Window 500ms is not from 1s to 8784h0m0s in whole seconds\n" +
			"quotas[0].limit: quota: Window 500ms is not from 1s to 8784h0m0s in whole seconds"},
		{"by nobody we know", good + `, "by": "address"`, `"quota": ""`, `quotas[0].by: "address" is none of subject, client, claim`},
		{"by no claim in particular", good + `, "by": "claim"`, `"quota": ""`, `quotas[0].claim: names the claim to count by, and goes with "by": "claim"`},
		{"a policy that is none", good + `, "redis_down": "maybe"`, `"quota": ""`, `quotas[0].redis_down: "maybe" is none of closed, local, open`},
		{"a quota that is not there", good, `"quota": "reports"`, "routes[0].quota: not the name of any member of quotas"},
		{"a public route", good, `"quota": "orders", "public": true`, "routes[0].quota: contradicts public: there is nobody to count for"},
		{"an unknown member", good + `, "per": "1m"`, `"quota": ""`, "quotas[0].per: unknown member"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(edit(t, leastConfig, `"listen"`, `"quotas": [{`+tc.quota+`}], "listen"`, `"all": ["orders:read"]`, tc.route)))
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.ElementsMatch(t, lines(tc.want), lines(err.Error()))
		})
	}
}

func TestAQuotaOfARoute(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler(), members{
		"quotas": []any{members{"name": "orders", "limit": 2, "window": "1h"}},
		"routes": []any{
			members{"pattern": "/", "all": []string{"orders:read"}},
			members{"pattern": "/orders/", "all": []string{"orders:read"}, "quota": "orders"},
		},
	})
	alice, bob := w.token(members{"sub": "alice"}), w.token(members{"sub": "bob"})
	for _, want := range []int{404, 404, 429} {
		require.Equal(t, want, w.get("/orders/a", alice).StatusCode)
	}
	res := w.get("/orders/a", alice)
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Equal(t, `"orders";q=2;w=3600`, res.Header.Get("Ratelimit-Policy"))
	require.Equal(t, http.StatusNotFound, w.get("/a", alice).StatusCode, "another route")
	require.Equal(t, http.StatusNotFound, w.get("/orders/a", bob).StatusCode, "another subject")
	require.Equal(t, http.StatusUnauthorized, w.get("/orders/a", "").StatusCode)
}

func TestTwoGatewaysCountTogether(t *testing.T) {
	first := newWorld(t, http.NotFoundHandler())
	redis := startRedis(t).section()
	start := func() *world {
		w := &world{t: t, issuer: first.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
		w.start(w.config(http.NotFoundHandler(), redis, members{
			"quotas": []any{members{"name": "orders", "limit": 3, "window": "1h", "by": "claim", "claim": "tenant"}},
			"routes": []any{members{"pattern": "/", "quota": "orders"}},
		}))
		require.NoError(t, w.server.gateway.issuers[0].keys.Refresh(t.Context()))
		return w
	}
	a, b := start(), start()
	one, two := a.token(members{"sub": "alice", "tenant": "acme"}), a.token(members{"sub": "bob", "tenant": "acme"})
	require.Equal(t, http.StatusNotFound, a.get("/a", one).StatusCode)
	require.Equal(t, http.StatusNotFound, b.get("/a", two).StatusCode)
	require.Equal(t, http.StatusNotFound, a.get("/a", two).StatusCode)
	require.Equal(t, http.StatusTooManyRequests, b.get("/a", one).StatusCode)
	require.Equal(t, http.StatusTooManyRequests, a.get("/a", one).StatusCode)
	require.Equal(t, http.StatusNotFound, b.get("/a", a.token(members{"tenant": "umbrella"})).StatusCode)
}
