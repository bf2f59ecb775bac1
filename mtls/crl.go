package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"
)

// list is a revocation list that has been read, and perhaps not yet verified.
type list struct {
	issuer     string // DER of the name
	issuerText string
	keyID      string // of the issuer, "" if the list does not say; the signature decides
	number     *big.Int
	this, next time.Time
	points     []string // if any, the list is about certificates that name one of these distribution points
	revoked    map[serial]struct{}

	tbs, signature []byte
	algorithm      x509.SignatureAlgorithm

	mu      sync.Mutex
	signers map[authorityKey]*x509.Certificate // those that were asked about; nil for one that has not issued the list
}

// serial stands for a serial number: itself, or a hash of one that is longer than RFC 5280 section 4.1.2.2 allows.
type serial [20]byte

func serialOf(n *big.Int) (s serial) {
	if n.Sign() >= 0 && n.BitLen() <= 8*len(s) {
		n.FillBytes(s[:])
		return s
	}
	hash := sha256.Sum256([]byte(n.Text(16)))
	return serial(hash[:len(s)])
}

func (l *list) has(s serial) bool {
	_, is := l.revoked[s]
	return is
}

var (
	oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber      = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL       = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint   = asn1.ObjectIdentifier{2, 5, 29, 28}
)

var (
	errNoList       = errors.New("no parsed revocation list")
	errDelta        = errors.New("a delta revocation list")
	errPartial      = errors.New("a revocation list that does not cover all certificates of its issuer")
	errCritical     = errors.New("a revocation list with a critical extension that is not known")
	errNoNext       = errors.New("a revocation list that says nowhere when it is to be replaced")
	errNotTheirs    = errors.New("a revocation list that the authority of its name did not sign, or may not")
	errRemoveReason = errors.New("a complete revocation list with an entry that only a delta has")
)

// readList reads what a parsed list says. Who says it is another question.
func readList(crl *x509.RevocationList) (*list, error) {
	if crl == nil || len(crl.RawTBSRevocationList) == 0 {
		return nil, errNoList
	}
	points, err := checkExtensions(crl.Extensions)
	if err != nil {
		return nil, err
	}
	if crl.NextUpdate.IsZero() { // RFC 5280 section 5.1.2.5
		return nil, errNoNext
	}
	l := &list{
		issuer: string(crl.RawIssuer), issuerText: crl.Issuer.String(), keyID: string(crl.AuthorityKeyId), number: crl.Number,
		this: crl.ThisUpdate, next: crl.NextUpdate, points: points,
		revoked: make(map[serial]struct{}, len(crl.RevokedCertificateEntries)),
		tbs:     slices.Clone(crl.RawTBSRevocationList), signature: slices.Clone(crl.Signature), algorithm: crl.SignatureAlgorithm,
		signers: map[authorityKey]*x509.Certificate{},
	}
	for i := range crl.RevokedCertificateEntries {
		e := &crl.RevokedCertificateEntries[i]
		if slices.ContainsFunc(e.Extensions, func(x pkix.Extension) bool { return x.Critical }) { // such as another issuer (section 5.3.3)
			return nil, errCritical
		}
		const removeFromCRL = 8
		if e.ReasonCode == removeFromCRL {
			return nil, errRemoveReason
		}
		l.revoked[serialOf(e.SerialNumber)] = struct{}{}
	}
	return l, nil
}

// checkExtensions returns the distribution points that the list is for, if it is not for all.
func checkExtensions(extensions []pkix.Extension) (points []string, err error) {
	for _, e := range extensions {
		switch {
		case e.Id.Equal(oidDeltaCRL):
			return nil, errDelta
		case e.Id.Equal(oidIssuingPoint):
			if points = readIssuingPoint(e.Value); len(points) == 0 {
				return nil, errPartial
			}
		case e.Id.Equal(oidAuthorityKeyID), e.Id.Equal(oidCRLNumber):
		case e.Critical: // RFC 5280 section 5.2
			return nil, errCritical
		}
	}
	return points, nil
}

// readIssuingPoint returns the URIs of a distribution point (RFC 5280 section 5.2.5), or nothing if there is none, or if there is any other
// restriction: to users or authorities, to some reasons, or to another issuer's.
func readIssuingPoint(der []byte) (points []string) {
	const name, fullName = 0, 0
	inner, ok := der, true
	for _, want := range []struct{ class, tag int }{
		{asn1.ClassUniversal, asn1.TagSequence}, {asn1.ClassContextSpecific, name}, {asn1.ClassContextSpecific, fullName},
	} {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(inner, &v)
		ok = ok && err == nil && len(rest) == 0 && v.Class == want.class && v.Tag == want.tag && v.IsCompound
		inner = v.Bytes
	}
	for ok && len(inner) > 0 {
		var (
			v   asn1.RawValue
			err error
		)
		inner, err = asn1.Unmarshal(inner, &v)
		ok = err == nil
		if ok && v.Class == asn1.ClassContextSpecific && v.Tag == tagURI {
			points = append(points, string(v.Bytes))
		}
	}
	if !ok {
		return nil
	}
	return points
}

