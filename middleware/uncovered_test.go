package middleware_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
)

func TestUncovered(t *testing.T) {
	for _, row := range []struct {
		name    string
		rules   []string
		covered []string
		listed  []string
	}{
		{
			name: "no rule covers nothing", rules: nil,
			listed: []string{"/", "GET /a", "/a/{b}", "/files/*"},
		},
		{
			name: "net/http: the same pattern, wildcards by any name", rules: []string{"GET /orders/{id}", "/files/{rest...}", "GET /{$}"},
			covered: []string{"GET /orders/{order}", "HEAD /orders/{id}", "GET api.example/orders/{id}", "GET /orders/latest", "/files/", "GET /files/{x...}", "GET /files/a/b", "GET /{$}"},
			listed:  []string{"POST /orders/{id}", "/orders/{id}", "GET /orders/{id}/", "GET /orders/{id}/items", "GET /orders/", "/files", "GET /", "/{$}", "GET /{x}"},
		},
		{
			name: "no method means all methods", rules: []string{"GET /a", "POST /a", "PUT /a", "/b"},
			covered: []string{"GET /a", "POST /a", "PURGE /b", "/b"},
			listed:  []string{"/a", "PATCH /a", "OPTIONS /a", "PURGE /a", "get /a"},
		},
		{
			name: "HEAD goes with GET, not the other way", rules: []string{"GET /a", "HEAD /b"},
			covered: []string{"HEAD /a", "HEAD /b"}, listed: []string{"GET /b"},
		},
		{
			name:    "rules cover together what none of them covers alone",
			rules:   []string{"/{$}", "/{a}", "/{a}/", "/x/{$}", "GET /y/{b}", "HEAD /y/{b}/{c}"},
			covered: []string{"/", "/*", "GET /{rest...}", "/{a}/{b}/", "/y/{b}"},
		},
		{
			name: "a gap between rules", rules: []string{"/{$}", "/{a}", "/{a}/{b}/"},
			covered: []string{"/{a}", "/{a}/{b}/{c}"},
			listed:  []string{"/", "/{a}/", "/{a}/{b}"}, // /a/ has no rule, nor has /a/b
		},
		{
			name: "a gap at a slash", rules: []string{"/{a}", "/{a}/"},
			covered: []string{"/{a}", "/{a}/{b...}"}, listed: []string{"/", "/{rest...}", "/*", "/{$}"},
		},
		{
			name: "a literal does not cover a variable", rules: []string{"GET /orders/latest", "GET /orders/7"},
			covered: []string{"GET /orders/latest"},
			listed:  []string{"GET /orders/{id}", "GET /orders/{id:7|latest}", "GET /orders/{id:[0-9]}"},
		},
		{
			name: "chi: expressions, a wildcard at the end, mounted routers", rules: []string{"GET /x/{id}", "/files/", "/mount/{all...}"},
			covered: []string{"GET /x/{id:[0-9]+}", "GET /x/{id:^[a-z\\-]+$}", "GET /x/{user-id}", "/files/*", "GET /files/*", "/mount/*/users/*", "/mount/a/{b}/*"},
			listed:  []string{"GET /x/{id:[0-9]*}", "GET /x/*", "GET /x*", "/files*", "/*", "POST /x/{id:[0-9]+}"},
		},
		{
			name: "gorilla: braces in expressions, variables over several segments, prefixes", rules: []string{"/x/{id}", "/files/", "/v/{a}/{b}"},
			covered: []string{"/x/{id:[0-9]{3}}", "/x/{id:[0-9]{1,3}}", "/x/{id:(?:a|b)+}", "/files/{path:.*}", "/files/{path:.+}", "/files/{path:[a-z/]+}/edit", "/files/", "/v/{a}/{b:[^/]+}"},
			listed:  []string{"/x/{path:.*}", "/x/{path:.+}", "/x/{path:[^.]+}", "/x/{path:a/b}", "/x/{path:\\S+}", "/x/{path:(a|(b/c))}", "/files*", "/v/{a:[0-9/]}/{b}"},
		},
		{
			name: "a variable that can be empty reaches the slash", rules: []string{"/x/{id}", "/y/{id}", "/y/{$}", "/z/{a}/b"},
			covered: []string{"/y/{id:[0-9]*}", "/y/{id:[0-9]*}{x:a?}", "/x/n{id:[0-9]*}", "/z/{a:[0-9]*}/b"},
			listed:  []string{"/x/{id:[0-9]*}", "/x/{id:()}"},
		},
		{
			name: "a segment that is partly variable counts as all variable", rules: []string{"/f/{name}", "/g/report.json"},
			covered: []string{"/f/{name}.json", "/f/v{n}", "/f/{a}-{b}", "/f/v{n:[0-9]{2}}.{ext}"},
			listed:  []string{"/g/{name}.json", "/f/v{n:.*}", "/f/{a}*"},
		},
		{
			name: "decoded and encoded literals are one", rules: []string{"GET /a b", "/é"},
			covered: []string{"GET /a%20b", "GET /%61%20b", "GET /a b", "/%C3%A9", "/é"}, listed: []string{"GET /A%20b", "/a b"},
		},
		{
			name: "what cannot be read is listed, whatever the rules", rules: []string{"/"},
			covered: []string{"/", "GET /x"},
			listed: []string{
				"", "GET", "GET ", "x", "GET x", "GET,POST /x", "/a//b", "/a/../b", "/a/./b", "/a%2Fb", "/a%", "/a%zz", "/a;b", "/a?b", "/a#b", "/{", "/{a", "/a}", "/}{",
				"/{}", "/{:x}", "/{a:[}", "/{a:(}", "/{$}/x", "/{...}", "{h}.example/x", "/\xff", "/a\x00",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			routes := newRoutes(t, rulesOf(row.rules)...)
			require.Empty(t, routes.Uncovered(row.covered...))
			require.Equal(t, row.listed, routes.Uncovered(row.listed...))
		})
	}
}

