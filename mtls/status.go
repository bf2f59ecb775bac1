package mtls

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status says what is trusted now. It is a copy and may be kept.
type Status struct {
	Since       time.Time        // when this trust began to count
	Authorities []Authority      // the roots, then the bundles by trust domain
	Lists       []List           // by issuer
	Errors      map[string]error // by file: why Watch goes on with what it held before; without those that are well
	HookPanics  int              // how often OnReload panicked

	_ struct{}
}

// Authority is a root, or part of a bundle.
type Authority struct {
	TrustDomain         string // "" for a root
	Subject             string
	Fingerprint         string // SHA-256 of the certificate, in hexadecimal
	NotBefore, NotAfter time.Time

	_ struct{}
}

// List is a revocation list.
type List struct {
	Issuer     string
	Verified   bool // by an authority, or by an intermediate one that a client has presented; until then it counts for nothing
	ThisUpdate time.Time
	NextUpdate time.Time
	Age        time.Duration // since ThisUpdate
	Entries    int

	_ struct{}
}

// Status says what is trusted now.
func (v *Verifier) Status() Status {
	t := v.current()
	if t == nil {
		return Status{}
	}
	s := Status{Since: t.since, HookPanics: int(v.hookPanics.Load())}
	if errs := v.fileErrors.Load(); errs != nil {
		s.Errors = maps.Clone(*errs)
	}
	for a := range t.anchors {
		for _, c := range a.certificates {
			sum := fingerprint(c)
			s.Authorities = append(s.Authorities, Authority{
				TrustDomain: a.domain, Subject: c.Subject.String(), Fingerprint: hex.EncodeToString(sum[:]),
				NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			})
		}
	}
	now := time.Now()
	for _, issuer := range slices.Sorted(maps.Keys(t.lists)) {
		for _, l := range t.lists[issuer] {
			s.Lists = append(s.Lists, List{
				Issuer: l.issuerText, Verified: len(l.verifiedBy()) > 0, ThisUpdate: l.this, NextUpdate: l.next,
				Age: now.Sub(l.this), Entries: len(l.revoked),
			})
		}
	}
	slices.SortStableFunc(s.Lists, func(a, b List) int { return strings.Compare(a.Issuer, b.Issuer) })
	return s
}
