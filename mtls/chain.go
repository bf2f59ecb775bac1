package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// path is one chain from a leaf to an authority: when it holds, and whom it proves.
type path struct {
	from, until time.Time // as X.509 has it, both included
	links       []link    // empty without revocation lists
	peer        *Peer
}

// link is one certificate of a chain, for the question whether it is revoked.
type link struct {
	list   *list // of its issuer; nil if there is none
	serial serial
}

const maxPaths = 8

// judge asks what may change: time and revocation. One good path is enough. If none is, then one that is undecided makes the answer
// undecided, since a current list might show it to be good.
func judge(paths []path, now time.Time, stale bool) (*Peer, error) {
	var verdict error
	for i := range paths {
		err := paths[i].judge(now, stale)
		if err == nil {
			return paths[i].peer, nil
		}
		if verdict == nil || !errors.Is(err, ErrRefused) {
			verdict = err
		}
	}
	return nil, verdict
}

func (p *path) judge(now time.Time, stale bool) error {
	if now.Before(p.from) || now.After(p.until) {
		return refuse(ReasonExpired)
	}
	var undecided error
	for _, l := range p.links {
		switch {
		case l.list == nil:
			undecided = errUndecided
		case l.list.has(l.serial): // whatever the age of the list
			return refuse(ReasonRevoked)
		case !now.Before(l.list.next) && !stale:
			undecided = errUndecided
		}
	}
	return undecided
}

// verifyChain is Verify for a leaf and what came with it. now is the time to judge by.
func (v *Verifier) verifyChain(leaf *x509.Certificate, intermediates []*x509.Certificate, now time.Time) (*Peer, error) {
	t := v.current()
	if t == nil {
		return nil, errNotMade
	}
	if leaf == nil || len(leaf.Raw) == 0 || len(leaf.Raw) > maxLeaf || slices.Contains(intermediates, nil) {
		return nil, refuse(ReasonMalformed)
	}
	if len(intermediates) > maxIntermediate {
		return nil, refuse(ReasonChain)
	}
	key, with := sha256.Sum256(leaf.Raw), t.remembered.tag(intermediates)
	if r := t.remembered.get(key, with); r != nil {
		peer, err := judge(r.paths, now, v.stale)
		if ReasonOf(err) != ReasonExpired { // another path may have become good
			return peer, err
		}
	}
	paths, err := t.paths(leaf, intermediates, v.allow, key, now)
	if err != nil {
		return nil, err
	}
	t.remembered.put(&remembered{leaf: key, with: with, paths: paths})
	return judge(paths, now, v.stale)
}

// paths finds the chains of a leaf that an authority and a rule admit. What costs least refuses first.
func (t *trust) paths(leaf *x509.Certificate, intermediates []*x509.Certificate, allow Rule, key [sha256.Size]byte, now time.Time) (paths []path, err error) {
	if err := checkLeaf(leaf, now); err != nil {
		return nil, err
	}
	all, ok := readNames(leaf)
	if !ok {
		return nil, refuse(ReasonName)
	}
	err = refuse(ReasonName)
	t.vouchers(all, func(a *anchor, n names) bool {
		name, kind, ok := allow.name(&n)
		if !ok {
			return true
		}
		var chains [][]*x509.Certificate
		if chains, err = a.chains(leaf, intermediates, now); err != nil {
			return true
		}
		peer := Peer{
			name: name, kind: kind, der: slices.Clone(leaf.Raw), names: n,
			thumbprint: thumbprint(key),
		}
		for _, chain := range chains {
			paths = append(paths, t.path(chain, peer))
		}
		return false
	})
	if len(paths) > 0 {
		return paths, nil
	}
	return nil, err
}

// checkLeaf asks what needs no authority.
func checkLeaf(c *x509.Certificate, now time.Time) error {
	const digital, ca = x509.KeyUsageDigitalSignature, x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return refuse(ReasonExpired)
	case c.IsCA || c.KeyUsage&ca != 0: // X509-SVID section 5.2
		return refuse(ReasonUsage)
	case c.KeyUsage != 0 && c.KeyUsage&digital == 0:
		return refuse(ReasonUsage)
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth): // RFC 5280 section 4.2.1.12; absent would mean any
		return refuse(ReasonUsage)
	case !isStrong(c):
		return refuse(ReasonUsage)
	}
	return nil
}

// chains builds and verifies the chains from a leaf to the authorities.
func (a *anchor) chains(leaf *x509.Certificate, intermediates []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	for _, c := range a.vouched(intermediates) {
		pool.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: a.pool, Intermediates: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, refuse(chainReason(err))
	}
	chains = slices.DeleteFunc(chains, func(chain []*x509.Certificate) bool {
		return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return !isStrong(c) })
	})
	if len(chains) == 0 {
		return nil, refuse(ReasonUsage)
	}
	return chains[:min(len(chains), maxPaths)], nil
}

// vouched returns the intermediates that lead to the authorities, without these. crypto/x509 begins at the leaf, and so would check up to a hundred
// signatures by keys that nobody vouches for, as large as whoever made them up likes: seconds of work for one request.
func (a *anchor) vouched(intermediates []*x509.Certificate) (found []*x509.Certificate) {
	left := slices.DeleteFunc(slices.Clone(intermediates), func(c *x509.Certificate) bool { return slices.ContainsFunc(a.certificates, c.Equal) })
	for issuers := slices.Clone(a.certificates); len(issuers) > 0 && len(left) > 0; issuers = issuers[1:] {
		left = slices.DeleteFunc(left, func(c *x509.Certificate) bool {
			by := string(c.RawIssuer) == string(issuers[0].RawSubject) && c.CheckSignatureFrom(issuers[0]) == nil
			if by {
				found, issuers = append(found, c), append(issuers, c)
			}
			return by
		})
	}
	return found
}

func chainReason(err error) Reason {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return ReasonExpired
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return ReasonUsage
	default:
		return ReasonChain
	}
}

// path reads out of a chain what each use asks.
func (t *trust) path(chain []*x509.Certificate, peer Peer) path {
	p := path{from: chain[0].NotBefore, until: chain[0].NotAfter}
	for i, c := range chain {
		if c.NotBefore.After(p.from) {
			p.from = c.NotBefore
		}
		if c.NotAfter.Before(p.until) {
			p.until = c.NotAfter
		}
		if i > 0 && len(t.lists) > 0 {
			p.links = append(p.links, link{list: t.lists.of(chain[i-1], c), serial: serialOf(chain[i-1].SerialNumber)})
		}
	}
	peer.expiry = p.until
	p.peer = &peer
	return p
}