func TestUncoveredKeepsTheOrder(t *testing.T) {
	routes := newRoutes(t, middleware.Rule{Pattern: "/b"})
	require.Equal(t, []string{"/c", "/a", "/c"}, routes.Uncovered("/c", "/b", "/a", "/c"))
	require.Empty(t, routes.Uncovered())
}

// readings are the paths that a pattern means in gorilla/mux and chi: as expressions, put together by brute force. It is nil for
// what neither takes, and for a final {$}, which is net/http's: the variable of that name in the others is not to be had.
func readings(pattern string) []*regexp.Regexp {
	if strings.HasSuffix(pattern, "/{$}") {
		return nil
	}
	var gorilla, chi strings.Builder
	for rest := pattern; rest != ""; {
		if rest == "*" { // chi, at the end only
			chi.WriteString(".*")
			break
		}
		if rest[0] != '{' {
			gorilla.WriteString(regexp.QuoteMeta(rest[:1]))
			chi.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
			continue
		}
		depth, end := 0, 0
		for end = range len(rest) {
			depth += strings.Count(rest[end:end+1], "{") - strings.Count(rest[end:end+1], "}")
			if depth == 0 {
				break
			}
		}
		_, expression, ok := strings.Cut(rest[1:end], ":")
		if !ok {
			expression = "[^/]+"
		}
		gorilla.WriteString("(?:" + expression + ")")
		chi.WriteString("(?:" + expression + ")")
		rest = rest[end+1:]
	}
	var both []*regexp.Regexp
	for _, b := range []string{gorilla.String(), chi.String()} {
		if re, err := regexp.Compile("^(?:" + b + ")$"); err == nil {
			both = append(both, re)
		}
	}
	return both
}

// FuzzUncovered: a path that a router's pattern matches in any reading, that a guard would let pass and that no rule names, puts
// the pattern on the list.
func FuzzUncovered(f *testing.F) {
	for _, s := range [][2]string{
		{"/x/{id:[0-9]{3}}", "/x/123"},
		{"/files/*", "/files/a/b"},
		{"/{a}{b}", "/ab"},
		{"/y/{a:[^/]*}", "/y/"},
		{"/f/{n}.json", "/f/a.json"},
		{"/{path:.*}/e", "/a/b/e"},
		{"/f*", "/foo/x"},
		{"/x/{a:(?i)A|b/c}", "/x/b/c"},
		{"/x/", "/x/"},
		{"/x", "/x"},
		{"/{a:x?}/y", "/x/y"},
		{"/x/{a...}", "/x/y"},
		{"/z/{$}", "/z/y"},
	} {
		f.Add(s[0], s[1])
	}
	routes := newRoutes(f, rulesOf([]string{"/x/{id}", "/files/", "/y/{a}/{b...}", "/f/a", "/{$}", "/z/{a}/e"})...)
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if !strings.HasPrefix(pattern, "/") || !strings.HasPrefix(path, "/") {
			return
		}
		listed := len(routes.Uncovered(pattern)) == 1
		if listed || routes.Explain(requestFor("GET", path)).Status != http.StatusForbidden {
			return
		}
		for _, reading := range readings(pattern) {
			require.False(t, reading.MatchString(path), "%q matches %q, which no rule names, and is not listed", pattern, path)
		}
	})
}
