package middleware

import (
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/perimeter-go/perimeter/internal/cookies"
	"github.com/perimeter-go/perimeter/internal/headers"
	"github.com/perimeter-go/perimeter/internal/validutf8"
)

const (
	// maxPath is the length of the longest path that is looked at, in bytes as it is sent. RFC 9110 section 4.1 asks servers to take 8,000, and
	// few take more by default.
	maxPath = 8 << 10
	// maxEscapes is how many escapes there may be in one that url.URL would spell otherwise, with a RawPath: to see what they hide takes long.
	maxEscapes = 128
	// usualPath is that of a path beside which there may be headers of any length.
	usualPath = 512
	// maxPathAndHeaders is how long a longer path, decoded or as it is sent, may be together with the headers: a stranger's request has one thing that
	// takes long to read, not two.
	maxPathAndHeaders = 9 << 10
)

// isTooLong reports whether the path is longer than is worth reading before it is known who asks.
func isTooLong(r *http.Request) bool { return isTooLongAlone(r.URL) || isTooLongBeside(r) }

// isTooLongAlone is true of a path that is whatever comes with it.
func isTooLongAlone(u *url.URL) bool {
	switch {
	case pathLength(u) > maxPath || isEscapedTooOften(u):
		return true
	case u == nil || u.RawPath != "" || 3*len(u.Path) <= maxPath:
		return false
	}
	length := 0
	for i := range len(u.Path) {
		length += plainLength[u.Path[i]]
	}
	return length > maxPath
}

// isEscapedTooOften is true of a path of many escapes that url.URL would spell otherwise.
func isEscapedTooOften(u *url.URL) bool {
	return u != nil && strings.Count(u.RawPath, "%") > maxEscapes
}

// isTooLongBeside is true of a path beside whose headers there is no room for it.
func isTooLongBeside(r *http.Request) bool {
	size := pathLength(r.URL)
	if size <= usualPath {
		return false
	}
	room := maxPathAndHeaders - size
	return headers.Exceed(r.Header, room) || headers.Exceed(r.Header, room-headers.Each*cookies.Number(r.Header["Cookie"]))
}

// pathLength is how much of a path there is to read: its own length, or that of its escapes.
func pathLength(u *url.URL) int {
	if u == nil {
		return 0
	}
	return max(len(u.Path), len(u.RawPath))
}

// plainLength is how long each byte is in the plain encoding of a path, in which it is sent without a RawPath: 1 or 3. To have url.URL encode a long path
// takes as long as a check of a token.
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
	state := uint64(afterSlash)
	for i := 1; i < len(path); i++ {
		state = segments[path[i]] >> (state & 63)
	}
	switch state & 63 {
	case misread, afterDot, afterDots:
		return false
	default:
		return validutf8.String(path)
	}
}

func isCanonicalSegment(s string) bool { return s != "" && s != "." && s != ".." }

// What is between two bytes of a path is numbered by where the number of what follows stands in the entry of a byte in segments, which has for each byte
// a number that, shifted by a state, begins with the next state.
const (
	inSegment = 6 * iota
	misread   // and it stays so
	afterSlash
	afterDot  // that began the segment
	afterDots // two of them, that began it
	afterC2   // of which, before 0x80 to 0x9f, UTF-8 makes control characters
)

// segments refuses empty, "." and ".." segments, control characters, and what means more than itself to somebody.
var segments = func() (table [256]uint64) {
	for c := range table {
		next := [...]uint64{inSegment, misread, inSegment, inSegment, inSegment, inSegment} // by state, in their order
		switch {
		case c < ' ' || c == 0x7f || strings.IndexByte(`\;#?%`, byte(c)) >= 0:
			next = [...]uint64{misread, misread, misread, misread, misread, misread}
		case c == '/':
			next = [...]uint64{afterSlash, misread, misread, misread, misread, afterSlash}
		case c == '.':
			next[afterSlash/6], next[afterDot/6] = afterDot, afterDots
		case 0x80 <= c && c <= 0x9f:
			next[afterC2/6] = misread
		case c == 0xc2:
			next = [...]uint64{afterC2, misread, afterC2, afterC2, afterC2, afterC2}
		}
		for state, n := range next {
			table[c] |= n << (6 * state)
		}
	}
	return table
}()

// encodesPlainly checks the path as it was sent. It must decode to the path that is judged, and must not hide a slash or a
// dot; the other bytes that may not hide are refused in their decoded form already. Without a RawPath, what is sent on is the
// plain encoding of the path.
func encodesPlainly(u *url.URL) bool {
	raw, path := u.RawPath, u.Path
	if raw == "" {
		return true
	}
	for len(raw) >= 8 && len(path) >= 8 { // at once, for nobody foresees where an escape is
		w := word(raw)
		escape := w ^ eachByte*'%'
		n := bits.TrailingZeros64((escape-eachByte)&^escape&highBits) / 8 // bytes before the first one, or all
		if (w^word(path))<<(64-8*n) != 0 {
			return false
		}
		if raw, path = raw[n:], path[n:]; n == 8 {
			continue
		}
		var ok bool
		if raw, path, ok = pastEscape(raw, path); !ok {
			return false
		}
	}
	for raw != "" {
		ok := path != "" && raw[0] == path[0]
		if raw[0] == '%' {
			raw, path, ok = pastEscape(raw, path)
		} else if ok {
			raw, path = raw[1:], path[1:]
		}
		if !ok {
			return false
		}
	}
	return path == ""
}

// pastEscape goes past the escape that raw begins with, and what it stands for in path, if that is what it is and need not be hidden.
func pastEscape(raw, path string) (rest, pathRest string, ok bool) {
	c, ok := unescape(raw[1:])
	if !ok || c == '/' || c == '.' || path == "" || path[0] != c {
		return "", "", false
	}
	return raw[len("%XX"):], path[1:], true
}

// unescape decodes the two digits of an escape that s begins with (RFC 3986 section 2.1).
func unescape(s string) (c byte, ok bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, low := hexDigits[s[0]], hexDigits[s[1]]
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
