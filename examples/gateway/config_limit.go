package main

import (
	"fmt"
	"net/netip"

	"github.com/perimeter-go/perimeter/middleware/limit"
)

func (c *config) checkLimit(m *mistakes) {
	if c.failedAuthLimit == nil {
		return
	}
	for n, text := range c.failedAuthLimit.trustedProxies {
		if _, err := prefixOf(text); err != nil && text != "" {
			m.addf(fmt.Sprintf("failed_auth_limit.trusted_proxies[%d]", n), "%q %s", text, err)
		}
	}
	c.limits(m)
}

// limits takes the members one by one, so that a mistake is found at the one that makes it.
func (c *config) limits(m *mistakes) limit.Config {
	s := c.failedAuthLimit
	l := limit.Config{Headers: c.mtls.headers()}
	for _, member := range []struct {
		name string
		set  func(*limit.Config)
	}{
		{"per_minute", func(l *limit.Config) { l.PerMinute = s.perMinute }},
		{"burst", func(l *limit.Config) { l.Burst = s.burst }},
		{"trusted_proxies", func(l *limit.Config) { l.TrustedProxies = prefixes(s.trustedProxies) }},
	} {
		next := l
		member.set(&next)
		if _, err := limit.New(next); err != nil {
			m.addWhole("failed_auth_limit."+member.name, err)
			continue
		}
		l = next
	}
	return l
}

// prefixes leaves out what is reported.
func prefixes(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		if p, err := prefixOf(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}
