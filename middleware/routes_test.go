package middleware_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

func TestNewRoutesReportsEveryMistake(t *testing.T) {
	check := func(*http.Request, middleware.Identity) error { return nil }
	for _, row := range []struct {
		name  string
		rules []middleware.Rule
		want  []string
	}{
		{"an empty pattern", []middleware.Rule{{}}, []string{`rule 1 (""): the path must begin with a slash`}},
		{"a method alone", []middleware.Rule{{Pattern: "GET"}}, []string{"must begin with a slash"}},
		{"a host", []middleware.Rule{{Pattern: "GET api.example/x"}}, []string{"hosts are not supported"}},
		{"a host without a method", []middleware.Rule{{Pattern: "api.example/x"}}, []string{"hosts are not supported"}},
		{"a method in lower case", []middleware.Rule{{Pattern: "get /x"}}, []string{`method "get" is unknown`}},
		{"a misspelt method", []middleware.Rule{{Pattern: "GTE /x"}}, []string{`method "GTE" is unknown`}},
		{"CONNECT, which nothing lets pass", []middleware.Rule{{Pattern: "CONNECT /x"}}, []string{`method "CONNECT" is unknown`}},
		{"two methods", []middleware.Rule{{Pattern: "GET,POST /x"}}, []string{`method "GET,POST" is unknown`}},
		{"a blank before the method", []middleware.Rule{{Pattern: " GET /x"}}, []string{"method \"\" is unknown"}},
		{"a path with a blank needs a method", []middleware.Rule{{Pattern: "/a b"}}, []string{`method "/a" is unknown`}},
		{"an empty segment", []middleware.Rule{{Pattern: "GET /a//b"}}, []string{`segment ""`}},
		{"a dot segment", []middleware.Rule{{Pattern: "/a/./b"}}, []string{`segment "."`}},
		{"a dot-dot segment", []middleware.Rule{{Pattern: "/a/../b"}}, []string{`segment ".."`}},
		{"percent-encoding", []middleware.Rule{{Pattern: "/a%20b"}}, []string{`segment "a%20b"`}},
		{"a semicolon", []middleware.Rule{{Pattern: "/a;b"}}, []string{`segment "a;b"`}},
		{"a query", []middleware.Rule{{Pattern: "/a?b"}}, []string{`segment "a?b"`}},
		{"a control character", []middleware.Rule{{Pattern: "/a\x01"}}, []string{`segment "a\x01"`}},
		{"chi's wildcard", []middleware.Rule{{Pattern: "/files/*"}}, []string{`segment "*": a wildcard is written {name}`}},
		{"chi's expression", []middleware.Rule{{Pattern: "/x/{id:[0-9]+}"}}, []string{"a wildcard is a whole segment"}},
		{"a wildcard as a part of a segment", []middleware.Rule{{Pattern: "/f/{name}.json"}}, []string{"a wildcard is a whole segment"}},
		{"a wildcard without a name", []middleware.Rule{{Pattern: "/f/{}"}}, []string{"a wildcard is a whole segment"}},
		{"a wildcard for the rest, not at the end", []middleware.Rule{{Pattern: "/f/{rest...}/x"}}, []string{"must stand at the end"}},
		{"the end mark, not at the end", []middleware.Rule{{Pattern: "/f/{$}/x"}}, []string{`segment "{$}"`}},
		{"a name that occurs twice", []middleware.Rule{{Pattern: "/{a}/{a}"}}, []string{"the name occurs twice"}},

		{"the same rule twice", []middleware.Rule{{Pattern: "GET /x"}, {Pattern: "GET /x", Public: true}}, []string{`rule 2 ("GET /x"): conflicts with rule 1 ("GET /x")`}},
		{"the same rule by another name", []middleware.Rule{{Pattern: "/{a}"}, {Pattern: "/{b}"}}, []string{`rule 2 ("/{b}"): conflicts with rule 1 ("/{a}")`}},
		{"neither is more specific", []middleware.Rule{{Pattern: "/y"}, {Pattern: "/a/{x}"}, {Pattern: "/{x}/b"}}, []string{`rule 3 ("/{x}/b"): conflicts with rule 2 ("/a/{x}")`}},
		{"neither is more specific because of the method", []middleware.Rule{{Pattern: "GET /"}, {Pattern: "/admin/"}}, []string{`rule 2 ("/admin/"): conflicts with rule 1 ("GET /")`}},

		{"public, with a scope", []middleware.Rule{{Pattern: "/x", Public: true, Scope: scope.All("a")}}, []string{"a public rule has no"}},
		{"public, with an authenticator", []middleware.Rule{{Pattern: "/x", Public: true, Authenticator: as("a", "")}}, []string{"a public rule has no"}},
		{"public, with issuers", []middleware.Rule{{Pattern: "/x", Public: true, Issuers: []string{"i"}}}, []string{"a public rule has no"}},
		{"public, with a check", []middleware.Rule{{Pattern: "/x", Public: true, Check: check}}, []string{"a public rule has no"}},
		{"a scope that is no scope token", []middleware.Rule{{Pattern: "/x", Scope: scope.All("read write")}}, []string{"Scope: "}},
		{"an empty requirement inside of another", []middleware.Rule{{Pattern: "/x", Scope: scope.AllOf(scope.Requirement{})}}, []string{"Scope: "}},
		{"a nil pointer as authenticator", []middleware.Rule{{Pattern: "/x", Authenticator: (*pointerAuthenticator)(nil)}}, []string{"Authenticator: the authenticator is nil"}},
		{"an authenticator made of nothing", []middleware.Rule{{Pattern: "/x", Authenticator: middleware.JWT(nil)}}, []string{"Authenticator: JWT: the verifier is nil"}},
		{"an empty issuer", []middleware.Rule{{Pattern: "/x", Issuers: []string{"https://a", ""}}}, []string{"issuers: an issuer is empty"}},
		{
			"all of them at once",
			[]middleware.Rule{
				{Pattern: "/ok"},
				{Pattern: "get /x", Scope: scope.All("", "a b"), Issuers: []string{""}},
				{Pattern: "/ok", Public: true, Check: check},
			},
			[]string{
				`rule 2 ("get /x"): method "get"`, `rule 2 ("get /x"): Scope: scope: ""`, `rule 2 ("get /x"): Scope: scope: "a b"`,
				`rule 2 ("get /x"): issuers: `, `rule 3 ("/ok"): a public rule`, `rule 3 ("/ok"): conflicts with rule 1`,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			routes, err := middleware.NewRoutes(row.rules...)
			require.Nil(t, routes)
			for _, w := range row.want {
				require.ErrorContains(t, err, w)
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.Regexp(t, `^middleware: rule \d+ \(".*"\): `, line, "a line that does not say which rule it is about")
			}
		})
	}
}

