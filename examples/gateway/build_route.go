package main

import (
	"errors"
	"net/http"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

var errClaim = errors.New("a claim is not what the route asks for")

func (g *gateway) rule(c *config, r *routeConfig) (middleware.Rule, error) {
	rule := middleware.Rule{Pattern: r.pattern, Public: r.public, Issuers: r.issuers, Scope: r.requirement()}
	if len(r.claims) > 0 {
		rule.Check = r.checkClaims
	}
	if r.public {
		return rule, nil
	}
	rule.Peers = r.admits()
	var err error
	rule.Authenticator, err = g.authenticator(c, r)
	return rule, err
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

func (r *routeConfig) checkClaims(_ *http.Request, id middleware.Identity) error {
	if !claimsHold(id, r.claims) {
		return errClaim
	}
	return nil
}

// claimsHold asks of the verified claims, or of an opaque token of the issuer's answer, what token.Policy.RequiredClaims
// would: a string that equals the value, or for an empty value anything but null and an empty string. A number or a list never
// equals a string.
func claimsHold(id middleware.Identity, wanted map[string]string) bool {
	if len(wanted) == 0 {
		return true
	}
	decode := id.Introspection.Decode
	if id.Token != nil {
		decode = id.Token.Decode
	}
	var claims map[string]any
	if decode(&claims) != nil {
		return false
	}
	for name, want := range wanted {
		have := claims[name]
		if want == "" && have != nil && have != "" {
			continue
		}
		if text, ok := have.(string); !ok || text != want || want == "" {
			return false
		}
	}
	return true
}

// dispatcher hands what the guard let through to the upstream of the rule that matched, as far as there is quota.
func (g *gateway) dispatcher(c *config, routes *middleware.Routes) http.Handler {
	byPattern := map[string]http.Handler{}
	var only http.Handler
	for n := range c.routes {
		only = g.proxies[c.upstreamOf(&c.routes[n])]
		byPattern[c.routes[n].pattern] = only
		if limiter := g.quotas[c.routes[n].quota]; limiter != nil {
			byPattern[c.routes[n].pattern] = limiter.Handler(only)
		}
	}
	if len(g.proxies) == 1 && len(g.quotas) == 0 {
		return only
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		byPattern[routes.Match(r)].ServeHTTP(w, r)
	})
}
