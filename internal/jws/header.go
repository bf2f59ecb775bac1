package jws

import "github.com/perimeter-go/perimeter/internal/strictjson"

// maxKeyID is the length of the longest kid, in bytes.
const maxKeyID = 256

// maxType is the length of the longest typ, in bytes: two names of 127 letters, and what stands between them (RFC 6838 section 4.2), with room to spare.
const maxType = 256

// maxHeaderValues is how many members and elements there may be in a header, at all depths; of escapes half as many. It must be read before anything is known of
// its sender.
const maxHeaderValues = 24

// Header is what a JOSE header says, as far as anyone may act on it. Absent members are "", and so are an empty kid and typ.
type Header struct {
	Algorithm string // alg (RFC 7515 section 4.1.1), one of those that are Supported
	KeyID     string // kid (section 4.1.4): compared byte by byte, never a path or a query
	Type      string // typ (section 4.1.9), as sent
	KeySetURL string // jku (section 4.1.2): never followed
}

// readHeader reads a JOSE header. Members that change what is verified, or that carry a key, refuse the token; members that
// nobody knows are ignored, as RFC 7515 section 4 asks.
func readHeader(data string) (Header, error) {
	var h Header
	var first error
	err := strictjson.Scan(data, maxHeaderValues, func(name, value string) {
		if err := h.member(name, value); first == nil {
			first = err
		}
	})
	switch {
	case err != nil:
		return Header{}, refuse(KindMalformed)
	case first != nil:
		return Header{}, first
	case h.Algorithm == "":
		return Header{}, refuse(KindAlgorithm)
	}
	return h, nil
}

func (h *Header) member(name, value string) error {
	switch name {
	case "alg":
		alg, ok := strictjson.String(value)
		if !ok || !Supported(alg) {
			return refuse(KindAlgorithm)
		}
		h.Algorithm = alg
	case "kid":
		return readText(value, maxKeyID, &h.KeyID)
	case "typ":
		return readText(value, maxType, &h.Type)
	case "nonce": // RFC 8555 section 6.5.2; nobody looks at it here
		if value[0] != '"' { // a value that is whole, and of a text nobody asks what it says
			return refuse(KindMalformed)
		}
	case "jku":
		if err := readText(value, maxHeader, &h.KeySetURL); err != nil {
			return err
		}
		if h.KeySetURL == "" { // it is present, which must not read as absent
			return refuse(KindHeader)
		}
	case "crit", // extensions that must be understood: none is (section 4.1.11); empty or null, it is malformed as well
		"b64",               // RFC 7797: the payload would not be what is signed
		"zip", "enc", "p2c", // RFC 7516, RFC 7518: encryption, and work at the sender's choice
		"jwk", "x5c", "x5u": // section 4.1.3 to 4.1.6: the sender's own idea of the key
		return refuse(KindHeader)
	}
	return nil
}

func readText(value string, most int, into *string) error {
	if len(value) > len(`\u0000`)*most+len(`""`) { // too long however it is written
		return refuse(KindMalformed)
	}
	s, ok := strictjson.String(value)
	if !ok || len(s) > most {
		return refuse(KindMalformed)
	}
	*into = s
	return nil
}