func TestMethodsThatARuleMayName(t *testing.T) {
	for m := range strings.FieldsSeq("GET HEAD POST PUT DELETE OPTIONS TRACE PATCH QUERY PROPFIND REPORT VERSION-CONTROL") {
		_, err := middleware.NewRoutes(middleware.Rule{Pattern: m + " /x"})
		require.NoError(t, err, m)
	}
}

func TestMethodsThatNoRuleNames(t *testing.T) {
	var rules []middleware.Rule
	for m := range strings.FieldsSeq("GET POST PUT DELETE OPTIONS TRACE PATCH QUERY PROPFIND REPORT VERSION-CONTROL") {
		rules = append(rules, middleware.Rule{Pattern: m + " /x"})
	}
	routes := newRoutes(t, append(rules, middleware.Rule{Pattern: "/any"})...)
	for _, row := range []struct{ method, path, want string }{
		{"VERSION-CONTROL", "/x", "VERSION-CONTROL /x"},
		{"VERSION-CONTROL", "/any", "/any"},
		{"HEAD", "/x", "GET /x"},
		{"BREW", "/x", ""},
		{"BREW", "/any", "/any"},
		{strings.Repeat("X", 1<<20), "/x", ""},
		{strings.Repeat("X", 1<<20), "/any", "/any"},
	} {
		require.Equal(t, row.want, routes.Match(&http.Request{Method: row.method, URL: &url.URL{Path: row.path}}))
	}
	short := newRoutes(t, middleware.Rule{Pattern: "GET /x"})
	require.Equal(t, "GET /x", short.Match(&http.Request{Method: "HEAD", URL: &url.URL{Path: "/x"}}))
}

