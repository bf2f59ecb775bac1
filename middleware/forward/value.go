package forward

import (
	"iter"
	"strings"

	"github.com/perimeter-go/perimeter/scope"
)

// encode percent-encodes every byte outside printable ASCII, the blank and the percent sign (RFC 3986 section 2.1).
func encode(value string) string {
	n := 0
	for i := range len(value) {
		if mustEncode(value[i]) {
			n++
		}
	}
	if n == 0 {
		return value
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(value)+2*n)
	for i := range len(value) {
		c := value[i]
		if mustEncode(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func mustEncode(c byte) bool { return c <= ' ' || c > '~' || c == '%' }

// encodeScopes is encodeList of the tokens of a set. Nearly all are of letters that stand for themselves.
func encodeScopes(set scope.Set) string {
	if list := set.String(); strings.IndexByte(list, '%') < 0 { // the only byte of a scope token that must be encoded
		return list
	}
	return encodeList(set.Tokens())
}

// encodeList encodes each element, which must not be empty, and joins them by one blank.
func encodeList(elements iter.Seq[string]) string {
	var b strings.Builder
	for e := range elements {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(encode(e))
	}
	return b.String()
}
