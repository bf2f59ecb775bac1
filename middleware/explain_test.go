package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

func TestExplain(t *testing.T) {
	routes := newRoutes(t,
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "/assets/", Public: true},
		middleware.Rule{Pattern: "/orders/"},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.Any("orders:read", "orders:admin")},
		middleware.Rule{
			Pattern: "DELETE /orders/{id}", Authenticator: as("a", ""), Issuers: []string{"https://id.example"}, Scope: scope.All("orders:write"),
			Check: func(*http.Request, middleware.Identity) error { return nil },
		},
	)
	for _, row := range []struct {
		name    string
		r       *http.Request
		pattern string
		status  int
		line    string
	}{
		{"public", get("/healthz"), "GET /healthz", 0, `rule "GET /healthz": matches "GET" "/healthz"; is public`},
		{"an identity", request("PUT", "/orders/7"), "/orders/", 0, `rule "/orders/": matches "PUT" "/orders/7"; needs an identity`},
		{
			"a scope, and the rule that is less specific", request("HEAD", "/orders/7"), "GET /orders/{id}", 0,
			`rule "GET /orders/{id}": matches "HEAD" "/orders/7"; is more specific than "/orders/"; needs an identity, with scope Any("orders:read", "orders:admin")`,
		},
		{
			"all there is", request("DELETE", "/orders/7"), "DELETE /orders/{id}", 0,
			`rule "DELETE /orders/{id}": matches "DELETE" "/orders/7"; is more specific than "/orders/"; needs an identity by its own authenticator, of issuer ["https://id.example"], with scope All("orders:write"), that passes its check`,
		},
		{
			"a preflight", request("OPTIONS", "/assets/x", "Origin: a", "Access-Control-Request-Method: GET"), "/assets/", 0,
			`rule "/assets/": matches "OPTIONS" "/assets/x"; is public, but does not name OPTIONS, so that a preflight needs an identity`,
		},
		{"no rule", get("/nothing"), "", 403, `403: no rule matches "GET" "/nothing"`},
		{"no rule for the method", request("POST", "/healthz"), "", 403, `403: no rule matches "POST" "/healthz"; its path alone matches "GET /healthz"`},
		{"what a client sent is quoted", get("/a%20%22b"), "", 403, `403: no rule matches "GET" "/a \"b"`},
		{
			"too long beside its headers", get("/"+strings.Repeat("x", 512), "Cookie: "+strings.Repeat("x", 9<<10)), "", 414,
			`414: the path of "GET" has more than 512 bytes, and more than 9216 together with the headers, with 32 more for each of these, and each cookie`,
		},
		{
			"escaped too often", get("/" + strings.Repeat("%41", 129)), "", 414,
			`414: the path of "GET" has more than 128 escapes, and is spelled otherwise than url.URL would`,
		},
		{"too long and escaped too often", get("/" + strings.Repeat("%41", 4<<10)), "", 414, `414: the path of "GET" has more than 8192 bytes`},
		{"too long", get("/" + strings.Repeat("x", 8<<10)), "", 414, `414: the path of "GET" has more than 8192 bytes`},
		{"ambiguous", get("/a//b"), "", 400, `400: the request target of "GET" is ambiguous`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := routes.Explain(row.r)
			require.Equal(t, row.pattern, got.Pattern)
			require.Equal(t, row.status, got.Status)
			require.Equal(t, row.line, got.String())
		})
	}
}

// Explain and the guard must not tell two stories.
func TestExplainAgreesWithTheGuard(t *testing.T) {
	routes := newRoutes(t, middleware.Rule{Pattern: "GET /a", Public: true}, middleware.Rule{Pattern: "/b/"})
	h := newGuard(t, failing(middleware.ErrNoCredentials)).Routes(routes)(reached)
	for _, r := range []*http.Request{get("/a"), get("/b/c"), get("/c"), get("/a//"), request("HEAD", "/a"), request("POST", "/a"), request("CONNECT", "/a")} {
		e, code := routes.Explain(r), serve(h, r).Code
		switch e.Pattern {
		case "GET /a":
			require.Equal(t, 200, code)
		case "/b/":
			require.Equal(t, 401, code)
		default:
			require.Equal(t, e.Status, code)
		}
	}
}
