package jws

import (
	"crypto"
	"strings"
)

const (
	// maxHeader is the size of the largest header that is read, decoded, in bytes.
	maxHeader = 4 << 10
	// maxSignature is the size of the longest signature, that of the longest RSA key.
	maxSignature = maxRSABits / 8
)

// Message is a compact JWS. It may stand on the stack: what it returns does not refer to it. The zero Message verifies under no key.
type Message struct {
	compact     string
	first, last int     // where the dots are
	header      *Header // nil: unread
	known       bool    // header is somebody else's
	payload     string

	signature     [maxSignature]byte
	signatureSize int
}

// Parse reads a compact JWS of at most maxBytes. It looks at no key and verifies nothing. It is [Message.Split], [Message.ReadHeader] and
// [Message.ReadPayload], for who has nothing to do between them.
func Parse(compact string, maxBytes int) (*Message, error) {
	m := new(Message)
	if err := m.Split(compact, maxBytes); err != nil {
		return nil, err
	}
	if _, err := m.ReadPayload(); err != nil {
		return nil, err
	}
	if err := m.ReadHeader(); err != nil {
		return nil, err
	}
	return m, nil
}

// Split finds the segments of a compact JWS of at most maxBytes and decodes the signature. What the other two encode, if anything, is not
// looked at.
func (m *Message) Split(compact string, maxBytes int) error {
	m.header, m.known, m.payload = nil, false, ""
	if !m.split(compact, maxBytes) {
		*m = Message{}
		return refuse(KindMalformed)
	}
	return nil
}

func (m *Message) split(compact string, maxBytes int) bool {
	if len(compact) > maxBytes {
		return false
	}
	first := strings.IndexByte(compact, '.')
	last := first + 1 + strings.IndexByte(compact[first+1:], '.') // a third one is no letter of base64
	if last <= first ||
		decodedLen(first) > maxHeader || decodedLen(len(compact)-last-1) > maxSignature {
		return false
	}
	m.compact, m.first, m.last = compact, first, last
	var err error
	m.signatureSize, err = decode(m.signature[:], compact[last+1:])
	return err == nil && m.signatureSize > 0
}

// Size is that of the message as it was sent, in bytes.
func (m *Message) Size() int { return len(m.compact) }

// HeaderSegment returns the header as it stands in the token.
func (m *Message) HeaderSegment() string { return m.compact[:m.first] }

// ReadHeader reads the header.
func (m *Message) ReadHeader() error {
	data, err := text(m.compact[:m.first])
	if err != nil {
		return err
	}
	h, err := readHeader(data)
	if err == nil {
		m.header, m.known = &h, false
	}
	return err
}

// UseHeader is ReadHeader for who has read the very same segment before, and kept h.
func (m *Message) UseHeader(h *Header) { m.header, m.known = h, true }

// Header returns what the header says. It is unverified until Verify has returned nil.
func (m *Message) Header() Header {
	if m.header == nil {
		return Header{}
	}
	return *m.header
}

// SharedHeader is Header without a copy, and says whether it is the one that was given to UseHeader. It is nil if no header was read, may be kept, and
// must not be written to.
func (m *Message) SharedHeader() (h *Header, known bool) { return m.header, m.known }

// PayloadSize is the size of the payload, decoded, in bytes.
func (m *Message) PayloadSize() int { return decodedLen(m.last - m.first - 1) }

// ReadPayload decodes the payload and returns it. It is unverified until Verify has returned nil, and may be anything.
func (m *Message) ReadPayload() (string, error) {
	if m.payload != "" {
		return m.payload, nil
	}
	var err error
	m.payload, err = text(m.compact[m.first+1 : m.last])
	return m.payload, err
}

// PeekPayload decodes no more than the first size bytes of the payload. What it returns may end anywhere.
func (m *Message) PeekPayload(size int) (string, error) {
	return text(m.compact[m.first+1 : min(m.last, m.first+1+size/3*4)])
}

// Payload returns what ReadPayload returned.
func (m *Message) Payload() string { return m.payload }

// Signer returns the first of the keys whose signature over the token's own bytes it is, under the header's algorithm. If there is none, its
// error is KindSignature if the signature could have been that of one of them, and KindKey if not.
//
// A key is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey; anything else is KindKey, and so is a key that is
// unfit: RSA outside of 2048 to 4096 bits or with an exponent below 65537, a point off the curve or of small order, another
// curve than the algorithm's.
func (m *Message) Signer(keys []crypto.PublicKey) (crypto.PublicKey, error) {
	if m.header == nil {
		return nil, refuse(KindAlgorithm)
	}
	return signer(m.header.Algorithm, keys, m.compact[:m.last], m.signature[:m.signatureSize]) // RFC 7515 section 5.1
}

// Verify is Signer for who does not ask which key it is.
func (m *Message) Verify(keys ...crypto.PublicKey) error {
	_, err := m.Signer(keys)
	return err
}
