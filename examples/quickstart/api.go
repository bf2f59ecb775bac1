package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// audience is the name that the API answers to: tokens for anyone else are refused.
const audience = "orders-api"

// api is an ordinary net/http service. Nothing in its handlers checks a token.
type api struct {
	url    string
	server *http.Server
}

func (a *api) Close() error { return a.server.Close() }

func startAPI(issuer string) (*api, error) {
	protect, err := perimeter(issuer)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up") })
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityFrom(r.Context())
		fmt.Fprintf(w, "order %s for %s, header says %s", r.PathValue("id"), id.Subject, r.Header.Get("X-Identity-Subject"))
	})
	mux.HandleFunc("DELETE /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %s deleted", r.PathValue("id"))
	})
	mux.HandleFunc("GET /admin", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "nobody wrote a rule for this") })

	a := &api{server: &http.Server{Handler: protect(mux), ReadHeaderTimeout: 5 * time.Second}}
	return a, a.listen()
}

// listen serves on a loopback port of the system's choice until Close.
func (a *api) listen() error {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a.url = "http://" + ln.Addr().String()
	go func() { _ = a.server.Serve(ln) }()
	return nil
}

// perimeter is all that stands between the world and the API.
func perimeter(issuer string) (func(http.Handler) http.Handler, error) {
	keys, err := jwks.NewFromIssuer(issuer, &jwks.Options{InsecureAllowHTTP: true}) // loopback; leave it out for a real issuer
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(keys, token.AccessTokenPolicy(issuer, audience), nil)
	if err != nil {
		return nil, err
	}
	guard, err := middleware.New(middleware.JWT(verifier), nil)
	if err != nil {
		return nil, err
	}
	routes, err1 := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "DELETE /orders/{id}", Scope: scope.All("orders:write")},
	)
	headers, err2 := forward.New(forward.Config{Subject: "X-Identity-Subject"})
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return func(h http.Handler) http.Handler { return guard.Routes(routes)(headers.Handler(h)) }, nil
}
