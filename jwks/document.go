package jwks

import (
	"crypto/sha256"
	"errors"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

const (
	maxDocumentBytes = 1 << 20
	maxKeys          = 100
)

var (
	errTooLarge = errors.New("jwks: the document is larger than 1 MiB")
	errNoKeySet = errors.New("jwks: the document is not a key set")
	errTooMany  = errors.New("jwks: the key set has more than 100 entries")
	errNoKeys   = errors.New("jwks: the key set has no usable key")
)

// Parse reads a key set document (RFC 7517 section 5) of at most 1 MiB and 100 entries.
//
// The document must be strict JSON: one object, valid UTF-8, no member twice. Its entries are judged one by one. One that
// cannot be used is skipped and counted by reason, and loses none of the others:
//
//   - use is sig, jwt-svid or absent; key_ops lists verify or is absent; kid, if any, is a string of at most 256 bytes;
//   - RSA has 2048 to 4096 bits and an exponent of at least 65537; EC is P-256, P-384 or P-521; OKP is Ed25519; the point is on
//     the curve; alg, if any, agrees with all that;
//   - no symmetric key, and no private member beside a public one;
//   - a certificate chain, if any, parses and is about the same key. It is not verified.
//
// A set without one usable key is an error. Errors quote nothing of the document.
func Parse(document []byte) (*Set, error) {
	if len(document) > maxDocumentBytes {
		return nil, errTooLarge
	}
	entries, err := readEntries(document)
	if err != nil {
		return nil, err
	}
	s := newSet()
	s.sum = sha256.Sum256(document)
	for _, raw := range entries {
		k, reason := readKey(raw)
		if reason != "" {
			s.skipped[reason]++
			continue
		}
		s.add(k)
	}
	if s.keys == 0 {
		return nil, errNoKeys
	}
	return s, nil
}

func readEntries(document []byte) ([][]byte, error) {
	var keys []byte
	err := strictjson.Object(document, func(name string, value []byte) error {
		if name == "keys" {
			keys = value
		}
		return nil
	})
	if err != nil || keys == nil {
		return nil, errNoKeySet
	}
	var entries [][]byte
	err = strictjson.Array(keys, func(value []byte) error {
		if len(entries) == maxKeys {
			return errTooMany
		}
		entries = append(entries, value)
		return nil
	})
	switch {
	case errors.Is(err, errTooMany):
		return nil, errTooMany
	case err != nil:
		return nil, errNoKeySet
	}
	return entries, nil
}
