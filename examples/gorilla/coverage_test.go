package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"
)

// patterns lists every method and route of a gorilla router, sub-routers included. A route that is a prefix ends in *, one without methods
// has none, and one without a path is /*.
func patterns(t *testing.T, router *mux.Router) (found []string) {
	t.Helper()
	require.NoError(t, router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		if route.GetHandler() == nil {
			return nil // a sub-router: its own routes follow
		}
		path, err := route.GetPathTemplate()
		if err != nil {
			path = "/*"
		}
		if expression, err := route.GetPathRegexp(); err == nil && !strings.HasSuffix(expression, "$") {
			path += "*"
		}
		methods, err := route.GetMethods()
		if err != nil {
			methods = []string{""}
		}
		for _, method := range methods {
			found = append(found, strings.TrimSpace(method+" "+path))
		}
		return nil
	}))
	return found
}

func TestNoRouteIsUnprotected(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	found := patterns(t, newRouter())
	require.Equal(t, []string{"GET /healthz", "GET /me", "GET /orders/{id:[0-9]+}", "DELETE /orders/{id:[0-9]+}", "/admin/*"}, found)
	require.Empty(t, routes.Uncovered(found...))
}

func TestAForgottenRouteIsReported(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		forget func(r *mux.Router)
		want   []string
	}{
		{"a path", func(r *mux.Router) { r.HandleFunc("/export", showOrder).Methods(http.MethodGet) }, []string{"GET /export"}},
		{"one of two methods", func(r *mux.Router) {
			r.HandleFunc("/orders/{id}", showOrder).Methods(http.MethodGet, http.MethodPut)
		}, []string{"PUT /orders/{id}"}},
		{"no method, which means all", func(r *mux.Router) { r.HandleFunc("/me", showCaller) }, []string{"/me"}},
		{"a prefix of which only a path is covered", func(r *mux.Router) {
			r.PathPrefix("/healthz").HandlerFunc(showOrder).Methods(http.MethodGet)
		}, []string{"GET /healthz*"}},
		{"a sub-router", func(r *mux.Router) {
			r.PathPrefix("/v2").Subrouter().HandleFunc("/orders", showOrder).Methods(http.MethodPost)
		}, []string{"POST /v2/orders"}},
		{"a variable that swallows slashes", func(r *mux.Router) {
			r.HandleFunc("/orders/{rest:.*}", showOrder).Methods(http.MethodGet)
		}, []string{"GET /orders/{rest:.*}"}},
		{"a route by its host alone", func(r *mux.Router) { r.Host("internal.example.com").HandlerFunc(showOrder) }, []string{"/*"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			router := newRouter()
			row.forget(router)
			require.Equal(t, row.want, routes.Uncovered(patterns(t, router)...))
		})
	}
}
