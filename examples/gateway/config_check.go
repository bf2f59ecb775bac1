package main

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// check reports what is missing and what contradicts what. Whether the parts are good in themselves, the packages that are
// built from them decide; check_build.go asks them.
func (c *config) check(m *mistakes) {
	c.checkAddresses(m)
	c.checkUpstreams(m)
	if len(c.issuers) == 0 && c.mtls == nil {
		m.missing("issuers", "required: nobody could be admitted")
	}
	for i := range c.issuers {
		c.issuers[i].check(m)
	}
	c.checkIssuersTogether(m)
	if len(c.routes) == 0 {
		m.missing("routes", "required: what no route names is refused")
	}
	for i := range c.routes {
		c.checkRoute(&c.routes[i], m)
	}
	c.checkRedis(m)
	c.checkTLS(m)
	c.checkMTLS(m)
	c.checkLimit(m)
	c.checkRevocation(m)
	c.checkAudit(m)
	c.checkQuotas(m)
	if c.metrics != nil && c.adminListen == "" {
		m.missing("admin_listen", "required with metrics: they are served there")
	}
	c.checkByBuilding(m)
}

func (c *config) checkAddresses(m *mistakes) {
	if c.listen == "" {
		m.missing("listen", "required: the address to serve on, such as 127.0.0.1:8080")
	} else if why := badAddress(c.listen); why != "" {
		m.addf("listen", "%s", why)
	}
	if c.adminListen != "" {
		if why := badAddress(c.adminListen); why != "" {
			m.addf("admin_listen", "%s", why)
		} else if sameAddress(c.listen, c.adminListen) {
			m.addf("admin_listen", "the same address as listen")
		}
	}
	if c.externalURL != "" {
		if why := badResource(c.externalURL); why != "" {
			m.addf("external_url", "%s", why)
		}
	}
	if strings.ContainsFunc(c.realm, func(r rune) bool { return r < ' ' || r > '~' }) {
		m.addf("realm", "must be printable ASCII")
	}
}

func (c *config) checkUpstreams(m *mistakes) {
	own := 0
	for _, r := range c.routes {
		if r.upstream != "" {
			own++
			c.checkUpstream(r.path+".upstream", r.upstream, m)
		}
	}
	switch {
	case c.upstream != "":
		c.checkUpstream("upstream", c.upstream, m)
	case own == 0 || own < len(c.routes):
		m.missing("upstream", "required, as not every route names its own")
	}
}

// checkUpstream never quotes the address: it may hold a password, which is one of the mistakes.
func (c *config) checkUpstream(path, raw string, m *mistakes) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		m.addf(path, "must be an absolute URL such as http://127.0.0.1:9000")
		return
	}
	switch {
	case u.User != nil:
		m.addf(path, "must not hold a user name or password")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, strings.Contains(raw, "#"):
		m.addf(path, "must have no path, query or fragment: what the client asks for is forwarded as it is")
	case badPort(u.Port(), false):
		m.addf(path, "the port must be a number from 1 to 65535")
	case sameAddress(c.listen, hostPort(u)):
		m.addf(path, "the same address as listen: the gateway would call itself")
	}
}

func (i *issuerConfig) check(m *mistakes) {
	if i.issuer == "" {
		m.missing(i.path+".issuer", "required: the iss of its tokens")
	}
	switch {
	case i.accessTokenProfile && i.typ != "":
		m.addf(i.path+".access_token_profile", "it stands for the type at+jwt and contradicts type")
	case i.accessTokenProfile && i.preset != "":
		m.addf(i.path+".access_token_profile", "contradicts preset")
	}
	if i.jwksURL != "" {
		i.checkWebAddress(".jwks_url", i.jwksURL, m)
	} else if i.issuer != "" {
		i.checkWebAddress(".issuer", i.issuer, m)
	}
	if i.introspection != nil {
		i.introspection.check(i, m)
	}
}

// checkWebAddress holds an address from which keys are fetched to https.
func (i *issuerConfig) checkWebAddress(member, raw string, m *mistakes) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		m.addf(i.path+member, "must be an https URL, as keys are fetched from there")
	case u.User != nil || strings.Contains(raw, "#"):
		m.addf(i.path+member, "must have no user name, password or fragment")
	case u.Scheme == "http" && !i.insecureAllowHTTP:
		m.addf(i.path+member, "must be https, unless insecure_allow_http is true: who can change the answer can sign tokens")
	}
}

func (c *config) checkIssuersTogether(m *mistakes) {
	snapshots := map[string]string{}
	issuers := map[string]string{}
	for _, i := range c.issuers {
		if first, twice := issuers[i.issuer]; twice && i.issuer != "" {
			m.addf(i.path+".issuer", "the same as %s.issuer", first)
		}
		issuers[i.issuer] = i.path
		if first, twice := snapshots[i.keys.snapshot]; twice && i.keys.snapshot != "" {
			m.addf(i.path+".keys.snapshot", "the same file as %s.keys.snapshot", first)
		}
		snapshots[i.keys.snapshot] = i.path
	}
}

func (c *config) checkRoute(r *routeConfig, m *mistakes) {
	if r.pattern == "" {
		m.missing(r.path+".pattern", "required: such as GET /orders/{id}")
	}
	asks := len(r.all)+len(r.any)+len(r.claims)+len(r.issuers)+len(r.accept)+len(r.peers) > 0 || r.introspect
	if r.public && asks {
		m.addf(r.path+".public", "contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing")
	}
	for n, issuer := range r.issuers {
		if !slices.ContainsFunc(c.issuers, func(i issuerConfig) bool { return i.issuer == issuer }) {
			m.addf(r.path+".issuers["+strconv.Itoa(n)+"]", "not the issuer of any member of issuers")
		}
	}
	if !r.public {
		c.checkCredentials(r, m)
	}
}

// badAddress says what is wrong with an address to listen on.
func badAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || strings.ContainsAny(host, "/?#@ "):
		return "must be host:port, such as 127.0.0.1:8080"
	case badPort(port, true):
		return "the port must be a number from 0 to 65535"
	}
	return ""
}

// badPort reports a port that is no number in range. Without a port an URL has its scheme's.
func badPort(port string, listening bool) bool {
	if port == "" {
		return listening
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err != nil || (n == 0 && !listening)
}

// badResource says what is wrong with the address under which clients know the gateway (RFC 9728 section 1.2).
func badResource(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http"):
		return "must be an absolute URL such as https://api.example.com"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "must be https, unless it is a loopback address"
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return "must have no path, query or fragment, nor a slash at the end"
	case badPort(u.Port(), false):
		return "the port must be a number from 1 to 65535"
	}
	return ""
}

// sameAddress reports whether two addresses reach one socket: the same port, and hosts that are equal, or one of which
// stands for all of this machine's while the other is certainly this machine's. Port 0 is a new port each time.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	everyA, everyB := isEverywhere(hostA), isEverywhere(hostB)
	return canonicalHost(hostA) == canonicalHost(hostB) ||
		(everyA && (everyB || isLoopback(hostB))) || (everyB && isLoopback(hostA))
}

func canonicalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return strings.ToLower(host)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(canonicalHost(host))
	return err == nil && ip.IsLoopback()
}

func isEverywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || (err == nil && ip.IsUnspecified())
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