func TestNewRoutesKeepsItsOwnCopy(t *testing.T) {
	issuers := []string{"https://trusted.example"}
	rules := []middleware.Rule{{Pattern: "/x", Issuers: issuers}}
	routes := newRoutes(t, rules...)
	issuers[0], rules[0].Public = "https://id.example", true
	require.Equal(t, 401, serve(newGuard(t, as("alice", "")).Routes(routes)(reached), get("/x")).Code)
}

func TestWhichRuleDecides(t *testing.T) {
	var rules []middleware.Rule
	for _, p := range []string{
		"GET /{$}", "GET /orders/{id}", "GET /orders/latest", "POST /orders/", "GET /orders/{id}/items/{item...}", "HEAD /orders/latest",
		"/static/", "GET /static/logo", "GET /Zürich/a b", "OPTIONS /orders/{id}",
	} {
		rules = append(rules, middleware.Rule{Pattern: p})
	}
	routes := newRoutes(t, rules...)
	for _, row := range []struct{ method, path, want string }{
		{"GET", "/", "GET /{$}"},
		{"POST", "/", ""},
		{"GET", "/orders/7", "GET /orders/{id}"},
		{"GET", "/orders/latest", "GET /orders/latest"},
		{"HEAD", "/orders/latest", "HEAD /orders/latest"},
		{"HEAD", "/orders/7", "GET /orders/{id}"},
		{"HEAD", "/static/logo", "GET /static/logo"},
		{"HEAD", "/", "GET /{$}"},
		{"get", "/orders/7", ""},
		{"Get", "/orders/7", ""},
		{"DELETE", "/orders/7", ""},
		{"PUT", "/static/logo", "/static/"},
		{"FOO", "/static/x", "/static/"},
		{"GET", "/static", ""}, // a router's redirect to /static/ would need a rule of its own
		{"GET", "/static/", "/static/"},
		{"GET", "/static/a/b/", "/static/"},
		{"GET", "/staticx", ""},
		{"GET", "/orders/", ""},
		{"POST", "/orders/", "POST /orders/"},
		{"POST", "/orders/1/2/3", "POST /orders/"},
		{"GET", "/orders/7/", ""},
		{"GET", "/orders/7/items/", "GET /orders/{id}/items/{item...}"},
		{"GET", "/orders/7/items/a/b", "GET /orders/{id}/items/{item...}"},
		{"GET", "/orders/7/items", ""},
		{"GET", "/Orders/7", ""},
		{"GET", "/Z%C3%BCrich/a%20b", "GET /Zürich/a b"},
		{"GET", "/%6Frders/7", ""}, // to a router that matches it as spelled, this is not orders
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			require.Equal(t, row.want, routes.Explain(request(row.method, row.path)).Pattern)
		})
	}
}

func TestHeadersHaveNoSayInWhichRuleDecides(t *testing.T) {
	routes := newRoutes(t,
		middleware.Rule{Pattern: "GET /public", Public: true},
		middleware.Rule{Pattern: "POST /admin", Scope: scope.All("admin")},
		middleware.Rule{Pattern: "DELETE /public", Scope: scope.All("admin")},
	)
	h := newGuard(t, as("alice", "read")).Routes(routes)(reached)
	headers := []string{
		"X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET", "X-Original-Method: GET",
		"X-Original-URL: /public", "X-Rewrite-URL: /public", "X-Original-URI: /public", "X-Forwarded-Uri: /public", "X-Forwarded-Path: /public",
		"X-Forwarded-Prefix: /public", "X-Forwarded-Host: localhost", "X-Forwarded-Proto: https", "X-Forwarded-For: 127.0.0.1",
		"X-Forwarded-Method: GET", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=localhost", "User-Agent: kube-probe/1.30", "Referer: /public",
	}
	for _, header := range headers {
		require.Equal(t, 403, serve(h, request("POST", "/admin?_method=GET", header)).Code, header)
		require.Equal(t, 403, serve(h, request("DELETE", "/public?_method=GET", header)).Code, header)
		require.Equal(t, 200, serve(h, request("GET", "/public", header)).Code, header)
	}
	require.Equal(t, 403, serve(h, request("POST", "/admin", headers...)).Code)
}

