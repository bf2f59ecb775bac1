package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	authmw "github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// The route table goes around the router: what has no rule is denied, what the router has no route for included.
func Example_routes() {
	issuer, guard := example()
	routes, err := newRoutes()
	if err != nil {
		fmt.Println(err)
		return
	}
	service := guard.Routes(routes)(newRouter())

	good := "Bearer " + issuer.AccessToken(audience)
	try(service, "GET /healthz", "")
	try(service, "GET /orders/7", "")
	try(service, "GET /orders/7", good)
	try(service, "DELETE /orders/7", good)
	try(service, "GET /orders/%2e%2e/admin/users", good)
	try(service, "GET /nowhere", good)
	// Output:
	// GET /healthz 200 up
	// GET /orders/7 401 Unauthorized Bearer
	// GET /orders/7 200 an order for client-1
	// DELETE /orders/7 403 Forbidden Bearer error="insufficient_scope", scope="orders:write"
	// GET /orders/%2e%2e/admin/users 400 Bad Request
	// GET /nowhere 403 Forbidden
}

// On the root router, Use comes before the search for a route, so that the table may also stand there, first of all.
func Example_use() {
	issuer, guard := example()
	routes, err := newRoutes()
	if err != nil {
		fmt.Println(err)
		return
	}
	r := chi.NewRouter()
	r.Use(guard.Routes(routes))
	r.Mount("/", newRouter())

	try(r, "GET /me", "Bearer "+issuer.AccessToken(audience))
	try(r, "GET /me", "")
	try(r, "GET /nowhere", "")
	// Output:
	// GET /me 200 client-1 of https://id.example.com may orders:read
	// GET /me 401 Unauthorized Bearer
	// GET /nowhere 403 Forbidden
}

// Without a table: Use asks everybody under a router who they are, With asks for scopes at single routes. The request is
// authenticated once. Nothing denies what nobody thought of.
func Example_with() {
	issuer, guard := example()
	r := chi.NewRouter()
	r.Route("/orders", func(r chi.Router) {
		r.Use(guard.Handler)
		r.With(guard.Scope("orders:read")).Get("/{id}", showOrder)
		r.With(guard.Scope("orders:write")).Delete("/{id}", deleteOrder)
		r.Get("/", showCaller)
	})
	r.Get("/export", showOrder) // forgotten

	good := "Bearer " + issuer.AccessToken(audience)
	try(r, "GET /orders/7", good)
	try(r, "DELETE /orders/7", good)
	try(r, "GET /orders", good)
	try(r, "GET /orders", "")
	try(r, "GET /orders/7/items", "")
	try(r, "GET /export", "")
	// Output:
	// GET /orders/7 200 an order for client-1
	// DELETE /orders/7 403 Forbidden Bearer error="insufficient_scope", scope="orders:write"
	// GET /orders 200 client-1 of https://id.example.com may orders:read
	// GET /orders 401 Unauthorized Bearer
	// GET /orders/7/items 401 Unauthorized Bearer
	// GET /export 200 an order for
}

// example is a guard and the issuer that it trusts, without a network.
func example() (*localissuer.Issuer, *authmw.Guard) {
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), audience), nil)
	if err != nil {
		panic(err)
	}
	guard, err := authmw.New(authmw.JWT(verifier), nil)
	if err != nil {
		panic(err)
	}
	return issuer, guard
}

// try sends a request and prints what came back.
func try(service http.Handler, request, authorization string) {
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, target, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	answer := strings.TrimSpace(w.Body.String()) + " " + w.Header().Get("WWW-Authenticate")
	fmt.Println(strings.TrimSpace(fmt.Sprintf("%s %d %s", request, w.Code, answer)))
}
