package jws

import (
	"crypto"
	"encoding/base64"
)

// maxHeader is the size of the largest header that is read, decoded, in bytes.
const maxHeader = 4 << 10

// Message is a well-formed JWS. It is immutable; what it lends is not to be written to.
type Message struct {
	header    Header
	input     []byte // what is signed: the header segment, a dot, the payload segment (RFC 7515 section 5.1)
	payload   []byte
	signature []byte
}

// Parse reads a compact JWS of at most maxBytes. It looks at no key and verifies nothing.
func Parse(compact string, maxBytes int) (*Message, error) {
	if len(compact) > maxBytes {
		return nil, refuse(KindMalformed)
	}
	first, last, ok := dots(compact)
	if !ok || base64.RawURLEncoding.DecodedLen(first) > maxHeader || last+1 == len(compact) {
		return nil, refuse(KindMalformed)
	}
	text := []byte(compact)
	decoded := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(text)))
	header, decoded, ok1 := segment(decoded, text[:first])
	payload, decoded, ok2 := segment(decoded, text[first+1:last])
	signature, _, ok3 := segment(decoded, text[last+1:])
	if !ok1 || !ok2 || !ok3 {
		return nil, refuse(KindMalformed)
	}
	h, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	return &Message{header: h, input: text[:last], payload: payload, signature: signature}, nil
}

// dots finds the two dots of a text that otherwise holds only bytes of the base64url alphabet.
func dots(compact string) (first, last int, ok bool) {
	n := 0
	for i := range len(compact) {
		switch class[compact[i]] {
		case outside:
			return 0, 0, false
		case dot:
			if n++; n == 1 {
				first = i
			} else {
				last = i
			}
		}
	}
	return first, last, n == 2
}

const (
	outside = iota // the base64 package would skip line breaks, so every byte is looked at
	letter
	dot
)

var class = func() (c [256]uint8) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		c[b] = letter
	}
	c['.'] = dot
	return c
}()

// strict refuses bits that stand for nothing (RFC 4648 section 3.5).
var strict = base64.RawURLEncoding.Strict()

// segment appends what text encodes to buffer and returns that part, which cannot grow into the rest.
func segment(buffer, text []byte) (part, grown []byte, ok bool) {
	start := len(buffer)
	grown, err := strict.AppendDecode(buffer, text)
	if err != nil {
		return nil, buffer, false
	}
	return grown[start:len(grown):len(grown)], grown, true
}

// Header returns what the header says. It is unverified until Verify has returned nil.
func (m *Message) Header() Header { return m.header }

// Payload returns the decoded payload. It is unverified until Verify has returned nil, and may be anything. The slice is
// lent.
func (m *Message) Payload() []byte { return m.payload }

// Verify returns nil only if the signature over the token's own bytes is that of key under the header's algorithm.
//
// key is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey; anything else is KindKey, and so is a key that is
// unfit: RSA outside of 2048 to 4096 bits or with an exponent below 65537, a point off the curve or of small order, another
// curve than the algorithm's.
func (m *Message) Verify(key crypto.PublicKey) error {
	return VerifySignature(m.header.Algorithm, key, m.input, m.signature)
}
