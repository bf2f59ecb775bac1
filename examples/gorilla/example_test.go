package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gorilla/mux"

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

// Without a table: router.Use asks everybody under a router who they are, and single routes are wrapped for their scopes. The
// request is authenticated once.
//
// What matched no route does not come by: the 404 and the 405 below answer anybody, and nothing denies what nobody thought of. That
// is why the route table goes around the router.
func Example_use() {
	issuer, guard := example()
	router := mux.NewRouter()
	router.HandleFunc("/export", showOrder) // forgotten
	orders := router.PathPrefix("/orders").Subrouter()
	orders.Use(guard.Handler)
	orders.Handle("/{id}", guard.Scope("orders:read")(http.HandlerFunc(showOrder))).Methods(http.MethodGet)
	orders.Handle("/{id}", guard.Scope("orders:write")(http.HandlerFunc(deleteOrder))).Methods(http.MethodDelete)

	good := "Bearer " + issuer.AccessToken(audience)
	try(router, "GET /orders/7", good)
	try(router, "DELETE /orders/7", good)
	try(router, "GET /orders/7", "")
	try(router, "PUT /orders/7", "")
	try(router, "GET /orders/7/items", "")
	try(router, "GET /export", "")
	// Output:
	// GET /orders/7 200 an order for client-1
	// DELETE /orders/7 403 Forbidden Bearer error="insufficient_scope", scope="orders:write"
	// GET /orders/7 401 Unauthorized Bearer
	// PUT /orders/7 405
	// GET /orders/7/items 404 404 page not found
	// GET /export 200 an order for
}

// The same table inside of the router, by router.Use, never sees what matched no route.
func Example_routesInside() {
	_, guard := example()
	routes, err := newRoutes()
	if err != nil {
		fmt.Println(err)
		return
	}
	router := newRouter()
	router.Use(guard.Routes(routes))
	try(router, "GET /me", "")
	try(router, "GET /nowhere", "")
	try(guard.Routes(routes)(newRouter()), "GET /nowhere", "")
	// Output:
	// GET /me 401 Unauthorized Bearer
	// GET /nowhere 404 404 page not found
	// GET /nowhere 403 Forbidden
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
