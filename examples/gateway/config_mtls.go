package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/perimeter-go/perimeter/mtls"
)

// acceptMTLS is the kind of credential that a client certificate is.
const acceptMTLS = "mtls"

var (
	errNoPeer   = errors.New("must be a URI such as spiffe://example.com/ns/prod/*, or a DNS name")
	errNoPrefix = errors.New("must be a range of addresses such as 10.0.0.0/8, without bits set outside of it")
	errAnyone   = errors.New("is everybody")
	errIPv6Form = errors.New("is an IPv4 range in IPv6 form: write it as IPv4")
)

func (c *config) checkTLS(m *mistakes) {
	if c.tls == nil {
		return
	}
	if c.tls.certFile == "" {
		m.missing("tls.cert_file", "required: the certificate and its intermediates in PEM")
	}
	if c.tls.keyFile == "" {
		m.missing("tls.key_file", "required: the certificate's private key in PEM")
	}
	if c.tls.certFile == "" || c.tls.keyFile == "" {
		return
	}
	if _, err := c.tls.load(); err != nil {
		m.addAll("tls.cert_file", err)
	}
}

// load reads the pair. No error quotes a file.
func (t *tlsConfig) load() (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(t.certFile, t.keyFile)
	return cert, reasonOf(err)
}

func (c *config) checkMTLS(m *mistakes) {
	s := c.mtls
	if s == nil {
		return
	}
	if c.tls == nil && s.forwarded == nil {
		m.missing("mtls", "needs tls, for certificates of its own clients, or forwarded, for those of a proxy's")
	}
	if s.spiffeTrustDomain == "" && len(s.dnsNames) == 0 {
		m.missing("mtls.spiffe_trust_domain", "required, or dns_names: the authorities may vouch for others too")
	}
	s.checkNames(m)
	s.checkFiles(m)
	if s.forwarded != nil {
		s.forwarded.check(m)
	}
}

func (s *mtlsConfig) checkNames(m *mistakes) {
	if s.spiffeTrustDomain != "" {
		m.addAll("mtls.spiffe_trust_domain", mistakeIn(mtls.SPIFFE(s.spiffeTrustDomain)))
	}
	for n, name := range s.dnsNames {
		if name != "" {
			m.addAll(fmt.Sprintf("mtls.dns_names[%d]", n), mistakeIn(mtls.DNS(name)))
		}
	}
}

func (s *mtlsConfig) checkFiles(m *mistakes) {
	if s.clientCAFile == "" {
		m.missing("mtls.client_ca_file", "required: the authorities that vouch for clients")
	} else if _, err := (mtls.Files{Roots: s.files().Roots, Bundles: s.files().Bundles}).Read(); err != nil {
		m.addAll("mtls.client_ca_file", reasonOf(err))
	}
	for n, name := range s.crlFiles {
		if name == "" {
			continue
		}
		if _, err := (mtls.Files{CRLs: []string{name}}).Read(); err != nil {
			m.addAll(fmt.Sprintf("mtls.crl_files[%d]", n), reasonOf(err))
		}
	}
	s.checkLists(m)
}

// checkLists finds lists that are not the authorities'. That takes files and names that are good by themselves.
func (s *mtlsConfig) checkLists(m *mistakes) {
	trust, err := s.files().Read()
	allow := s.allow()
	if err != nil || allow == nil || mistakeIn(allow) != nil {
		return
	}
	if _, err := mtls.New(mtls.Config{Trust: trust, Allow: allow}, nil); err != nil {
		m.addAll("mtls.crl_files", err)
	}
}

// files are what the gateway trusts. Authorities of a trust domain alone may vouch for nothing but its SPIFFE IDs.
func (s *mtlsConfig) files() mtls.Files {
	f := mtls.Files{CRLs: s.crlFiles}
	if s.spiffeTrustDomain != "" && len(s.dnsNames) == 0 {
		f.Bundles = map[string]string{s.spiffeTrustDomain: s.clientCAFile}
	} else {
		f.Roots = []string{s.clientCAFile}
	}
	return f
}

// allow is the rule of who is admitted. It is nil if the section names nobody.
func (s *mtlsConfig) allow() mtls.Rule {
	var rules []mtls.Rule
	if s.spiffeTrustDomain != "" {
		rules = append(rules, mtls.SPIFFE(s.spiffeTrustDomain))
	}
	for _, name := range s.dnsNames {
		rules = append(rules, mtls.DNS(name))
	}
	return anyOf(rules)
}

