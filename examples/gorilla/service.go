package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/perimeter-go/perimeter/jwks"
	authmw "github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// audience is the name that the service answers to.
const audience = "orders-api"

// newService is the route table around the router.
//
// It must not be inside: gorilla runs the middleware of router.Use only for requests that matched a route. Its NotFoundHandler and
// MethodNotAllowedHandler, and its redirects of paths that it cleans, would answer anybody.
//
// Nor does the router use UseEncodedPath: it would look for its route by another spelling of the path than the one that the table has
// judged.
func newService(issuer string, opts *jwks.Options) (http.Handler, error) {
	guard, err1 := newGuard(issuer, opts)
	routes, err2 := newRoutes()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return guard.Routes(routes)(newRouter()), nil
}

func newGuard(issuer string, opts *jwks.Options) (*authmw.Guard, error) {
	keys, err := jwks.NewFromIssuer(issuer, opts)
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(keys, token.AccessTokenPolicy(issuer, audience), nil)
	if err != nil {
		return nil, err
	}
	return authmw.New(authmw.JWT(verifier), nil)
}

// newRoutes is all of who may do what. A request that no rule names is denied. The patterns are net/http's, whatever the
// router's are.
func newRoutes() (*authmw.Routes, error) {
	return authmw.NewRoutes(
		authmw.Rule{Pattern: "GET /healthz", Public: true},
		authmw.Rule{Pattern: "GET /me"}, // whoever it is
		authmw.Rule{Pattern: "GET /orders/{id}", Scope: scope.Any("orders:read", "orders:admin")},
		authmw.Rule{Pattern: "DELETE /orders/{id}", Scope: scope.All("orders:write")},
		authmw.Rule{Pattern: "/admin/", Scope: scope.All("orders:admin")},
	)
}

// newRouter is a gorilla router as it always was: a sub-router, a regular expression, a prefix.
func newRouter() *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up") }).Methods(http.MethodGet)
	r.HandleFunc("/me", showCaller).Methods(http.MethodGet)
	orders := r.PathPrefix("/orders").Subrouter()
	orders.HandleFunc("/{id:[0-9]+}", showOrder).Methods(http.MethodGet)
	orders.HandleFunc("/{id:[0-9]+}", deleteOrder).Methods(http.MethodDelete)
	r.PathPrefix("/admin/").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "users") })
	return r
}
