package middleware_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// jwtsAndOpaqueTokens verifies JWTs here and asks the issuer about all other tokens.
func jwtsAndOpaqueTokens(verifier *token.Verifier, secret func(context.Context) (string, error)) (middleware.Authenticator, error) {
	client, err := introspect.New(introspect.Config{
		Endpoint:  "https://id.example.com/introspect",
		Issuer:    "https://id.example.com",
		Audiences: []string{"orders-api"},
		Auth:      introspect.Auth{Method: "client_secret_basic", ClientID: "orders", Secret: secret},
	}, nil)
	if err != nil {
		return nil, err
	}
	return middleware.FirstOf(middleware.JWT(verifier), middleware.Introspect(client)), nil
}

func ExampleIntrospect() {
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		panic(err)
	}
	authenticator, err := jwtsAndOpaqueTokens(verifier, secretOf("s3cr3t"))
	if err != nil {
		panic(err)
	}
	id, err := authenticator.Authenticate(get("/orders/7", "Authorization: Bearer "+issuer.AccessToken("orders-api")))
	fmt.Println(id.Subject, err) // a JWT: the issuer is not asked
	// Output: client-1 <nil>
}

// A service takes JWTs and opaque tokens side by side; where money moves, it also asks about JWTs.
func ExampleConfirmed() {
	issuer := localissuer.New("https://id.example.com")
	client, err := introspect.New(introspect.Config{
		Endpoint:  issuer.IntrospectionURL(),
		Issuer:    issuer.URL(),
		Audiences: []string{"orders-api"},
		Auth:      introspect.Auth{Method: "client_secret_basic", ClientID: "orders", Secret: secretOf(issuer.Register("orders", ""))},
	}, &introspect.Options{HTTPClient: &http.Client{Transport: inProcess{issuer}}}) // nil in real life
	if err != nil {
		panic(err)
	}
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		panic(err)
	}
	guard, err := middleware.New(middleware.FirstOf(middleware.JWT(verifier), middleware.Introspect(client)), nil)
	if err != nil {
		panic(err)
	}
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /orders/"},
		middleware.Rule{Pattern: "POST /refunds", Authenticator: middleware.Confirmed(verifier, client)},
	)
	if err != nil {
		panic(err)
	}
	service := guard.Routes(routes)(reached)

	opaque, revoked := issuer.OpaqueToken("orders-api"), issuer.AccessToken("orders-api")
	issuer.Revoke(revoked)
	for _, c := range []struct{ name, method, path, token string }{
		{"an opaque token", "GET", "/orders/7", opaque},
		{"a JWT, revoked", "GET", "/orders/7", revoked},
		{"a JWT, revoked", "POST", "/refunds", revoked},
		{"a JWT", "POST", "/refunds", issuer.AccessToken("orders-api")},
		{"an opaque token", "POST", "/refunds", opaque},
	} {
		w := serve(service, request(c.method, c.path, "Authorization: Bearer "+c.token))
		fmt.Printf("%s %s with %s: %d\n", c.method, c.path, c.name, w.Code)
	}
	// Output:
	// GET /orders/7 with an opaque token: 200
	// GET /orders/7 with a JWT, revoked: 200
	// POST /refunds with a JWT, revoked: 401
	// POST /refunds with a JWT: 200
	// POST /refunds with an opaque token: 401
}
