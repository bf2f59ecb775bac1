package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/perimeter-go/perimeter/jwks"
	authmw "github.com/perimeter-go/perimeter/middleware" // chi has a package middleware too
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// audience is the name that the service answers to.
const audience = "orders-api"

// newService is the route table around the router.
//
// chi runs the middleware of a root router's Use before it looks for a route, so r.Use(guard.Routes(routes)) on the root, first of
// all, protects as much. In a sub-router or a group it does not: there Use and With run only after a route was found, and what
// has no route, or is mounted beside, never comes by. Around the router there is nothing to get wrong.
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

// newRouter is a chi router as it always was: a sub-router, a regular expression, a mounted handler.
func newRouter() chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.RequestID)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up") })
	r.Get("/me", showCaller)
	r.Route("/orders", func(r chi.Router) {
		r.Get("/{id:[0-9]+}", showOrder)
		r.Delete("/{id:[0-9]+}", deleteOrder)
	})
	r.Mount("/admin", newAdmin())
	return r
}

func newAdmin() chi.Router {
	r := chi.NewRouter()
	r.Get("/users", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "users") })
	return r
}