func TestPreflights(t *testing.T) {
	const origin, wanted = "Origin: https://app.example", "Access-Control-Request-Method: GET"
	for _, row := range []struct {
		name    string
		rule    middleware.Rule
		method  string
		headers []string
		want    int
	}{
		{"no rule names OPTIONS", middleware.Rule{Pattern: "GET /x", Public: true}, "OPTIONS", []string{origin, wanted}, 403},
		{"a public rule names OPTIONS", middleware.Rule{Pattern: "OPTIONS /x", Public: true}, "OPTIONS", []string{origin, wanted}, 200},
		{"a public rule for all methods does not name it", middleware.Rule{Pattern: "/x", Public: true}, "OPTIONS", []string{origin, wanted}, 401},
		{"a rule for OPTIONS that is not public", middleware.Rule{Pattern: "OPTIONS /x"}, "OPTIONS", []string{origin, wanted}, 401},
		{"a rule for all methods that is not public", middleware.Rule{Pattern: "/x"}, "OPTIONS", []string{origin, wanted}, 401},
		{"without Origin it is no preflight", middleware.Rule{Pattern: "/x", Public: true}, "OPTIONS", []string{wanted}, 200},
		{"without the method it asks for it is no preflight", middleware.Rule{Pattern: "/x", Public: true}, "OPTIONS", []string{origin}, 200},
		{"another method is no preflight", middleware.Rule{Pattern: "/x", Public: true}, "GET", []string{origin, wanted}, 200},
		{"empty headers make one as well", middleware.Rule{Pattern: "/x", Public: true}, "OPTIONS", []string{"Origin: ", "Access-Control-Request-Method: "}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newGuard(t, failing(middleware.ErrNoCredentials)).Routes(newRoutes(t, row.rule))(reached)
			require.Equal(t, row.want, serve(h, request(row.method, "/x", row.headers...)).Code)
		})
	}
	t.Run("one with credentials passes by a public rule for all methods", func(t *testing.T) {
		h := newGuard(t, as("alice", "")).Routes(newRoutes(t, middleware.Rule{Pattern: "/x", Public: true}))(reached)
		require.Equal(t, "alice", serve(h, request("OPTIONS", "/x", origin, wanted)).Body.String())
	})
}

func TestARulesOwnAuthenticator(t *testing.T) {
	routes := newRoutes(t,
		middleware.Rule{Pattern: "GET /jwt"},
		middleware.Rule{Pattern: "GET /cert", Authenticator: as("workload", "")},
		middleware.Rule{Pattern: "GET /none", Authenticator: failing(middleware.ErrNoCredentials)},
	)
	h := newGuard(t, as("alice", "")).Routes(routes)(reached)
	for path, want := range map[string]string{"/jwt": "alice", "/cert": "workload", "/none": "Unauthorized"} {
		require.Equal(t, want, serve(h, get(path)).Body.String(), path)
	}
}

func TestAPublicRouteLooksAtNoCredentials(t *testing.T) {
	asked := 0
	h := newGuard(t, counting(&asked, failing(middleware.ErrRefused))).Routes(newRoutes(t, middleware.Rule{Pattern: "/", Public: true}))
	var sent []string
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header["Authorization"] })
	require.Equal(t, 200, serve(h(next), get("/", "Authorization: Bearer a,b", "Authorization: x")).Code)
	require.Zero(t, asked)
	require.Equal(t, []string{"Bearer a,b", "x"}, sent)
}

func TestOneTableForSeveralGuards(t *testing.T) {
	routes := newRoutes(t, middleware.Rule{Pattern: "/"})
	for _, name := range []string{"alice", "bob"} {
		require.Equal(t, name, serve(newGuard(t, as(name, "")).Routes(routes)(reached), get("/")).Body.String())
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	h := newGuard(t, as("alice", "")).Routes(manyRoutes(t, 1000))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := get("/tenant/acme/service7/items/77/parts")
	require.Zero(t, testing.AllocsPerRun(100, func() { h.ServeHTTP(nil, r) }))
}

// manyRoutes are n public rules of a usual kind, so that a request costs nothing but finding its rule.
func manyRoutes(tb testing.TB, n int) *middleware.Routes {
	tb.Helper()
	shapes := []string{"GET /tenant/{t}/service%d/items/{id}/parts", "POST /tenant/{t}/service%d/items", "/tenant/{t}/service%d/files/{f...}", "GET /v%d/{$}"}
	rules := make([]middleware.Rule, n)
	for i := range rules {
		rules[i] = middleware.Rule{Pattern: fmt.Sprintf(shapes[i%len(shapes)], i/len(shapes)), Public: true}
	}
	return newRoutes(tb, rules...)
}
