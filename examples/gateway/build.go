package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/token"
)

// A gateway is a configuration put together: who is trusted, and the handler that guards and forwards. Building one performs
// no I/O.
type gateway struct {
	issuers []trusted
	proxies map[string]*proxy // by upstream
	handler http.Handler
}

// build never fails for a configuration that parseConfig has returned. The log may be nil, for one that will not serve.
func build(c *config, log *slog.Logger) (*gateway, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &gateway{proxies: map[string]*proxy{}}
	guard, err := g.buildGuard(c, log)
	if err != nil {
		return nil, err
	}
	identity, err := forward.New(c.forwarding(newMistakes()))
	if err != nil {
		return nil, err
	}
	if err := g.buildProxies(c, identity, log); err != nil {
		return nil, err
	}
	rules := make([]middleware.Rule, 0, len(c.routes)+1)
	for i := range c.routes {
		rules = append(rules, c.routes[i].rule())
	}
	if c.externalURL != "" {
		rules = append(rules, middleware.Rule{Pattern: metadataPattern, Public: true})
	}
	routes, err := middleware.NewRoutes(rules...)
	if err != nil {
		return nil, err
	}
	inner := g.dispatcher(c, routes)
	if c.externalURL != "" {
		if inner, err = withMetadata(c, inner); err != nil {
			return nil, err
		}
	}
	g.handler = guard.Routes(routes)(inner)
	return g, nil
}

func (g *gateway) buildGuard(c *config, log *slog.Logger) (*middleware.Guard, error) {
	verifiers := make([]*token.Verifier, 0, len(c.issuers))
	for n := range c.issuers {
		i, err := c.issuers[n].trust(log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.issuers[n].path, err)
		}
		g.issuers = append(g.issuers, i)
		verifiers = append(verifiers, i.verifier)
	}
	mux, err := token.NewMux(verifiers...)
	if err != nil {
		return nil, err
	}
	opts := &middleware.Options{Realm: c.realm}
	if c.externalURL != "" {
		opts.ResourceMetadata = c.externalURL + metadataPath
	}
	return middleware.New(middleware.JWT(mux), opts)
}

// buildProxies makes one proxy, with its own connections, for each upstream.
func (g *gateway) buildProxies(c *config, identity *forward.Headers, log *slog.Logger) error {
	leeway := map[string]time.Duration{}
	for n := range c.issuers {
		leeway[c.issuers[n].issuer] = c.issuers[n].leewayOrDefault()
	}
	for n := range c.routes {
		upstream := c.upstreamOf(&c.routes[n])
		if g.proxies[upstream] != nil {
			continue
		}
		target, err := url.Parse(upstream)
		if err != nil {
			return errors.New("an upstream is no URL") // err would quote it
		}
		p := &proxy{target: target, identity: identity, leeway: leeway, pastExpiry: c.streamPastExpiry, log: log}
		p.start()
		g.proxies[upstream] = p
	}
	return nil
}

func (c *config) upstreamOf(r *routeConfig) string {
	if r.upstream != "" {
		return r.upstream
	}
	return c.upstream
}
