package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// hasOneReading reports whether every sane reader of the request target sees the same path. Nothing is repaired: what a backend might
// read otherwise is refused before any rule is looked at.
//
// rooted asks for a path that begins with a slash, as every path on the wire does. Only behind http.StripPrefix may it lack one.
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
	start := 1 // of the segment
	for i := 1; i < len(path); i++ {
		c := path[i]
		if c == '/' {
			if !isCanonicalSegment(path[start:i]) {
				return false
			}
			start = i + 1
		}
		if c < ' ' || c == 0x7f || c == '\\' || c == ';' || c == '#' || c == '?' || c == '%' {
			return false
		}
		if c == 0xc2 && i+1 < len(path) && path[i+1] < 0xa0 { // U+0080 to U+009F, control characters too
			return false
		}
	}
	last := path[start:]
	return (last == "" || isCanonicalSegment(last)) && utf8.ValidString(path)
}

func isCanonicalSegment(s string) bool { return s != "" && s != "." && s != ".." }

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
			high, low := unhex(raw, j+1), unhex(raw, j+2)
			if high < 0 || low < 0 {
				return false
			}
			c = byte(high<<4 | low)
			j += 2
			if c == '/' || c == '.' {
				return false
			}
		}
		if i >= len(path) || path[i] != c {
			return false
		}
		i++
	}
	return i == len(path)
}

// unhex returns the value of the hexadecimal digit at s[i], or -1.
func unhex(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	switch c := s[i]; {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}
