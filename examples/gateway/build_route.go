package main

import (
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

var errClaim = errors.New("a claim is not what the route asks for")

func (r *routeConfig) rule() middleware.Rule {
	rule := middleware.Rule{Pattern: r.pattern, Public: r.public, Issuers: r.issuers, Scope: r.requirement()}
	if len(r.claims) > 0 {
		rule.Check = r.checkClaims
	}
	return rule
}

// requirement is zero, which asks for nothing, when the route names no scope.
func (r *routeConfig) requirement() scope.Requirement {
	switch {
	case len(r.all) == 0 && len(r.any) == 0:
		return scope.Requirement{}
	case len(r.any) == 0:
		return scope.All(r.all[0], r.all[1:]...)
	case len(r.all) == 0:
		return scope.Any(r.any[0], r.any[1:]...)
	default:
		return scope.AllOf(scope.All(r.all[0], r.all[1:]...), scope.Any(r.any[0], r.any[1:]...))
	}
}

// checkClaims asks of the verified claims what token.Policy.RequiredClaims would: a string that equals the value, or for an
// empty value anything but null and an empty string. A number or a list never equals a string.
func (r *routeConfig) checkClaims(_ *http.Request, id middleware.Identity) error {
	var claims map[string]any
	if err := id.Token.Decode(&claims); err != nil {
		return errClaim
	}
	for name, want := range r.claims {
		have := claims[name]
		if want == "" && have != nil && have != "" {
			continue
		}
		if text, ok := have.(string); !ok || text != want || want == "" {
			return errClaim
		}
	}
	return nil
}

// dispatcher hands what the guard let through to the upstream of the rule that matched.
func (g *gateway) dispatcher(c *config, routes *middleware.Routes) http.Handler {
	byPattern := map[string]*proxy{}
	var only *proxy
	for n := range c.routes {
		only = g.proxies[c.upstreamOf(&c.routes[n])]
		byPattern[c.routes[n].pattern] = only
	}
	if len(g.proxies) == 1 {
		return only
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		byPattern[routes.Match(r)].ServeHTTP(w, r)
	})
}