func anyOf(rules []mtls.Rule) mtls.Rule {
	if len(rules) == 0 {
		return nil
	}
	return mtls.AnyOf(rules[0], rules[1:]...)
}

var formats = []mtls.Format{mtls.FormatClientCert, mtls.FormatXFCC, mtls.FormatPEM, mtls.FormatDER}

func (f *forwardedConfig) check(m *mistakes) {
	if !slices.Contains(formats, mtls.Format(f.format)) {
		m.missing("mtls.forwarded.format", fmt.Sprintf("%q is none of %s", f.format, strings.Trim(fmt.Sprint(formats), "[]")))
	}
	if len(f.trustedProxies) == 0 {
		m.missing("mtls.forwarded.trusted_proxies", "required: whoever may say who the client is")
	}
	for n, text := range f.trustedProxies {
		if err := proxyMistake(text); err != nil && text != "" {
			m.addf(fmt.Sprintf("mtls.forwarded.trusted_proxies[%d]", n), "%q %s", text, err)
		}
	}
}

// headers are those in which a proxy forwards certificates. They are between it and the gateway.
func (s *mtlsConfig) headers() []string {
	if s == nil || s.forwarded == nil {
		return nil
	}
	f, err := mtls.NewForwarded(nil, mtls.ForwardedConfig{Format: mtls.Format(s.forwarded.format), TrustedProxies: prefixes(s.forwarded.trustedProxies)})
	if err != nil {
		return nil // and reported where it belongs
	}
	return f.Headers()
}

// proxyMistake says why a range is not one of proxies.
func proxyMistake(text string) error {
	p, err := prefixOf(text)
	switch {
	case err != nil:
		return err
	case p.Bits() == 0:
		return errAnyone
	case p.Addr().Is4In6():
		return errIPv6Form
	default:
		return nil
	}
}

func prefixOf(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() {
		return netip.Prefix{}, errNoPrefix
	}
	return p, nil
}

// checkPeers finds what a route that is not public says wrongly about certificates.
func (c *config) checkPeers(r *routeConfig, m *mistakes) {
	certificates := slices.Contains(r.accept, acceptMTLS)
	if certificates && c.mtls == nil {
		m.addWhole(r.path+".accept", errors.New("mtls: the section mtls is missing, so that nobody would be admitted"))
	}
	if certificates && len(r.accept) == 1 {
		for _, asks := range []struct {
			name  string
			given bool
		}{
			{"all", len(r.all) > 0},
			{"any", len(r.any) > 0},
			{"claims", len(r.claims) > 0},
			{"issuers", len(r.issuers) > 0},
		} {
			if asks.given {
				m.addWhole(r.path+"."+asks.name, errors.New("a certificate has no scopes, claims or issuer, and this route takes nothing else"))
			}
		}
	}
	if len(r.peers) > 0 && (!certificates || len(r.accept) > 1) {
		m.addWhole(r.path+".peers", errors.New(`is about certificates: it needs "accept": ["mtls"]`))
	}
	for n, text := range r.peers {
		if _, err := peerRule(text); err != nil && text != "" {
			m.addf(fmt.Sprintf("%s.peers[%d]", r.path, n), "%q %s", text, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
}

// admits is the rule of a route, or nil.
func (r *routeConfig) admits() mtls.Rule {
	var rules []mtls.Rule
	for _, text := range r.peers {
		if rule, err := peerRule(text); err == nil {
			rules = append(rules, rule)
		}
	}
	return anyOf(rules)
}

// peerRule reads a name of a peer: a SPIFFE ID, whose path may be a pattern, another URI, or a DNS name.
func peerRule(text string) (mtls.Rule, error) {
	if rest, isSPIFFE := strings.CutPrefix(text, "spiffe://"); isSPIFFE {
		domain, path, hasPath := strings.Cut(rest, "/")
		rule := mtls.SPIFFE(domain)
		if hasPath {
			rule = mtls.SPIFFE(domain, "/"+path)
		}
		return rule, mistakeIn(rule)
	}
	rule := mtls.DNS(text)
	if strings.Contains(text, ":") {
		if u, err := url.Parse(text); err != nil || u.Scheme == "" {
			return nil, errNoPeer
		}
		rule = mtls.URI(text)
	}
	return rule, mistakeIn(rule)
}

// mistakeIn says what is wrong with a rule.
func mistakeIn(r mtls.Rule) error { return r.Err() }
