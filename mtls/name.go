package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"unicode"
	"unicode/utf8"
)

// names are the names in a certificate that a rule may go by, as the bytes that stand in it.
type names struct {
	uris, dns, emails []string
	commonName        string
	spiffe            spiffeID // zero unless the certificate has the form of an X.509-SVID
}

var (
	oidSAN        = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// The tags of a GeneralName (RFC 5280 section 4.2.1.6).
const (
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
)

// readNames reads the names of a leaf. ok is false if a subject alternative name of a kind that rules go by holds a byte that is not
// printable ASCII, a NUL say: somebody may have made its issuer read it in another way than we do.
//
// crypto/x509 has checked the form of the extension. It is read again because a *url.URL does not tell which bytes it was
// made of.
func readNames(leaf *x509.Certificate) (n names, ok bool) {
	for _, e := range leaf.Extensions {
		if e.Id.Equal(oidSAN) && !n.readSAN(e.Value) {
			return names{}, false
		}
	}
	n.commonName = onlyCommonName(leaf)
	if len(n.uris) == 1 && leaf.KeyUsage&x509.KeyUsageDigitalSignature != 0 { // X509-SVID sections 2 and 4.3
		n.spiffe, _ = parseSPIFFE(n.uris[0])
	}
	return n, true
}

func (n *names) readSAN(der []byte) bool {
	var list asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) > 0 {
		return false
	}
	for rest := list.Bytes; len(rest) > 0; {
		var (
			v   asn1.RawValue
			err error
		)
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return false
		}
		if v.Class != asn1.ClassContextSpecific {
			return false
		}
		if kind := n.of(v.Tag); kind != nil {
			if !printable(string(v.Bytes)) {
				return false
			}
			*kind = append(*kind, string(v.Bytes))
		}
	}
	return true
}

func (n *names) of(tag int) *[]string {
	switch tag {
	case tagEmail:
		return &n.emails
	case tagDNS:
		return &n.dns
	case tagURI:
		return &n.uris
	default:
		return nil
	}
}

// printable reports whether s is printable ASCII without a blank, and not empty.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// onlyCommonName returns the common name of a certificate that has one, and one that is plain text.
func onlyCommonName(leaf *x509.Certificate) string {
	found, n := "", 0
	for _, a := range leaf.Subject.Names {
		if a.Type.Equal(oidCommonName) {
			found, _ = a.Value.(string)
			n++
		}
	}
	if n != 1 || !plainText(found) {
		return ""
	}
	return found
}

func plainText(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) { // of blanks, only the plain one is
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// vouchedByBundle are the names that the authorities of a trust domain may vouch for.
func (n names) vouchedByBundle() names { return names{spiffe: n.spiffe} }

// vouchedByRoots are the names that the roots may vouch for when there are bundles.
func (n names) vouchedByRoots() names {
	n.spiffe = spiffeID{}
	n.uris = slices.DeleteFunc(slices.Clone(n.uris), isSPIFFE)
	return n
}
