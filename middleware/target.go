package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxPath is the length of the longest path that is looked at, in bytes with its escapes. RFC 9110 section 4.1 asks servers to take 8,000, and
// few take more by default.
const maxPath = 8 << 10

// plainLength is how long each byte is in the plain encoding of a path, which is 1 or 3.
var plainLength = func() (length [256]int) {
	for c := range length {
		length[c] = len((&url.URL{Path: "/" + string([]byte{byte(c)})}).EscapedPath()) - len("/")
	}
	return length
}()

// isTooLong reports whether the path is longer than is worth reading before it is known who asks. What was sent without an escape that it has in
// the plain encoding counts as if it had it.
func isTooLong(u *url.URL) bool {
	if u == nil || 3*len(u.Path) <= maxPath && len(u.RawPath) <= maxPath {
		return false
	}
	if max(len(u.Path), len(u.RawPath)) > maxPath {
		return true
	}
	length := 0
	for i := range len(u.Path) {
		length += plainLength[u.Path[i]]
	}
	return length > maxPath
}

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
func isCanonicalPath(path string) bool {
	segment, all := 1, byte(0) // where the segment begins, and the bits of all bytes
	for i := 1; i < len(path); i++ {
		c := path[i]
		if misread[c] {
			return false
		}
		if c == '/' {
			if !isCanonicalSegment(path[segment:i]) {
				return false
			}
			segment = i + 1
		}
		all |= c
	}
	if last := path[segment:]; last != "" && !isCanonicalSegment(last) {
		return false
	}
	return all < utf8.RuneSelf || utf8.ValidString(path) && !hasC1Control(path)
}

func isCanonicalSegment(s string) bool { return s != "" && s != "." && s != ".." }

// misread are the bytes that no path may hold: ASCII's control characters, and what means more than itself to somebody.
var misread = func() (set [256]bool) {
	for c := range set {
		set[c] = c < ' ' || c == 0x7f
	}
	for _, c := range `\;#?%` {
		set[c] = true
	}
	return set
}()

// hasC1Control finds U+0080 to U+009F, control characters above ASCII, in valid UTF-8.
func hasC1Control(path string) bool {
	for i := 1; i < len(path); i++ {
		if path[i] < 0xa0 && path[i-1] == 0xc2 {
			return true
		}
	}
	return false
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
	high, ok1 := unhex(s[1])
	low, ok2 := unhex(s[2])
	return high<<4 | low, ok1 && ok2
}

func unhex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}
