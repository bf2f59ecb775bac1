package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	authmw "github.com/perimeter-go/perimeter/middleware"
)

// chi routes by the path as the client has spelled it. A letter that is needlessly encoded must not lead it to a route other than
// the one whose rule was applied: where the rules differ, the guard refuses.
func TestARequestRunsUnderTheRuleOfItsOwnRoute(t *testing.T) {
	_, guard := example()
	routes, err := authmw.NewRoutes(authmw.Rule{Pattern: "GET /docs/welcome", Public: true}, authmw.Rule{Pattern: "GET /docs/{name}"})
	require.NoError(t, err)
	router := chi.NewRouter()
	router.Get("/docs/welcome", answering("welcome"))
	router.Get("/docs/{name}", answering("internal"))

	for _, row := range []struct {
		name    string
		service http.Handler
		target  string
		want    string
	}{
		{"around the router, as it is spelled", guard.Routes(routes)(router), "/docs/welcome", "200 welcome"},
		{"around the router, one letter encoded", guard.Routes(routes)(router), "/docs/%77elcome", "400 Bad Request"},
		{"around the router, another document", guard.Routes(routes)(router), "/docs/%78", "401 Unauthorized"},
		{"on the root router", useOn(chi.NewRouter(), router, guard.Routes(routes)), "/docs/%77elcome", "400 Bad Request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			row.service.ServeHTTP(w, httptest.NewRequest(http.MethodGet, row.target, nil))
			require.Equal(t, row.want, fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String())))
		})
	}
}

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func useOn(root, mounted chi.Router, use ...func(http.Handler) http.Handler) http.Handler {
	root.Use(use...)
	root.Mount("/", mounted)
	return root
}
