package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// A service with three routes: the table is wrapped around the router, and what it does not name is denied.
func Example() {
	issuer := localissuer.New("https://id.example.com") // jwks.NewFromIssuer in real life
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		panic(err)
	}
	guard, err := middleware.New(middleware.JWT(verifier), nil)
	if err != nil {
		panic(err)
	}
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "DELETE /orders/{id}", Scope: scope.Any("orders:write", "orders:admin")},
	)
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		fmt.Fprintf(w, "order %s for %s", r.PathValue("id"), id.Subject)
	})
	service := guard.Routes(routes)(mux)

	bearer := "Bearer " + issuer.AccessToken("orders-api", map[string]any{"sub": "alice", "scope": "orders:read"})
	for _, c := range []struct{ method, path, authorization string }{
		{"GET", "/healthz", ""},
		{"GET", "/orders/7", ""},
		{"GET", "/orders/7", bearer},
		{"DELETE", "/orders/7", bearer},
		{"GET", "/debug", bearer},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		fmt.Printf("%s %s: %d %s %q\n", c.method, c.path, w.Code, w.Body, w.Header().Values("WWW-Authenticate"))
	}
	// Output:
	// GET /healthz: 200 ok []
	// GET /orders/7: 401 Unauthorized ["Bearer"]
	// GET /orders/7: 200 order 7 for alice []
	// DELETE /orders/7: 403 Forbidden ["Bearer error=\"insufficient_scope\", scope=\"orders:write\""]
	// GET /debug: 403 Forbidden []
}

// Without a table, scopes stand where the handlers are mounted.
func ExampleGuard_Scope() {
	guard, err := middleware.New(apiKeys{"k-1": "batch"}, nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /reports", guard.Scope("reports:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		fmt.Fprint(w, "reports for ", id.ClientID)
	})))

	r := httptest.NewRequest(http.MethodGet, "/reports", nil)
	r.Header.Set("X-API-Key", "k-1")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 reports for batch
}

// apiKeys is an authenticator of one's own: it says ErrNoCredentials where another may know more, and ErrRefused where not.
type apiKeys map[string]string

func (keys apiKeys) Authenticate(r *http.Request) (middleware.Identity, error) {
	key := r.Header.Get("X-API-Key")
	if key == "" {
		return middleware.Identity{}, middleware.ErrNoCredentials
	}
	client, ok := keys[key]
	if !ok {
		return middleware.Identity{}, middleware.ErrRefused
	}
	return middleware.Identity{ClientID: client, Scopes: scope.Granted("reports:read")}, nil
}

// A test that every endpoint of a router has a rule.
func ExampleRoutes_Uncovered() {
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "/static/", Public: true},
	)
	if err != nil {
		panic(err)
	}
	for _, pattern := range routes.Uncovered("GET /healthz", "GET /orders/{id:[0-9]+}", "DELETE /orders/{id}", "/static/*", "/debug/pprof/") {
		fmt.Println("no rule:", pattern)
	}
	// Output:
	// no rule: DELETE /orders/{id}
	// no rule: /debug/pprof/
}

// An operator asks why a request was denied.
func ExampleRoutes_Explain() {
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /orders/", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "GET /orders/export", Scope: scope.All("orders:export")},
	)
	if err != nil {
		panic(err)
	}
	fmt.Println(routes.Explain(httptest.NewRequest(http.MethodGet, "/orders/export", nil)))
	fmt.Println(routes.Explain(httptest.NewRequest(http.MethodPost, "/orders/export", nil)))
	// Output:
	// rule "GET /orders/export": matches "GET" "/orders/export"; is more specific than "GET /orders/"; needs an identity, with scope All("orders:export")
	// 403: no rule matches "POST" "/orders/export"; its path alone matches "GET /orders/" and "GET /orders/export"
}

// A rule's check decides on what scopes cannot say: here, on the tenant that the path names.
func ExampleRule_check() {
	guard, err := middleware.New(apiKeys{"k-1": "acme"}, nil)
	if err != nil {
		panic(err)
	}
	routes, err := middleware.NewRoutes(middleware.Rule{
		Pattern: "GET /tenants/{tenant}/reports",
		Check: func(r *http.Request, id middleware.Identity) error {
			if r.URL.Path != "/tenants/"+id.ClientID+"/reports" {
				return errors.New("another tenant's reports")
			}
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	service := guard.Routes(routes)(http.NotFoundHandler())
	for _, path := range []string{"/tenants/acme/reports", "/tenants/other/reports"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-API-Key", "k-1")
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		fmt.Println(path, w.Code) // 404 comes from the handler: the request was let in
	}
	// Output:
	// /tenants/acme/reports 404
	// /tenants/other/reports 403
}

// Handlers are tested without tokens.
func ExampleWithIdentity() {
	handler := func(_ http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		fmt.Println("hello,", id.Subject)
	}
	ctx := middleware.WithIdentity(context.Background(), middleware.Identity{Subject: "alice"})
	handler(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	// Output: hello, alice
}
