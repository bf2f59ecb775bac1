package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"unicode"
)

// Files names the files that a [Trust] is read from.
//
// They are to be replaced as a whole, by renaming a finished file: one that is cut off within a certificate is noticed, one that is
// cut off between two certificates cannot be told from one that holds fewer.
type Files struct {
	Roots   []string          // PEM: certificates and nothing else, at most 1 MiB
	Bundles map[string]string // by trust domain: the same, or a SPIFFE bundle document (JSON)
	CRLs    []string          // PEM: revocation lists and nothing else, or the DER of one; at most 16 MiB
	_       struct{}
}

const (
	maxAuthorities = 1 << 20
	maxCRL         = 16 << 20
)

// Read reads all the files. All mistakes are returned together, each with the name of its file.
func (f Files) Read() (Trust, error) {
	var (
		t   Trust
		bad error
	)
	for _, file := range f.list() {
		data, err := file.read()
		if err == nil {
			err = file.into(&t, data)
		}
		bad = errors.Join(bad, err)
	}
	if bad != nil {
		return Trust{}, bad
	}
	return t, nil
}

// file is one of the files.
type file struct {
	path   string
	domain string // of a bundle
	crl    bool
}

// list returns the authorities before the lists.
func (f Files) list() (all []file) {
	for _, path := range f.Roots {
		all = append(all, file{path: path})
	}
	for _, domain := range slices.Sorted(maps.Keys(f.Bundles)) {
		all = append(all, file{path: f.Bundles[domain], domain: domain})
	}
	for _, path := range f.CRLs {
		all = append(all, file{path: path, crl: true})
	}
	return all
}

var (
	errIrregular   = errors.New("no regular file")
	errTooLarge    = errors.New("too large")
	errPEM         = errors.New("not PEM of the expected blocks and nothing else")
	errEmpty       = errors.New("nothing in it")
	errCertificate = errors.New("a certificate that cannot be read")
	errList        = errors.New("a revocation list that cannot be read")
)

func (f file) fail(err error) error { return fmt.Errorf("mtls: %s: %w", f.path, err) }

func (f file) read() ([]byte, error) {
	most := int64(maxAuthorities)
	if f.crl {
		most = maxCRL
	}
	info, err := os.Stat(f.path) // before it is opened: to open a pipe waits for whoever writes to it
	if err != nil {
		return nil, f.fail(err)
	}
	if !info.Mode().IsRegular() {
		return nil, f.fail(errIrregular)
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, f.fail(err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, f.fail(err)
	case int64(len(data)) > most:
		return nil, f.fail(errTooLarge)
	}
	return data, nil
}

// into adds what a file says.
func (f file) into(t *Trust, data []byte) error {
	if f.crl {
		crls, err := readCRLs(data)
		if err != nil {
			return f.fail(err)
		}
		t.CRLs = append(t.CRLs, crls...)
		return nil
	}
	certificates, err := f.authorities(data)
	switch {
	case err != nil:
		return f.fail(err)
	case f.domain == "":
		t.Roots = append(t.Roots, certificates...)
	default:
		if t.Bundles == nil {
			t.Bundles = map[string][]*x509.Certificate{}
		}
		t.Bundles[f.domain] = certificates
	}
	return nil
}

func (f file) authorities(data []byte) (certificates []*x509.Certificate, err error) {
	if f.domain != "" && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		certificates, err = readBundle(data)
	} else {
		certificates, err = readCertificates(data)
	}
	if err != nil {
		return nil, err
	}
	for _, c := range certificates {
		if err := checkAuthority(c); err != nil {
			return nil, err
		}
	}
	return certificates, nil
}

func readCertificates(data []byte) (all []*x509.Certificate, err error) {
	err = blocks(data, "CERTIFICATE", func(der []byte) error {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return errCertificate
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

func readCRLs(data []byte) (all []*x509.RevocationList, err error) {
	const sequence = 0x30
	if len(data) > 0 && data[0] == sequence { // PEM begins with a dash, or a blank
		crl, err := readCRL(data)
		return []*x509.RevocationList{crl}, err
	}
	err = blocks(data, "X509 CRL", func(der []byte) error {
		crl, err := readCRL(der)
		all = append(all, crl)
		return err
	})
	return all, err
}

func readCRL(der []byte) (*x509.RevocationList, error) {
	crl, err := x509.ParseRevocationList(der)
	if err != nil || len(crl.Raw) != len(der) { // it would ignore what follows
		return nil, errList
	}
	return crl, nil
}

// blocks calls each for every block of PEM that is nothing but blocks of one type. encoding/pem skips what it does not understand, as a block that begins
// within a line, and bits at the end that are no part of the bytes: a block has to be, but for its blanks, what an encoder writes.
func blocks(data []byte, kind string, each func(der []byte) error) error {
	begin := []byte("-----BEGIN ")
	n, all := 0, bytes.TrimRightFunc(data, unicode.IsSpace)
	for data = bytes.TrimSpace(all); len(data) > 0; data = bytes.TrimSpace(data) {
		before := all[:len(all)-len(data)]
		if !bytes.HasPrefix(data, begin) || len(before) > 0 && before[len(before)-1] != '\n' {
			return errPEM
		}
		b, rest := pem.Decode(data)
		if b == nil || b.Type != kind || len(b.Headers) > 0 || bytes.Count(data[:len(data)-len(rest)], begin) != 1 {
			return errPEM
		}
		if !bytes.Equal(squeezed(pem.EncodeToMemory(b)), squeezed(data[:len(data)-len(rest)])) {
			return errPEM
		}
		if err := each(b.Bytes); err != nil {
			return err
		}
		data, n = rest, n+1
	}
	if n == 0 {
		return errEmpty
	}
	return nil
}

func squeezed(text []byte) []byte { return bytes.Join(bytes.Fields(text), nil) }