// covers reports whether the list is about a certificate of its issuer (RFC 5280 section 6.3.3 (b) (2) (i)).
func (l *list) covers(c *x509.Certificate) bool {
	return len(l.points) == 0 || slices.ContainsFunc(c.CRLDistributionPoints, func(p string) bool { return slices.Contains(l.points, p) })
}

// signedBy reports whether an authority has issued the list. The answer is remembered: a signature over 16 MiB takes its time.
func (l *list) signedBy(c *x509.Certificate) bool {
	if l.issuer != string(c.RawSubject) {
		return false
	}
	key := keyOf(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	signer, known := l.signers[key]
	if !known {
		if c.BasicConstraintsValid && c.IsCA && isStrong(c) && maySignLists(c) && c.CheckSignature(l.algorithm, l.tbs, l.signature) == nil {
			signer = c
		}
		l.signers[key] = signer
	}
	return signer != nil
}

// maySignLists is RFC 5280 section 6.3.3 (f).
func maySignLists(c *x509.Certificate) bool {
	return c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCRLSign != 0
}

// verifiedBy returns the authorities that are known to have issued the list.
func (l *list) verifiedBy() (found []*x509.Certificate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.signers {
		if c != nil {
			found = append(found, c)
		}
	}
	return found
}

// newer reports whether l is the later word of an issuer.
func (l *list) newer(than *list) bool {
	if !l.this.Equal(than.this) || l.number == nil || than.number == nil {
		return l.this.After(than.this)
	}
	return l.number.Cmp(than.number) > 0
}

// authorityKey is what makes an authority the same: several certificates may stand for it.
type authorityKey struct {
	key       [sha256.Size]byte
	ca, lists bool
}

func keyOf(c *x509.Certificate) authorityKey {
	return authorityKey{
		key: sha256.Sum256(c.RawSubjectPublicKeyInfo), ca: c.BasicConstraintsValid && c.IsCA, lists: maySignLists(c),
	}
}

// lists are the revocation lists of a trust, by the DER of the issuer's name, the newest first.
type lists map[string][]*list

// lists checks the lists of the authorities that are known, and keeps of those in use the ones that are newer.
func (m *mistakes) lists(read []*list, authorities []*x509.Certificate, held lists) lists {
	all := lists{}
	for _, l := range read {
		if !l.plausible(authorities) {
			m.addf("Trust.CRLs: %s: %w", l.issuerText, errNotTheirs)
			continue
		}
		if !slices.Contains(all[l.issuer], l) {
			all[l.issuer] = append(all[l.issuer], l)
		}
	}
	for issuer, fresh := range all {
		for _, l := range held[issuer] {
			if !slices.Contains(fresh, l) && l.outlasts(fresh) {
				all[issuer] = append(all[issuer], l)
			}
		}
		slices.SortStableFunc(all[issuer], newestFirst)
	}
	return all
}

func newestFirst(a, b *list) int {
	switch {
	case a.newer(b):
		return -1
	case b.newer(a):
		return 1
	default:
		return 0
	}
}

// plausible reports whether the list is that of one of the authorities, or none of them has its name.
func (l *list) plausible(authorities []*x509.Certificate) bool {
	named := false
	for _, c := range authorities {
		if l.signedBy(c) {
			return true
		}
		named = named || l.issuer == string(c.RawSubject)
	}
	return !named
}

// outlasts reports whether l is newer than all that one of its authorities has among the fresh lists, which are some.
func (l *list) outlasts(fresh []*list) bool {
	return slices.ContainsFunc(l.verifiedBy(), func(c *x509.Certificate) bool {
		theirs := 0
		for _, f := range fresh {
			if slices.Equal(f.points, l.points) && f.signedBy(c) {
				theirs++
				if !l.newer(f) {
					return false
				}
			}
		}
		return theirs > 0
	})
}

// of returns the newest list about a certificate by the authority that has issued it, or nil. Both are part of a chain that has been verified.
func (s lists) of(c, issuer *x509.Certificate) *list {
	for _, l := range s[string(issuer.RawSubject)] {
		if l.covers(c) && l.signedBy(issuer) {
			return l
		}
	}
	return nil
}
