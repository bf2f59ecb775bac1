package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// audience is the name that the service answers to.
const audience = "orders-api"

// newService is the route table around the router: it sees every request, also those that the router has no route for.
func newService(issuer string, opts *jwks.Options) (http.Handler, error) {
	guard, err1 := newGuard(issuer, opts)
	routes, err2 := newRoutes()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return guard.Routes(routes)(newRouter()), nil
}

func newGuard(issuer string, opts *jwks.Options) (*middleware.Guard, error) {
	keys, err := jwks.NewFromIssuer(issuer, opts)
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(keys, token.AccessTokenPolicy(issuer, audience), nil)
	if err != nil {
		return nil, err
	}
	return middleware.New(middleware.JWT(verifier), nil)
}

// newRoutes is all of who may do what. A request that no rule names is denied.
func newRoutes() (*middleware.Routes, error) {
	return middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /me"}, // whoever it is
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.Any("orders:read", "orders:admin")},
		middleware.Rule{Pattern: "DELETE /orders/{id}", Scope: scope.All("orders:write")},
	)
}

// endpoints are all that the service does. A ServeMux does not tell what it serves; from this list a test can.
var endpoints = map[string]http.HandlerFunc{
	"GET /healthz":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up") },
	"GET /me":             showCaller,
	"GET /orders/{id}":    showOrder,
	"DELETE /orders/{id}": deleteOrder,
}

func newRouter() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, handler := range endpoints {
		mux.HandleFunc(pattern, handler)
	}
	return mux
}

func showCaller(w http.ResponseWriter, r *http.Request) {
	id, ok := middleware.IdentityFrom(r.Context())
	if !ok {
		http.Error(w, "nobody", http.StatusInternalServerError) // not behind the guard
		return
	}
	fmt.Fprintf(w, "%s of %s may %s\n", id.Subject, id.Issuer, id.Scopes)
}

func showOrder(w http.ResponseWriter, r *http.Request) {
	id, _ := middleware.IdentityFrom(r.Context())
	fmt.Fprintf(w, "order %q for %s\n", r.PathValue("id"), id.Subject) //nolint:gosec // quoted, in a text that no browser takes for HTML
}

func deleteOrder(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
