package middleware

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPath is the length of the longest path that is looked at, in bytes as it is sent. RFC 9110 section 4.1 asks servers to take 8,000, and
// few take more by default.
const maxPath = 8 << 10

// isTooLong reports whether the path is longer than is worth reading before it is known who asks.
func isTooLong(u *url.URL) bool {
	switch {
	case u == nil:
		return false
	case max(len(u.Path), len(u.RawPath)) > maxPath:
		return true
	case u.RawPath != "" || 3*len(u.Path) <= maxPath:
		return false
	}
	length := 0
	for i := range len(u.Path) {
		length += plainLength[u.Path[i]]
	}
	return length > maxPath
}

// plainLength is how long each byte is in the plain encoding of a path, in which it is sent without a RawPath: 1 or 3.
var plainLength = func() (length [256]int) {
	for c := range length {
		length[c] = len((&url.URL{Path: "/" + string([]byte{byte(c)})}).EscapedPath()) - len("/")
	}
	return length
}()

// hasOneReading reports whether every sane reader of the request target sees the same path. Nothing is repaired: what a
// backend might read otherwise is refused before any rule is looked at.
//
// rooted asks for a path that begins with a slash, as every path on the wire does. Only behind http.StripPrefix may it lack
// one.
func hasOneReading(r *http.Request, rooted bool) bool {
	u := r.URL
	if r.Method == http.MethodConnect || u == nil || u.Opaque != "" { // RFC 9112 section 3.2.3: authority-form
		return false
	}
	if (u.Scheme != "" || u.Host != "") && cameOverConnection(r) { // RFC 9112 section 3.2.2: absolute-form
		return false
	}
	if strings.HasPrefix(u.Path, "/") {
		return isCanonicalPath(u.Path) && encodesPlainly(u)
	}
	return !rooted && u.Path != "*" && isCanonicalPath("/"+u.Path) && encodesPlainly(u)
}

// cameOverConnection tells a request that a server has read from one that httptest.NewRequest made, which has a host in its URL
// and means no harm.
func cameOverConnection(r *http.Request) bool {
	return r.Context().Value(http.LocalAddrContextKey) != nil
}

// isCanonicalPath checks a decoded path that begins with a slash: no empty, "." or ".." segment, valid UTF-8, no control
// character, and none of the bytes that some reader takes for a separator, an escape or an end.
//
// It takes no branch by what a byte is, so that no order of bytes makes it slow.
func isCanonicalPath(path string) bool {
	segment, letter := uint64(afterSlash), uint64(betweenLetters)
	for i := 1; i < len(path); i++ {
		c := path[i]
		segment = segments[c] >> (segment & 63)
		letter = letters[c] >> (letter & 63)
	}
	switch segment & 63 {
	case refusedSegment, afterDot, afterDots:
		return false
	default:
		return letter&63 == betweenLetters
	}
}

func isCanonicalSegment(s string) bool { return s != "" && s != "." && s != ".." }

// What is between two bytes of a path is numbered by where the number of what follows stands in the entry of a byte: each table has for each byte a
// number that, shifted by a state, begins with the next state.
const (
	inSegment      = 6 * iota
	refusedSegment // and it stays so
	afterSlash
	afterDot  // that began the segment
	afterDots // two of them, that began it
)

const (
	betweenLetters = 6 * iota
	refusedLetter  // and it stays so
	oneMore        // byte of a letter, from 0x80 to 0xbf
	twoMore        // such bytes
	threeMore      // such bytes
	afterC2        // one more, from 0xa0: less is a control character, U+0080 to U+009F
	afterE0        // two more, the first from 0xa0: less would be another spelling of a shorter letter
	afterED        // two more, the first to 0x9f: more would be half a surrogate pair
	afterF0        // three more, the first from 0x90, as after 0xe0
	afterF4        // three more, the first to 0x8f: more is no letter
)

// segments refuses empty, "." and ".." segments, ASCII's control characters, and what means more than itself to somebody.
var segments = func() (table [256]uint64) {
	for c := range table {
		next := [...]uint64{inSegment, refusedSegment, inSegment, inSegment, inSegment} // by state, in their order
		switch {
		case c < ' ' || c == 0x7f || strings.IndexByte(`\;#?%`, byte(c)) >= 0:
			next = [...]uint64{refusedSegment, refusedSegment, refusedSegment, refusedSegment, refusedSegment}
		case c == '/':
			next = [...]uint64{afterSlash, refusedSegment, refusedSegment, refusedSegment, refusedSegment}
		case c == '.':
			next = [...]uint64{inSegment, refusedSegment, afterDot, afterDots, inSegment}
		}
		for state, n := range next {
			table[c] |= n << (6 * state)
		}
	}
	return table
}()

// letters refuses what is no UTF-8 (RFC 3629 section 4), and control characters above ASCII.
var letters = func() (table [256]uint64) {
	for c := range table {
		from := func(state uint64, low, high int, next uint64) {
			if c < low || c > high {
				next = refusedLetter
			}
			table[c] |= next << state
		}
		from(betweenLetters, 0x00, 0xff, firstOfLetter(c))
		from(refusedLetter, 0x00, 0xff, refusedLetter)
		from(oneMore, 0x80, 0xbf, betweenLetters)
		from(twoMore, 0x80, 0xbf, oneMore)
		from(threeMore, 0x80, 0xbf, twoMore)
		from(afterC2, 0xa0, 0xbf, betweenLetters)
		from(afterE0, 0xa0, 0xbf, oneMore)
		from(afterED, 0x80, 0x9f, oneMore)
		from(afterF0, 0x90, 0xbf, twoMore)
		from(afterF4, 0x80, 0x8f, twoMore)
	}
	return table
}()

func firstOfLetter(c int) uint64 {
	switch {
	case c < utf8.RuneSelf:
		return betweenLetters
	case c < 0xc2 || c > 0xf4:
		return refusedLetter
	case c == 0xc2:
		return afterC2
	case c < 0xe0:
		return oneMore
	case c == 0xe0:
		return afterE0
	case c == 0xed:
		return afterED
	case c < 0xf0:
		return twoMore
	case c == 0xf0:
		return afterF0
	case c < 0xf4:
		return threeMore
	default:
		return afterF4
	}
}

// encodesPlainly checks the path as it was sent. It must decode to the path that is judged, and must not hide a slash or a
// dot; the other bytes that may not hide are refused in their decoded form already. Without a RawPath, what is sent on is the
// plain encoding of the path.
func encodesPlainly(u *url.URL) bool {
	raw, path := u.RawPath, u.Path
	if raw == "" {
		return true
	}
	i := 0 // in path
	for j := 0; j < len(raw); j++ {
		c := raw[j]
		if c == '%' {
			var ok bool
			if c, ok = unescape(raw[j:]); !ok || c == '/' || c == '.' {
				return false
			}
			j += 2
		}
		if i >= len(path) || path[i] != c {
			return false
		}
		i++
	}
	return i == len(path)
}

// unescape decodes the escape that s begins with (RFC 3986 section 2.1).
func unescape(s string) (c byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	high, low := hexDigits[s[1]], hexDigits[s[2]]
	return high<<4 | low&0xf, max(high, low) < noDigit
}

// hexDigits has what each hexadecimal digit stands for.
var hexDigits = func() (value [256]byte) {
	for c := range value {
		n, err := strconv.ParseUint(string([]byte{byte(c)}), 16, 8)
		if value[c] = byte(n); err != nil {
			value[c] = noDigit
		}
	}
	return value
}()

const noDigit = 0x10
