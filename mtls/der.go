package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"strings"
)

var errMalformed = refuse(ReasonMalformed)

// readDER reads the elements of FormatDER.
func readDER(value, _ string, _ int) ([][]byte, error) {
	var ders [][]byte
	for element := range strings.SplitSeq(value, ",") {
		der, err := decodeBase64(element)
		if err != nil {
			return nil, err
		}
		if ders = append(ders, der); isTooMany(ders) {
			return nil, errMalformed
		}
	}
	return ders, nil
}

// isTooMany is asked while certificates are taken apart: a header has room for thousands that are none.
func isTooMany(ders [][]byte) bool { return len(ders)-1 > maxIntermediate }

// decodeBase64 takes exactly what an encoder makes (RFC 4648 section 4): one text for any bytes.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, errMalformed
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errMalformed
	}
	return b, nil
}

// splitDER cuts certificates apart that follow on each other.
func splitDER(b []byte) ([][]byte, error) {
	var ders [][]byte
	for len(b) > 0 {
		var one asn1.RawValue
		rest, err := asn1.Unmarshal(b, &one)
		if err != nil {
			return nil, errMalformed
		}
		if ders, b = append(ders, one.FullBytes), rest; isTooMany(ders) {
			return nil, errMalformed
		}
	}
	return ders, nil
}

// parse parses a leaf and its intermediates, each one certificate and nothing else.
func parse(ders [][]byte) ([]*x509.Certificate, error) {
	if len(ders) == 0 || isTooMany(ders) || len(ders[0]) > maxLeaf {
		return nil, errMalformed
	}
	certs := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errMalformed
		}
		certs[i] = c
	}
	return certs, nil
}
