package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

func decodeConfig(root *node, m *mistakes) *config {
	s := open(root, m)
	c := &config{
		listen: s.text("listen"), adminListen: s.text("admin_listen"),
		externalURL: s.text("external_url"), realm: s.text("realm"),
		upstream:             s.text("upstream"),
		issuers:              decodeList(s, "issuers", decodeIssuer),
		routes:               decodeList(s, "routes", decodeRoute),
		quotas:               decodeList(s, "quotas", decodeQuota),
		forwardAuthorization: s.flag("forward_authorization"),
		streamPastExpiry:     s.flag("stream_past_expiry"),
	}
	if n := s.take("identity_headers"); n != nil {
		c.identityHeaders = decodeHeaders(open(n, m))
	}
	if n := s.take("tls"); n != nil {
		c.tls = decodeTLS(open(n, m))
	}
	if n := s.take("mtls"); n != nil {
		c.mtls = decodeMTLS(open(n, m))
	}
	if n := s.take("failed_auth_limit"); n != nil {
		c.failedAuthLimit = decodeLimit(open(n, m))
	}
	if n := s.take("revocation"); n != nil {
		c.revocation = decodeRevocation(open(n, m))
	}
	if n := s.take("audit"); n != nil {
		c.audit = decodeAudit(open(n, m))
	}
	if n := s.take("metrics"); n != nil {
		c.metrics = decodeMetrics(open(n, m))
	}
	if n := s.take("redis"); n != nil {
		c.redis = decodeRedis(open(n, m))
	}
	s.refuseUnknown()
	return c
}

func decodeIssuer(s *section) issuerConfig {
	i := issuerConfig{
		path:   s.path,
		issuer: s.text("issuer"), preset: s.text("preset"),
		audiences: s.texts("audiences"), clientIDs: s.texts("client_ids"),
		typ: s.text("type"), algorithms: s.texts("algorithms"),
		accessTokenProfile: s.flag("access_token_profile"),
		leeway:             s.duration("leeway"), maxLifetime: s.duration("max_lifetime"),
		requiredClaims: s.table("required_claims"),
		scopeClaims:    s.texts("scope_claims"), grantClaims: s.texts("grant_claims"),
		scopesAllowed:     s.texts("scopes_allowed"),
		jwksURL:           s.text("jwks_url"),
		insecureAllowHTTP: s.flag("insecure_allow_http"),
	}
	if n := s.take("keys"); n != nil {
		i.keys = decodeKeys(open(n, s.m))
	}
	if n := s.take("introspection"); n != nil {
		i.introspection = decodeIntrospection(open(n, s.m))
	}
	s.refuseUnknown()
	return i
}

func decodeIntrospection(s *section) *introspectionConfig {
	defer s.refuseUnknown()
	return &introspectionConfig{
		path: s.path, endpoint: s.text("endpoint"), auth: orDefault(s.text("auth"), defaultAuth),
		clientID: s.text("client_id"), clientSecretFile: s.text("client_secret_file"),
		ttl: s.duration("ttl"), negativeTTL: s.duration("negative_ttl"), timeout: s.duration("timeout"),
		signed: s.flag("signed"),
	}
}

func decodeTLS(s *section) *tlsConfig {
	defer s.refuseUnknown()
	return &tlsConfig{certFile: s.text("cert_file"), keyFile: s.text("key_file")}
}

func decodeMTLS(s *section) *mtlsConfig {
	defer s.refuseUnknown()
	c := &mtlsConfig{
		clientCAFile: s.text("client_ca_file"), spiffeTrustDomain: s.text("spiffe_trust_domain"),
		dnsNames: s.texts("dns_names"), crlFiles: s.texts("crl_files"),
	}
	if n := s.take("forwarded"); n != nil {
		c.forwarded = decodeForwarded(open(n, s.m))
	}
	return c
}

func decodeForwarded(s *section) *forwardedConfig {
	defer s.refuseUnknown()
	return &forwardedConfig{format: s.text("format"), trustedProxies: s.texts("trusted_proxies")}
}

func decodeLimit(s *section) *limitConfig {
	defer s.refuseUnknown()
	return &limitConfig{perMinute: s.number("per_minute"), burst: s.number("burst"), trustedProxies: s.texts("trusted_proxies")}
}

func decodeRevocation(s *section) *revocationConfig {
	defer s.refuseUnknown()
	c := &revocationConfig{
		files: s.texts("files"), urls: s.texts("urls"), every: s.duration("every"), maxStale: s.duration("max_stale"),
		insecureOpen: s.flag("insecure_open"),
	}
	if n := s.take("events"); n != nil {
		c.events = decodeEvents(open(n, s.m))
	}
	return c
}

func decodeEvents(s *section) *eventsConfig {
	defer s.refuseUnknown()
	return &eventsConfig{
		path: s.text("path"), issuer: s.text("issuer"), audience: s.text("audience"), authorizationFile: s.text("authorization_file"),
	}
}

func decodeQuota(s *section) quotaConfig {
	defer s.refuseUnknown()
	return quotaConfig{
		path: s.path, name: s.text("name"), limit: s.number("limit"), window: s.duration("window"),
		by: orDefault(s.text("by"), bySubject), claim: s.text("claim"), down: orDefault(s.text("redis_down"), downClosed),
	}
}

