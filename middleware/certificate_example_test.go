package middleware_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/token"
)

// workloadsAndTokens takes the certificates of workloads, and tokens from everybody else.
func workloadsAndTokens(trust mtls.Trust, verifier *token.Verifier, server *http.Server) (middleware.Authenticator, error) {
	workloads, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.SPIFFE("example.com", "/ns/prod/*")}, nil)
	if err != nil {
		return nil, err
	}
	server.TLSConfig = workloads.TLSConfig(server.TLSConfig, mtls.Possession)
	return middleware.FirstOf(middleware.ClientCert(workloads), middleware.JWT(verifier)), nil
}

// Workloads come with certificates, people with tokens. One route is for one workload only, one wants a token that is bound to the
// certificate of who sends it.
func ExampleClientCert() {
	ca := newAuthority(new(testing.B)) // mtls.Files reads a real one
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		panic(err)
	}
	authenticator, err := workloadsAndTokens(ca.trust(), verifier, &http.Server{})
	if err != nil {
		panic(err)
	}
	guard, err := middleware.New(authenticator, nil)
	if err != nil {
		panic(err)
	}
	workloads := middleware.ClientCert(ca.verifier(new(testing.B), mtls.SPIFFE("example.com")))
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /orders/"},
		middleware.Rule{Pattern: "POST /invoices", Peers: mtls.SPIFFE("example.com", "/ns/prod/billing")},
		middleware.Rule{Pattern: "POST /refunds", Authenticator: middleware.RequireCert(workloads, middleware.JWT(verifier))},
	)
	if err != nil {
		panic(err)
	}
	service := guard.Routes(routes)(reached)

	billingCert, ordersCert := ca.issue(new(testing.B), billing), ca.issue(new(testing.B), orders)
	free := "Authorization: Bearer " + issuer.AccessToken("orders-api")
	bound := "Authorization: Bearer " + issuer.AccessToken("orders-api", boundTo(new(testing.B), billingCert))
	for _, c := range []struct {
		what, method, path string
		request            *http.Request
	}{
		{"a certificate", "GET", "/orders/7", from(ordersCert)},
		{"a token", "GET", "/orders/7", from(nil, free)},
		{"a certificate that is admitted", "POST", "/invoices", from(billingCert)},
		{"another certificate", "POST", "/invoices", from(ordersCert)},
		{"a bound token and its certificate", "POST", "/refunds", from(billingCert, bound)},
		{"a stolen bound token", "POST", "/refunds", from(ordersCert, bound)},
		{"a token that is bound to nothing", "POST", "/refunds", from(billingCert, free)},
	} {
		c.request.Method, c.request.URL.Path = c.method, c.path
		w := serve(service, c.request)
		fmt.Printf("%s %s with %s: %d %s\n", c.method, c.path, c.what, w.Code, w.Body)
	}
	// Output:
	// GET /orders/7 with a certificate: 200 spiffe://example.com/ns/prod/orders
	// GET /orders/7 with a token: 200 client-1
	// POST /invoices with a certificate that is admitted: 200 spiffe://example.com/ns/prod/billing
	// POST /invoices with another certificate: 403 Forbidden
	// POST /refunds with a bound token and its certificate: 200 client-1
	// POST /refunds with a stolen bound token: 401 Unauthorized
	// POST /refunds with a token that is bound to nothing: 401 Unauthorized
}
