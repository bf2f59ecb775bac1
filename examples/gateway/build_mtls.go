package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
)

// watchEvery is how often the files of the section mtls are looked at.
const watchEvery = 10 * time.Second

// A clientAuth is how the gateway knows clients by their certificates.
type clientAuth struct {
	files     mtls.Files
	verifier  *mtls.Verifier
	forwarded *mtls.Forwarded // nil: no proxy says who the client is
	proxies   []netip.Prefix
}

// open reads the files.
func (s *mtlsConfig) open(log *slog.Logger) (*clientAuth, error) {
	c := &clientAuth{files: s.files()}
	trust, err := c.files.Read()
	if err != nil {
		return nil, err
	}
	if c.verifier, err = mtls.New(mtls.Config{Trust: trust, Allow: s.allow()}, &mtls.Options{OnReload: trustLog(log)}); err != nil {
		return nil, err
	}
	if s.forwarded != nil {
		c.proxies = prefixes(s.forwarded.trustedProxies)
		c.forwarded, err = mtls.NewForwarded(c.verifier, mtls.ForwardedConfig{Format: mtls.Format(s.forwarded.format), TrustedProxies: c.proxies})
	}
	return c, err
}

// trustLog logs what has changed, and each file that is not good.
func trustLog(log *slog.Logger) func(mtls.Status) {
	return func(s mtls.Status) {
		log.Info("trust in clients", "authorities", len(s.Authorities), "lists", len(s.Lists), "since", s.Since)
		for _, name := range slices.Sorted(maps.Keys(s.Errors)) {
			log.Warn("file not read, what it held before stays", "file", name, "error", s.Errors[name].Error())
		}
	}
}

// watch replaces what is trusted when its files change, until ctx ends.
func (c *clientAuth) watch(ctx context.Context) { _ = c.verifier.Watch(ctx, c.files, watchEvery) }

// authenticator takes the certificate of the connection, but from a proxy only the one that it forwards: its own would make
// everybody behind it one client.
func (c *clientAuth) authenticator() middleware.Authenticator {
	direct := middleware.ClientCert(c.verifier)
	if c.forwarded == nil {
		return direct
	}
	return &eitherCert{direct: direct, forwarded: middleware.ForwardedCert(c.forwarded), proxies: c.proxies}
}

type eitherCert struct {
	direct, forwarded middleware.Authenticator
	proxies           []netip.Prefix
}

func (c *eitherCert) Authenticate(r *http.Request) (middleware.Identity, error) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	for _, p := range c.proxies {
		if err == nil && p.Contains(from.Addr().Unmap()) {
			return c.forwarded.Authenticate(r)
		}
	}
	return c.direct.Authenticate(r)
}

// serverTLS asks clients for a certificate where the section mtls is on, and lets the routes judge it: what a token is bound to
// may be a certificate that nobody vouches for (RFC 8705 section 2.2).
func (g *gateway) serverTLS(c *config, log *slog.Logger) (*tls.Config, error) {
	if c.tls == nil {
		return nil, nil
	}
	own, err := newCertificate(c.tls, log)
	if err != nil {
		return nil, err
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.get}
	if g.clients == nil {
		return base, nil
	}
	return g.clients.verifier.TLSConfig(base, mtls.Possession), nil
}