func decodeAudit(s *section) *auditConfig {
	defer s.refuseUnknown()
	return &auditConfig{
		file: s.text("file"), keyFile: s.text("key_file"), sampleAllowed: s.number("sample_allowed"), requestIDHeader: s.text("request_id_header"),
	}
}

func decodeMetrics(s *section) *metricsConfig {
	defer s.refuseUnknown()
	return &metricsConfig{byRoute: s.flag("by_route")}
}

func decodeRedis(s *section) *redisConfig {
	defer s.refuseUnknown()
	return &redisConfig{url: s.text("url"), keyFile: s.text("key_file")}
}

func decodeKeys(s *section) keysConfig {
	defer s.refuseUnknown()
	return keysConfig{
		maxAge: s.duration("max_age"), minInterval: s.duration("min_interval"), maxStale: s.duration("max_stale"),
		timeout: s.duration("timeout"), snapshot: s.text("snapshot"),
	}
}

func decodeRoute(s *section) routeConfig {
	defer s.refuseUnknown()
	return routeConfig{
		path: s.path, pattern: s.text("pattern"),
		all: s.texts("all"), any: s.texts("any"),
		issuers: s.texts("issuers"), claims: s.table("claims"),
		accept: s.texts("accept"), peers: s.texts("peers"), introspect: s.flag("introspect"),
		public: s.flag("public"), upstream: s.text("upstream"), quota: s.text("quota"),
	}
}

func decodeHeaders(s *section) *headersConfig {
	defer s.refuseUnknown()
	return &headersConfig{
		subject: s.text("subject"), issuer: s.text("issuer"), clientID: s.text("client_id"),
		scopes: s.text("scopes"), kind: s.text("kind"), claims: s.table("claims"),
	}
}

// decodeList reads an array of objects.
func decodeList[T any](s *section, name string, decode func(*section) T) []T {
	n := s.take(name)
	if n == nil {
		return nil
	}
	if n.value != kindArray {
		s.m.addf(n.path, "must be a list")
		return nil
	}
	var list []T
	for _, element := range n.elements {
		if inner := open(element, s.m); inner.value == kindObject {
			list = append(list, decode(inner))
		}
	}
	return list
}

// A section reads the members of one object, each once, and knows which nobody asked for. A member of the wrong type is
// reported and reads as if it were absent.
type section struct {
	*node
	m     *mistakes
	taken map[string]bool
}

// open reports a node that is no object; its section is then empty.
func open(n *node, m *mistakes) *section {
	if n.value != kindObject {
		m.addf(n.path, "must be an object")
	}
	return &section{node: n, m: m, taken: map[string]bool{}}
}

func (s *section) take(name string) *node {
	s.taken[name] = true
	return s.members[name]
}

func (s *section) refuseUnknown() {
	for _, name := range s.names {
		if !s.taken[name] {
			s.m.addf(s.members[name].path, "unknown member")
		}
	}
}

func (s *section) text(name string) string { return textOf(s.take(name), s.m) }

func textOf(n *node, m *mistakes) string {
	if n == nil {
		return ""
	}
	text, ok := n.value.(string)
	if !ok {
		m.addf(n.path, "must be a string")
	}
	return text
}

func (s *section) flag(name string) bool {
	n := s.take(name)
	if n == nil {
		return false
	}
	set, ok := n.value.(bool)
	if !ok {
		s.m.addf(n.path, "must be true or false")
	}
	return set
}

// number reads a whole number, at least 1.
func (s *section) number(name string) int {
	n := s.take(name)
	if n == nil {
		return 0
	}
	digits, _ := n.value.(json.Number)
	value, err := strconv.Atoi(digits.String())
	if err != nil || value < 1 {
		s.m.addf(n.path, "must be a whole number, at least 1")
		return 0
	}
	return value
}

// texts reads a list of strings, none of them empty and none of them twice.
func (s *section) texts(name string) []string {
	n := s.take(name)
	if n == nil {
		return nil
	}
	if n.value != kindArray {
		s.m.addf(n.path, "must be a list of strings")
		return nil
	}
	var list []string
	seen := map[string]bool{}
	for _, element := range n.elements {
		text := textOf(element, s.m)
		switch {
		case text == "":
			s.m.addf(element.path, "empty")
		case seen[text]:
			s.m.addf(element.path, "given twice")
		}
		seen[text] = true
		list = append(list, text)
	}
	return list
}

// table reads an object whose members are all strings.
func (s *section) table(name string) map[string]string {
	n := s.take(name)
	if n == nil {
		return nil
	}
	inner := open(n, s.m)
	table := map[string]string{}
	for _, key := range inner.names {
		table[key] = inner.text(key)
		if key == "" {
			s.m.addf(inner.members[key].path, "a member without a name")
		}
	}
	return table
}

// duration reads a Go duration above zero; empty is zero, which means the default.
func (s *section) duration(name string) time.Duration {
	n := s.take(name)
	text := textOf(n, s.m)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		s.m.addf(n.path, "%s", fmt.Sprintf("%q is no duration such as 30s or 5m", text))
	case d <= 0:
		s.m.addf(n.path, "must be more than nothing")
	}
	return d
}
