package jws

import "github.com/perimeter-go/perimeter/internal/strictjson"

// maxKeyID is the length of the longest kid, in bytes.
const maxKeyID = 256

// Header is what a JOSE header says, as far as anyone may act on it. Absent members are "", and so are an empty kid and typ.
type Header struct {
	Algorithm string // alg (RFC 7515 section 4.1.1), one of those that are Supported
	KeyID     string // kid (section 4.1.4): compared byte by byte, never a path or a query
	Type      string // typ (section 4.1.9), as sent
	KeySetURL string // jku (section 4.1.2): never followed
}

// readHeader reads a JOSE header. Members that change what is verified, or that carry a key, refuse the token; members that
// nobody knows are ignored, as RFC 7515 section 4 asks.
func readHeader(data []byte) (Header, error) {
	var h Header
	err := strictjson.Object(data, func(name string, value []byte) error {
		switch name {
		case "alg":
			alg, ok := strictjson.String(value)
			if !ok || !Supported(alg) {
				return refuse(KindAlgorithm)
			}
			h.Algorithm = alg
		case "kid":
			return text(value, maxKeyID, &h.KeyID)
		case "typ":
			return text(value, maxHeader, &h.Type)
		case "jku":
			if err := text(value, maxHeader, &h.KeySetURL); err != nil {
				return err
			}
			if h.KeySetURL == "" { // it is present, which must not read as absent
				return refuse(KindHeader)
			}
			return nil
		case "crit", // extensions that must be understood: none is (section 4.1.11); empty or null, it is malformed as well
			"b64",               // RFC 7797: the payload would not be what is signed
			"zip", "enc", "p2c", // RFC 7516, RFC 7518: encryption, and work at the sender's choice
			"jwk", "x5c", "x5u": // section 4.1.3 to 4.1.6: the sender's own idea of the key
			return refuse(KindHeader)
		}
		return nil
	})
	switch {
	case err == nil && h.Algorithm == "":
		return Header{}, refuse(KindAlgorithm)
	case err == nil:
		return h, nil
	}
	if own, ok := err.(*Error); ok { //nolint:errorlint // strictjson returns the callback's error as it is
		return Header{}, own
	}
	return Header{}, refuse(KindMalformed)
}

func text(value []byte, most int, into *string) error {
	s, ok := strictjson.String(value)
	if !ok || len(s) > most {
		return refuse(KindMalformed)
	}
	*into = s
	return nil
}
