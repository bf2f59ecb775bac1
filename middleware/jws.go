package middleware

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// maxHeader bounds what is decoded to recognise a JWS. It is well above what any verifier accepts as a header.
const maxHeader = 8 << 10

// isJWS tells a JWS in compact form from any other credential (RFC 7515 section 3.1, RFC 7516 section 9). It is no check: what
// it lets through, the verifier still reads strictly. Of a first segment that is longer than most, only the beginning is looked at: the verifier
// reads it anyway, and twice is too dear for a token of a stranger.
func isJWS(raw string) bool {
	segment, ok := firstOfThree(raw)
	if !ok {
		return false
	}
	if len(segment) > base64.RawURLEncoding.EncodedLen(maxHeader) {
		return false
	}
	if len(segment) > maxReadHeader {
		return mayBeObject(segment)
	}
	var onStack [maxReadHeader / 4 * 3]byte
	header, err := base64.RawURLEncoding.AppendDecode(onStack[:0], []byte(segment))
	return err == nil && json.Valid(header) && hasMember(header, "alg")
}

// mayBeObject says whether a segment, which is too long to read here, begins as an object does.
func mayBeObject(segment string) bool {
	var room [3]byte
	start, err := base64.RawURLEncoding.AppendDecode(room[:0], []byte(segment[:4]))
	start = bytes.TrimLeft(start, " \t\r\n")
	return err == nil && (len(start) == 0 || start[0] == '{')
}

// firstOfThree returns the first segment of a credential that has three.
func firstOfThree(raw string) (segment string, ok bool) {
	segment, rest, _ := strings.Cut(raw, ".")
	return segment, strings.Count(rest, ".") == 1
}

// jwsHeaders remembers first segments by which isJWS has recognised a JWS, because all tokens under one key have the same. What isJWS says
// depends on nothing but the first segment and that there are three, so that it need not be asked about these again. Only those of
// tokens that were verified enter, so that nobody else can fill it.
//
// Its methods are safe for concurrent use, and wait for nobody.
type jwsHeaders struct {
	seed     maphash.Seed
	segments [64]atomic.Pointer[string] // each where its hash puts it, instead of another
}

// maxKnownHeader is how long a first segment may be to be remembered, and maxReadHeader to be read.
const (
	maxKnownHeader = 1 << 10
	maxReadHeader  = 128
)

func newJWSHeaders() *jwsHeaders { return &jwsHeaders{seed: maphash.MakeSeed()} }

func (h *jwsHeaders) at(segment string) *atomic.Pointer[string] {
	return &h.segments[maphash.String(h.seed, segment)%uint64(len(h.segments))]
}

// begin says whether raw begins as one does that isJWS has said yes to.
func (h *jwsHeaders) begin(raw string) bool {
	segment, ok := firstOfThree(raw)
	if !ok || len(segment) > maxKnownHeader {
		return false
	}
	known := h.at(segment).Load()
	return known != nil && *known == segment
}

// add remembers how raw begins, which isJWS has said yes to.
func (h *jwsHeaders) add(raw string) {
	if segment, ok := firstOfThree(raw); ok && len(segment) <= maxKnownHeader {
		segment = strings.Clone(segment) // the token itself is not kept
		h.at(segment).Store(&segment)
	}
}

// hasMember says whether valid JSON is an object with a member of that name at its top level.
func hasMember(valid []byte, name string) bool {
	depth := 0
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(valid, i)
			if depth == 1 && isName(valid[end:]) && spells(valid[i:end], name) {
				return true
			}
			i = end - 1
		}
	}
	return false
}

// stringEnd returns the index after the JSON string that begins at start.
func stringEnd(valid []byte, start int) int {
	for i := start + 1; i < len(valid); i++ {
		switch valid[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(valid)
}

// isName says whether the string before rest was a member's name.
func isName(rest []byte) bool {
	for _, c := range rest {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c == ':'
		}
	}
	return false
}

// spells says whether a quoted JSON string, escapes included, means name, which is ASCII letters.
func spells(quoted []byte, name string) bool {
	said := quoted[1 : len(quoted)-1]
	for i := range len(name) {
		char, size := letter(said)
		if char != name[i] {
			return false
		}
		said = said[size:]
	}
	return len(said) == 0
}

// letter is the first character of what a JSON string says, and how many bytes it takes; 0 if it is no ASCII letter. No other escape than that of
// four digits stands for one (RFC 8259 section 7).
func letter(said []byte) (char byte, size int) {
	if len(said) == 0 || said[0] != '\\' {
		return letterOf(said), 1
	}
	var code [1]byte
	if len(said) < 6 || said[1] != 'u' || said[2] != '0' || said[3] != '0' {
		return 0, 0
	}
	if _, err := hex.Decode(code[:], said[4:6]); err != nil {
		return 0, 0
	}
	return letterOf(code[:]), 6
}

func letterOf(said []byte) byte {
	if len(said) > 0 && isAlphanumeric(said[0]) {
		return said[0]
	}
	return 0
}
