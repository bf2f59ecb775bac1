package middleware_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
)

var (
	oracleMethods  = []string{"GET", "HEAD", "POST", "OPTIONS", "PURGE"}
	oracleSegments = []string{"a", "b", "c", "é"} // no pattern spells out c
)

// randomPattern makes patterns of few segments from a small alphabet, so that they often meet.
func randomPattern(rnd *rand.Rand) string {
	method := []string{"", "", "GET ", "HEAD ", "POST "}[rnd.IntN(5)]
	var b strings.Builder
	for i := range rnd.IntN(4) {
		b.WriteString([]string{"/a", "/b", "/é", fmt.Sprintf("/{x%d}", i), fmt.Sprintf("/{y%d}", i)}[rnd.IntN(5)])
	}
	if b.Len() == 0 {
		b.WriteString([]string{"/", "/{$}", "/{rest...}"}[rnd.IntN(3)])
	} else {
		b.WriteString([]string{"", "", "/", "/{$}", "/{rest...}"}[rnd.IntN(5)])
	}
	return strings.TrimLeft(method, " ") + b.String()
}

// registers asks net/http whether it takes the patterns together.
func registers(mux *http.ServeMux, pattern string) (ok bool) {
	defer func() { ok = recover() == nil }()
	mux.Handle(pattern, reached)
	return true
}

// randomTable returns patterns that net/http takes together, and the mux that has taken them.
func randomTable(rnd *rand.Rand, n int) ([]string, *http.ServeMux) {
	var taken []string
	mux := http.NewServeMux()
	for range n {
		if p := randomPattern(rnd); registers(mux, p) {
			taken = append(taken, p)
		}
	}
	return taken, mux
}

// allPaths are all canonical paths of up to depth segments of the alphabet, with and without a trailing slash.
func allPaths(depth int) []string {
	paths := []string{"/"}
	level := []string{""}
	for range depth {
		var next []string
		for _, p := range level {
			for _, s := range oracleSegments {
				next = append(next, p+"/"+s)
			}
		}
		for _, p := range next {
			paths = append(paths, p, p+"/")
		}
		level = next
	}
	return paths
}

func requestFor(method, path string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.URL = &url.URL{Path: path}
	return r
}

// muxMatches returns the pattern whose handler the mux runs for a request. It is empty where it answers by itself: 404, 405,
// or a redirect to the same path with a slash after it.
func muxMatches(mux *http.ServeMux, r *http.Request) (pattern string, redirects bool) {
	w := serve(mux, r)
	if w.Code != http.StatusOK {
		return "", w.Code < 400
	}
	_, pattern = mux.Handler(r)
	return pattern, false
}

func rulesOf(patterns []string) []middleware.Rule {
	var rules []middleware.Rule
	for _, p := range patterns {
		rules = append(rules, middleware.Rule{Pattern: p})
	}
	return rules
}

func TestMatchingAgreesWithServeMux(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	paths := allPaths(3)
	for range 150 {
		patterns, mux := randomTable(rnd, 12)
		routes := newRoutes(t, rulesOf(patterns)...)
		for _, method := range oracleMethods {
			for _, path := range paths {
				r := requestFor(method, path)
				want, redirects := muxMatches(mux, r)
				if got := routes.Explain(r).Pattern; got != want && !redirects {
					t.Fatalf("%s %s of %q: %q, and ServeMux says %q", method, path, patterns, got, want)
				}
			}
		}
	}
}

func TestConflictsAgreeWithServeMux(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 3000 {
		patterns := []string{randomPattern(rnd), randomPattern(rnd)}
		mux := http.NewServeMux()
		want := registers(mux, patterns[0]) && registers(mux, patterns[1])
		_, err := middleware.NewRoutes(rulesOf(patterns)...)
		require.Equal(t, want, err == nil, patterns)
		if !want {
			refused++
			require.ErrorContains(t, err, "rule 2", patterns)
		}
	}
	require.NotZero(t, refused)
}

func TestCoverageAgreesWithTryingEveryPath(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	paths := allPaths(4) // no pattern tells paths apart by what is below its fourth segment
	found := map[bool]int{}
	for range 60 {
		table, _ := randomTable(rnd, 1+rnd.IntN(10))
		routes := newRoutes(t, rulesOf(table)...)
		for range 4 {
			pattern := randomPattern(rnd)
			want := !everyPathHasARule(routes, pattern, paths)
			got := len(routes.Uncovered(pattern)) == 1
			if got != want {
				t.Fatalf("%q of a router, rules %q: uncovered is %v, by trying %v", pattern, table, got, want)
			}
			found[want]++
		}
	}
	require.Greater(t, found[true], 10, "patterns that are uncovered")
	require.Greater(t, found[false], 10, "patterns that are covered")
}

// everyPathHasARule sends every request that a router with the one pattern would handle. What the router answers to HEAD by its GET
// pattern is included.
func everyPathHasARule(routes *middleware.Routes, pattern string, paths []string) bool {
	router := http.NewServeMux()
	router.Handle(pattern, reached)
	for _, method := range oracleMethods {
		for _, path := range paths {
			r := requestFor(method, path)
			if handled, _ := muxMatches(router, r); handled != "" && routes.Explain(r).Pattern == "" {
				return false
			}
		}
	}
	return true
}

// FuzzPattern: a pattern that NewRoutes takes, net/http takes as well, means the same paths to both, and covers itself.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{
		"GET /a/{b}", "/", "/{$}", "/a/{b...}", "POST  /a", "GET\t/a", "/a b", "/{a}/{a}", "/a//b", "h/a", "/%61", "/{a", "/a}", "/*", "/{é}", "GET /a/",
		"/a/{b...}/c", "/\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		routes, err := middleware.NewRoutes(middleware.Rule{Pattern: pattern})
		if err != nil {
			require.Nil(t, routes)
			return
		}
		mux := http.NewServeMux()
		require.True(t, registers(mux, pattern), "net/http takes it")
		require.Empty(t, routes.Uncovered(pattern), "a rule covers its own pattern")
		method, path := "GET", pattern
		if i := strings.IndexAny(pattern, " \t"); i > 0 && pattern[0] != '/' {
			method, path = pattern[:i], strings.TrimLeft(pattern[i:], " \t")
		}
		for _, p := range []string{path, strings.ReplaceAll(strings.ReplaceAll(path, "{", ""), "}", "")} {
			r := requestFor(method, p)
			if routes.Explain(r).Status == http.StatusBadRequest {
				continue
			}
			want, _ := muxMatches(mux, r)
			require.Equal(t, want, routes.Explain(r).Pattern)
		}
	})
}
