package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// path is something that a request goes through in Perimeter, beside something alike of which nothing is shared.
type path struct{ target, beside target }

// paths are over loopback, with an issuer of their own until ctx is done.
func paths(ctx context.Context) ([]path, error) {
	issuer, err := upstream.Start(ctx, 0)
	if err != nil {
		return nil, err
	}
	tokens := make([]string, apart)
	for i := range tokens {
		tokens[i] = issuer.Token("ES256")
	}
	kid := issuer.KeyID("ES256")
	keys, err1 := jwks.New(issuer.KeySetURL(), &jwks.Options{InsecureAllowHTTP: true})
	cache, err2 := token.NewCache(10*apart, 1<<20)
	policy := token.AccessTokenPolicy(issuer.URL(), upstream.Audience)
	cold, err3 := token.NewVerifier(keys, policy, nil)
	warm, err4 := token.NewVerifier(keys, policy, &token.Options{Cache: cache})
	guard, err5 := middleware.New(middleware.JWT(warm), nil)
	routes, err6 := middleware.NewRoutes(middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All(upstream.Scope)})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, err
	}
	requests := make([]*http.Request, len(tokens))
	for i, raw := range tokens {
		if requests[i], err = bearing(raw); err != nil {
			return nil, err
		}
	}
	key := repeat("key of the issuer", func() error {
		_, err := keys.PublicKeys(ctx, kid, "ES256")
		return err
	})
	hash, bare := hashing(tokens[0]), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	return []path{
		{key, hash},
		{named("token, verified", verifying(ctx, cold, tokens)), hash},
		{named("token, remembered", verifying(ctx, warm, tokens)), hash},
		{named("whole middleware, token remembered", handling(guard.Routes(routes)(bare), requests)), named(floorPass, handling(passing(bare), requests))},
	}, nil
}

func named(name string, t target) target { return target{name, t.do} }

// handling goes round the requests.
func handling(h http.Handler, requests []*http.Request) target {
	return target{"", func(n int) error {
		w := deaf{http.Header{}}
		for i := range n {
			h.ServeHTTP(w, requests[i%len(requests)])
		}
		return nil
	}}
}

// bearing is the request that every middleware gets.
func bearing(raw string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodGet, "/orders/7", nil)
	if err != nil {
		return nil, err
	}
	r.RequestURI = "/orders/7"
	r.Header.Set("Authorization", "Bearer "+raw)
	return r, nil
}
