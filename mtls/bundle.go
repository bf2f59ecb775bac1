package mtls

import (
	"crypto/x509"
	"encoding/base64"
	"errors"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

var errBundle = errors.New("no SPIFFE bundle document")

// readBundle reads the X.509 authorities of a SPIFFE bundle (SPIFFE Trust Domain and Bundle section 4, X509-SVID section 6.2): the first
// certificate of each entry whose use is x509-svid. Other uses are ignored, and entries without a certificate.
func readBundle(data []byte) (all []*x509.Certificate, err error) {
	found := false
	err = strictjson.Object(data, func(name string, value []byte) error {
		if name != "keys" {
			return nil
		}
		found = true
		return strictjson.Array(value, func(entry []byte) error {
			c, err := readBundleEntry(entry)
			if c != nil {
				all = append(all, c)
			}
			return err
		})
	})
	switch {
	case errors.Is(err, errCertificate):
		return nil, err
	case err != nil || !found:
		return nil, errBundle
	case len(all) == 0:
		return nil, errEmpty
	}
	return all, nil
}

func readBundleEntry(entry []byte) (*x509.Certificate, error) {
	var (
		use   string
		chain []string
	)
	err := strictjson.Object(entry, func(name string, value []byte) error {
		ok := true
		switch name {
		case "use":
			use, ok = strictjson.String(value)
		case "x5c":
			chain, ok = strictjson.Strings(value)
		}
		if !ok {
			return errBundle
		}
		return nil
	})
	if err != nil || use != "x509-svid" || len(chain) == 0 {
		return nil, err
	}
	der, err := base64.StdEncoding.Strict().DecodeString(chain[0])
	if err != nil {
		return nil, errCertificate
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errCertificate
	}
	return c, nil
}
