package jws

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// strict refuses bits that stand for nothing (RFC 4648 section 3.5).
var strict = base64.RawURLEncoding.Strict()

// decode writes to out what a segment encodes, and returns how much that is. out has room for it.
func decode(out, segment []byte) (size int, err error) {
	size, read := decodeGroups(out, segment)
	out, segment = out[size:], segment[read:]
	if bytes.IndexByte(segment, '\n') >= 0 || bytes.IndexByte(segment, '\r') >= 0 { // the base64 package would skip them
		return 0, refuse(KindMalformed)
	}
	rest, err := strict.Decode(out, segment)
	if err != nil {
		return 0, refuse(KindMalformed)
	}
	return size + rest, nil
}

// text returns what a segment encodes, in memory of its own.
func text(segment []byte) (string, error) {
	var near [1536]byte // more than what most tokens say
	out := near[:]
	if size := base64.RawURLEncoding.DecodedLen(len(segment)); size > len(near) {
		out = make([]byte, size)
	}
	size, err := decode(out, segment)
	if err != nil {
		return "", err
	}
	return string(out[:size]), nil
}

// longText is text of a segment that stands in a string. It decodes one part after the other, to copy it only once.
func longText(segment string) (string, error) {
	var in [1024]byte // whole groups of four
	var out [len(in) / 4 * 3]byte
	var all strings.Builder
	all.Grow(base64.RawURLEncoding.DecodedLen(len(segment)))
	for segment != "" {
		part := in[:copy(in[:], segment)]
		segment = segment[len(part):]
		size, err := decode(out[:], part)
		if err != nil {
			return "", err
		}
		all.Write(out[:size])
	}
	return all.String(), nil
}
