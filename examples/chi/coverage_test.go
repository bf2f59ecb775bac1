package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

// patterns lists every method and route of a chi router, sub-routers included.
//
// A final slash means that very path to chi, and everything below it to net/http, which spells chi's meaning /{$}. The root of a
// sub-router is served without the slash as well.
func patterns(t *testing.T, router chi.Routes) (found []string) {
	t.Helper()
	require.NoError(t, chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if root, ok := strings.CutSuffix(route, "/"); ok {
			if root != "" {
				found = append(found, method+" "+root)
			}
			route += "{$}"
		}
		found = append(found, method+" "+route)
		return nil
	}))
	return found
}

func TestNoRouteIsUnprotected(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	found := patterns(t, newRouter())
	require.Contains(t, found, "GET /healthz")
	require.Contains(t, found, "DELETE /orders/{id:[0-9]+}")
	require.Contains(t, found, "GET /admin/users")
	require.Empty(t, routes.Uncovered(found...))
}

func TestAForgottenRouteIsReported(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		forget func(r chi.Router)
		want   []string
	}{
		{"a path", func(r chi.Router) { r.Get("/export", showOrder) }, []string{"GET /export"}},
		{"a method", func(r chi.Router) { r.Put("/orders/{id}", showOrder) }, []string{"PUT /orders/{id}"}},
		{"a deeper path", func(r chi.Router) { r.Get("/orders/{id}/items", showOrder) }, []string{"GET /orders/{id}/items"}},
		{"a sub-router", func(r chi.Router) { r.Route("/v2", func(r chi.Router) { r.Post("/orders", showOrder) }) }, []string{"POST /v2/orders"}},
		{"a mounted router", func(r chi.Router) { r.Mount("/internal", newAdmin()) }, []string{"GET /internal/users"}},
		{"the root of a sub-router, which chi serves with and without a slash", func(r chi.Router) {
			r.Route("/v2", func(r chi.Router) { r.Get("/", showOrder) })
		}, []string{"GET /v2", "GET /v2/{$}"}},
		{"the root of all", func(r chi.Router) { r.Get("/", showOrder) }, []string{"GET /{$}"}},
		{"a wildcard", func(r chi.Router) { r.Get("/files/*", showOrder) }, []string{"GET /files/*"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			router := newRouter()
			row.forget(router)
			require.Equal(t, row.want, routes.Uncovered(patterns(t, router)...))
		})
	}
}
