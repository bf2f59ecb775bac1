package jws

import "bytes"

// maxDER is the length of the longest ASN.1 signature: two numbers of 66 bytes (P-521), each with a sign byte and a head of
// two, behind a head of three.
const maxDER = 3 + 2*(2+1+66)

// appendDER appends Ecdsa-Sig-Value (RFC 3279 section 2.2.3), the form that crypto/ecdsa reads, of two big-endian numbers.
func appendDER(out, r, s []byte) []byte {
	r, s = magnitude(r), magnitude(s)
	length := 2 + sized(r) + 2 + sized(s)
	out = append(out, 0x30)
	if length > 0x7f {
		out = append(out, 0x81)
	}
	out = append(out, byte(length)) //nolint:gosec // at most 2*(2+67)
	return appendInteger(appendInteger(out, r), s)
}

// magnitude drops leading zeros, but for the last byte.
func magnitude(n []byte) []byte {
	trimmed := bytes.TrimLeft(n, "\x00")
	if len(trimmed) == 0 {
		return n[len(n)-1:]
	}
	return trimmed
}

// sized is the length of the content: a number whose first bit is set needs a zero before it, or it would be negative.
func sized(n []byte) int {
	if n[0]&0x80 != 0 {
		return len(n) + 1
	}
	return len(n)
}

func appendInteger(out, n []byte) []byte {
	out = append(out, 0x02, byte(sized(n))) //nolint:gosec // at most 67
	if n[0]&0x80 != 0 {
		out = append(out, 0)
	}
	return append(out, n...)
}
