package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/middleware/limit"
	"github.com/perimeter-go/perimeter/token"
)

// A gateway is a configuration put together: who is trusted, and the handler that guards and forwards. Building one reads the
// files that hold secrets, and performs no other I/O. Who has built one closes it.
type gateway struct {
	issuers []trusted
	shared  *sharedStore   // nil: nothing is shared
	clients *clientAuth    // nil: certificates of clients mean nothing
	limiter *limit.Limiter // nil: nobody is limited
	revoked *revoked       // nil: nobody is cut off
	quotas  map[string]*quota.Limiter
	trail   *trail            // nil: no decision is written down
	metrics *metrics          // nil: nothing is counted
	tls     *tls.Config       // nil: plain HTTP
	proxies map[string]*proxy // by upstream
	handler http.Handler
}

// build never fails for a configuration that parseConfig has returned, unless a file has gone since. The log may be nil, for
// a gateway that will not serve.
func build(c *config, log *slog.Logger) (*gateway, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &gateway{proxies: map[string]*proxy{}}
	if err := g.assemble(c, log); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// close lets go of Redis and of the audit file. The gateway may still be asked after that, and decides without them.
func (g *gateway) close() error {
	var errs []error
	if g.shared != nil {
		errs = append(errs, g.shared.client.Close())
	}
	return errors.Join(append(errs, g.trail.close())...)
}

func (g *gateway) assemble(c *config, log *slog.Logger) error {
	if c.redis != nil {
		shared, err := c.redis.open(log)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		g.shared = shared
	}
	if err := g.openParts(c, log); err != nil {
		return err
	}
	guard, err := g.buildGuard(c, log)
	if err != nil {
		return err
	}
	identity, err := forward.New(c.forwarding(newMistakes()))
	if err != nil {
		return err
	}
	if err := g.buildProxies(c, identity, log); err != nil {
		return err
	}
	rules, err := g.rules(c)
	if err != nil {
		return err
	}
	routes, err := middleware.NewRoutes(rules...)
	if err != nil {
		return err
	}
	inner := g.dispatcher(c, routes)
	if c.externalURL != "" {
		if inner, err = withMetadata(c, inner); err != nil {
			return err
		}
	}
	inner = g.revoked.withEvents(c, inner)
	g.handler = guard.Routes(routes)(inner)
	return nil
}

// openParts opens what reads or writes files, and what counts.
func (g *gateway) openParts(c *config, log *slog.Logger) (err error) {
	if c.audit != nil {
		if g.trail, err = c.audit.open(log); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if g.metrics = c.kept.metrics; c.metrics != nil && g.metrics == nil {
		if g.metrics, err = newMetrics(c.metrics); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	if c.mtls != nil {
		if g.clients, err = c.mtls.open(log); err != nil {
			return fmt.Errorf("mtls: %w", err)
		}
	}
	if g.quotas, err = g.newQuotas(c); err != nil {
		return fmt.Errorf("quotas: %w", err)
	}
	if g.tls, err = g.serverTLS(c, log); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// rules are the routes, and what the gateway itself serves.
func (g *gateway) rules(c *config) ([]middleware.Rule, error) {
	rules := make([]middleware.Rule, 0, len(c.routes)+2)
	for i := range c.routes {
		rule, err := g.rule(c, &c.routes[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.routes[i].path, err)
		}
		rules = append(rules, rule)
	}
	if c.externalURL != "" {
		rules = append(rules, middleware.Rule{Pattern: metadataPattern, Public: true})
	}
	if receiver := g.revoked.receives(); receiver != nil {
		rules = append(rules, middleware.Rule{Pattern: eventsPattern(c), Public: true})
	}
	return rules, nil
}

func (g *gateway) buildGuard(c *config, log *slog.Logger) (*middleware.Guard, error) {
	remembered, err := token.NewCache(rememberedTokens, rememberedBytes)
	if err != nil {
		return nil, err
	}
	verifiers := make([]*token.Verifier, 0, len(c.issuers))
	for n := range c.issuers {
		i, err := c.issuers[n].trust(remembered, g.shared, g.metrics, log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.issuers[n].path, err)
		}
		g.issuers = append(g.issuers, i)
		verifiers = append(verifiers, i.verifier)
	}
	opts := &middleware.Options{Realm: c.realm, Observer: g.observer()}
	if c.failedAuthLimit != nil {
		var err error
		if g.limiter, err = g.newLimiter(c); err != nil {
			return nil, fmt.Errorf("failed_auth_limit: %w", err)
		}
		opts.Limiter = g.limiter
	}
	if c.revocation != nil {
		var err error
		if g.revoked, err = g.revocations(c, log); err != nil {
			return nil, fmt.Errorf("revocation: %w", err)
		}
		opts.Revocations = g.revoked
	}
	if g.clients != nil && g.clients.forwarded != nil {
		opts.Forwarded = g.clients.forwarded
	}
	if c.externalURL != "" {
		opts.ResourceMetadata = c.externalURL + metadataPath
	}
	if len(verifiers) == 0 {
		return middleware.New(middleware.JWT(refuser{}), opts)
	}
	mux, err := token.NewMux(verifiers...)
	if err != nil {
		return nil, err
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
