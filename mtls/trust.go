package mtls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// parts is a Trust whose lists have been read.
type parts struct {
	roots   []*x509.Certificate
	bundles map[string][]*x509.Certificate
	lists   []*list
	err     error // what is wrong with the lists by themselves
}

func (t Trust) parts() parts {
	p := parts{roots: t.Roots, bundles: t.Bundles}
	for i, crl := range t.CRLs {
		l, err := readList(crl)
		if err != nil {
			p.err = errors.Join(p.err, fmt.Errorf("mtls: Trust.CRLs[%d]: %w", i, err))
			continue
		}
		p.lists = append(p.lists, l)
	}
	return p
}

// trust is a Trust compiled. It never changes, but for what it remembers.
type trust struct {
	roots      *anchor            // nil: none
	bundles    map[string]*anchor // by trust domain
	lists      lists
	remembered *memory
	since      time.Time
}

// anchor is a set of authorities.
type anchor struct {
	domain       string // "" for the roots
	certificates []*x509.Certificate
	pool         *x509.CertPool
}

// compile checks everything and reports all mistakes joined. held is what is trusted now, or nil.
func compile(p parts, allow Rule, held *trust) (*trust, error) {
	m := mistakes{}
	if p.err != nil {
		m = append(m, p.err)
	}
	t := &trust{bundles: map[string]*anchor{}, remembered: newMemory(), since: time.Now()}
	if len(p.roots) > 0 {
		t.roots = m.anchor("Trust.Roots", "", p.roots)
	}
	for _, domain := range slices.Sorted(maps.Keys(p.bundles)) {
		name := fmt.Sprintf("Trust.Bundles[%q]", domain)
		if !isTrustDomain(domain) {
			m.addf("%s: no trust domain", name)
		}
		if len(p.bundles[domain]) == 0 {
			m.addf("%s is empty", name)
		}
		t.bundles[domain] = m.anchor(name, domain, p.bundles[domain])
	}
	if t.roots == nil && len(t.bundles) == 0 {
		m.addf("Trust has neither Roots nor Bundles, and no public authority is trusted instead")
	}
	m.checkVouched(t, allow)
	var heldLists lists
	if held != nil {
		heldLists = held.lists
	}
	t.lists = m.lists(p.lists, t.authorities(), heldLists)
	if err := errors.Join(m...); err != nil {
		return nil, err
	}
	return t, nil
}

// anchor copies the authorities.
func (m *mistakes) anchor(name, domain string, certificates []*x509.Certificate) *anchor {
	a := &anchor{domain: domain, pool: x509.NewCertPool()}
	for i, c := range certificates {
		authority, err := copyAuthority(c)
		if err != nil {
			m.addf("%s[%d]: %w", name, i, err)
			continue
		}
		if !slices.ContainsFunc(a.certificates, authority.Equal) {
			a.certificates = append(a.certificates, authority)
			a.pool.AddCert(authority)
		}
	}
	return a
}

var (
	errNotParsed    = errors.New("no parsed certificate")
	errNoAuthority  = errors.New("a certificate that is no authority (basic constraints, RFC 5280 section 4.2.1.9)")
	errNotToSign    = errors.New("an authority that may not sign certificates (key usage, RFC 5280 section 4.2.1.3)")
	errWeakKey      = errors.New("a key that is too weak: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519")
	errNotPermitted = errors.New("nobody may vouch for it")
)

func copyAuthority(c *x509.Certificate) (*x509.Certificate, error) {
	if c == nil {
		return nil, errNotParsed
	}
	authority, err := x509.ParseCertificate(slices.Clone(c.Raw))
	if err != nil {
		return nil, errNotParsed
	}
	return authority, checkAuthority(authority)
}

func checkAuthority(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return errNoAuthority
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errNotToSign
	case !isStrong(c):
		return errWeakKey
	}
	return nil
}

func isStrong(c *x509.Certificate) bool {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	default:
		return false
	}
}

// checkVouched notes the rules that can never admit anybody.
func (m *mistakes) checkVouched(t *trust, allow Rule) {
	if allow == nil || t.roots == nil && len(t.bundles) == 0 {
		return
	}
	allow.single(func(kind Kind, domain, text string) {
		switch {
		case kind != KindSPIFFE && t.roots == nil:
			m.addf("%s: %w: there are no Trust.Roots, and Bundles vouch for SPIFFE IDs only", text, errNotPermitted)
		case kind == KindSPIFFE && len(t.bundles) > 0 && t.bundles[domain] == nil:
			m.addf("%s: %w: there is no bundle of the trust domain, and Roots vouch for no SPIFFE ID beside Bundles", text, errNotPermitted)
		}
	})
}

// authorities are all that are trusted.
func (t *trust) authorities() (all []*x509.Certificate) {
	for a := range t.anchors {
		all = append(all, a.certificates...)
	}
	return all
}

// anchors calls yield for the roots, if any, and then for the bundles in the order of their trust domains.
func (t *trust) anchors(yield func(*anchor) bool) {
	if t.roots != nil && !yield(t.roots) {
		return
	}
	for _, domain := range slices.Sorted(maps.Keys(t.bundles)) {
		if !yield(t.bundles[domain]) {
			return
		}
	}
}

// vouchers calls yield for whoever may vouch for some of the names, with those names.
func (t *trust) vouchers(n names, yield func(*anchor, names) bool) {
	if len(t.bundles) == 0 {
		yield(t.roots, n)
		return
	}
	if a := t.bundles[n.spiffe.domain]; a != nil && !yield(a, n.vouchedByBundle()) {
		return
	}
	if t.roots != nil {
		yield(t.roots, n.vouchedByRoots())
	}
}

func fingerprint(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.Raw) }
