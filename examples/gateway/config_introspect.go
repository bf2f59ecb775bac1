package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perimeter-go/perimeter/token"
)

// Ways to authenticate to an introspection endpoint that need a name and one file.
const (
	basicAuth   = "client_secret_basic"
	postAuth    = "client_secret_post"
	bearerAuth  = "bearer"
	defaultAuth = basicAuth
)

// Kinds of credential that a route can take.
const (
	acceptJWT    = "jwt"
	acceptOpaque = "opaque"
)

func (s *introspectionConfig) check(i *issuerConfig, m *mistakes) {
	s.checkEndpoint(i.insecureAllowHTTP, m)
	s.checkClient(m)
	if s.clientSecretFile == "" {
		m.missing(s.path+".client_secret_file", "required: the file that holds the client secret, or with bearer an access token of the gateway's own")
	} else if _, err := s.readSecret(); err != nil {
		m.addAll(s.path+".client_secret_file", err)
	}
	if token.Preset(i.preset) == token.Cognito {
		m.addf(s.path, "contradicts preset: its tokens name no audience, so that nobody could tell for whom an opaque one is")
	}
}

// checkEndpoint never quotes the address: it may hold a password, which is one of the mistakes.
func (s *introspectionConfig) checkEndpoint(insecureHTTP bool, m *mistakes) {
	path := s.path + ".endpoint"
	if s.endpoint == "" {
		m.missing(path, "required: where the issuer tells about its tokens (RFC 7662)")
		return
	}
	u, err := url.Parse(s.endpoint)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		m.addf(path, "must be an https URL, as tokens and the client secret are sent there")
	case u.User != nil || strings.Contains(s.endpoint, "#"):
		m.addf(path, "must have no user name, password or fragment")
	case u.Scheme == "http" && !insecureHTTP:
		m.addf(path, "must be https, unless insecure_allow_http is true: who can read what is sent has the tokens, who can change the answer decides who is admitted")
	}
}

func (s *introspectionConfig) checkClient(m *mistakes) {
	path := s.path + ".client_id"
	if known := []string{basicAuth, postAuth, bearerAuth}; !slices.Contains(known, s.auth) {
		m.addf(s.path+".auth", "%q is none of %s", s.auth, strings.Join(known, ", "))
		return
	}
	switch {
	case strings.TrimSpace(s.clientID) != s.clientID:
		m.addf(path, "%q has white space around it", s.clientID)
	case s.clientID == "" && s.auth != bearerAuth:
		m.missing(path, "required: who the gateway is to the endpoint")
	case s.clientID == "" && s.signed:
		m.missing(path, "required: a signed answer says for whom it is")
	case s.clientID != "" && s.auth == bearerAuth && !s.signed:
		m.addf(path, "means nothing with bearer, unless signed is true")
	}
}

// checkCredentials finds what a route that is not public cannot take.
func (c *config) checkCredentials(r *routeConfig, m *mistakes) {
	for n, kind := range r.accept {
		if kind != "" && kind != acceptJWT && kind != acceptOpaque && kind != acceptMTLS {
			m.addf(fmt.Sprintf("%s.accept[%d]", r.path, n), "%q is none of %s, %s, %s", kind, acceptJWT, acceptOpaque, acceptMTLS)
		}
	}
	tell := c.tellers(r)
	switch {
	case !r.takes(acceptOpaque):
	case len(tell) == 0 && len(r.accept) > 0:
		m.addWhole(r.path+".accept", fmt.Errorf("%s: no issuer of this route has introspection, so that nobody can be asked", acceptOpaque))
	case len(tell) > 1:
		m.addWhole(r.path+".issuers", fmt.Errorf("opaque tokens name no issuer: name one of those with introspection (%s), or accept %s only", strings.Join(pathsOf(tell), ", "), acceptJWT))
	}
	if r.introspect {
		c.checkIntrospect(r, m)
	}
	c.checkPeers(r, m)
}

func (c *config) checkIntrospect(r *routeConfig, m *mistakes) {
	if !r.takes(acceptJWT) {
		m.addf(r.path+".introspect", "contradicts accept: it is about JWTs")
		return
	}
	silent := slices.DeleteFunc(c.admitted(r), func(i *issuerConfig) bool { return i.introspection != nil })
	if len(silent) > 0 {
		m.addf(r.path+".introspect", "not every issuer of this route has introspection: %s", strings.Join(pathsOf(silent), ", "))
	}
}

// takes reports whether a route takes a kind of credential, as far as the route itself says.
func (r *routeConfig) takes(kind string) bool {
	return len(r.accept) == 0 || slices.Contains(r.accept, kind)
}

// admitted lists the issuers whose tokens a route takes.
func (c *config) admitted(r *routeConfig) []*issuerConfig {
	var all []*issuerConfig
	for n := range c.issuers {
		if i := &c.issuers[n]; len(r.issuers) == 0 || slices.Contains(r.issuers, i.issuer) {
			all = append(all, i)
		}
	}
	return all
}

// tellers lists the issuers of a route that can be asked about tokens.
func (c *config) tellers(r *routeConfig) []*issuerConfig {
	return slices.DeleteFunc(c.admitted(r), func(i *issuerConfig) bool { return i.introspection == nil })
}

func pathsOf(issuers []*issuerConfig) []string {
	paths := make([]string, 0, len(issuers))
	for _, i := range issuers {
		paths = append(paths, i.path)
	}
	return paths
}

// checkRedis never quotes the address, as checkEndpoint.
func (c *config) checkRedis(m *mistakes) {
	if c.redis == nil {
		return
	}
	if !slices.ContainsFunc(c.issuers, func(i issuerConfig) bool { return i.introspection != nil }) && c.revocation == nil && len(c.quotas) == 0 {
		m.addf("redis", "no issuer has introspection, revocation is off, and there are no quotas: there is nothing to share")
	}
	if c.redis.url == "" {
		m.missing("redis.url", "required: such as rediss://user:password@redis.example.com:6379/0")
	} else if _, err := c.redis.options(); err != nil {
		m.addAll("redis.url", err)
	}
	if c.redis.keyFile == "" {
		m.missing("redis.key_file", "required: a file with at least 32 random bytes in base64, the same for all gateways")
	} else if _, err := c.redis.readKey(); err != nil {
		m.addAll("redis.key_file", err)
	}
}
