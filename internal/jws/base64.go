package jws

import (
	"encoding/base64"
	"strings"
)

// strict refuses bits that stand for nothing (RFC 4648 section 3.5).
var strict = base64.RawURLEncoding.Strict()

// quantum is how many letters are decoded at once: a multiple of four, so that each part stands for itself.
const quantum = 1 << 10

// decode appends to out what a segment encodes, by way of the stack. out has room for it.
func decode(out []byte, segment string) ([]byte, error) {
	if lineBreaks(segment) {
		return nil, refuse(KindMalformed)
	}
	var letters [quantum]byte
	for len(segment) > 0 {
		n := copy(letters[:], segment)
		var err error
		if out, err = strict.AppendDecode(out, letters[:n]); err != nil {
			return nil, refuse(KindMalformed)
		}
		segment = segment[n:]
	}
	return out, nil
}

// text returns what a segment encodes, in one piece of memory of its own.
func text(segment string) (string, error) {
	if lineBreaks(segment) {
		return "", refuse(KindMalformed)
	}
	var (
		letters [quantum]byte
		decoded [quantum / 4 * 3]byte
		whole   strings.Builder
	)
	whole.Grow(base64.RawURLEncoding.DecodedLen(len(segment)))
	for len(segment) > 0 {
		n := copy(letters[:], segment)
		size, err := strict.Decode(decoded[:], letters[:n])
		if err != nil {
			return "", refuse(KindMalformed)
		}
		whole.Write(decoded[:size])
		segment = segment[n:]
	}
	return whole.String(), nil
}

// lineBreaks reports whether there is one; the base64 package would skip it.
func lineBreaks(segment string) bool {
	return strings.IndexByte(segment, '\n') >= 0 || strings.IndexByte(segment, '\r') >= 0
}
