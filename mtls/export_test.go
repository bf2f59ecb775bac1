package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"strconv"
	"time"
)

// What the fuzz targets ask of the readers.
var (
	ReadCertificates = readCertificates
	ReadCRLs         = readCRLs
	ReadBundle       = readBundle
)

// ParseSPIFFE takes a SPIFFE ID apart.
func ParseSPIFFE(uri string) (domain, path string, ok bool) {
	id, ok := parseSPIFFE(uri)
	return id.domain, id.path, ok
}

// MatchesPath reports whether a pattern, if it is one, matches a path.
func MatchesPath(pattern, path string) bool {
	p, err := parsePathPattern(pattern)
	return err == nil && p.matches(path)
}

// CopyList reads a list as New does and reports what went wrong.
func CopyList(crl *x509.RevocationList) error {
	_, err := readList(crl)
	return err
}

// VerifyAt is Verify at another time.
func (v *Verifier) VerifyAt(now time.Time, leaf *x509.Certificate, intermediates ...*x509.Certificate) (*Peer, error) {
	return v.verifyChain(leaf, intermediates, now)
}

// Remembered is how many chains a Verifier remembers.
func (v *Verifier) Remembered() int { return v.current().remembered.count() }

// RememberedOf is how many of n certificates are remembered.
func RememberedOf(n int) int {
	m := newMemory()
	for i := range n {
		m.put(&remembered{leaf: sha256.Sum256(strconv.AppendInt(nil, int64(i), 10))})
	}
	return m.count()
}

func (m *memory) count() (n int) {
	for i := range m.slots {
		for j := range m.slots[i] {
			if m.slots[i][j].Load() != nil {
				n++
			}
		}
	}
	return n
}
