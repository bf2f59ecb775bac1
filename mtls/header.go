package mtls

import "strings"

// maxHeader is the length of the longest value of a header that is looked at.
const maxHeader = 64 << 10

// lookup returns the only value of a header, without the blanks around it; "" if there is none. The case of its name does not
// matter.
//
// A value under a name that only folds like this one is never read. But it may be the client's way past a proxy that sets or
// removes the name as it is spelled, so next to the header itself it refuses, as a second value does.
func lookup(header map[string][]string, name string) (string, error) {
	var own, all []string
	for n, values := range header {
		if !foldsAlike(n, name) {
			continue
		}
		all = append(all, values...)
		if strings.EqualFold(n, name) {
			own = append(own, values...)
		}
	}
	switch {
	case len(own) == 0:
		return "", nil
	case len(all) > 1 || len(own[0]) > maxHeader:
		return "", errMalformed
	default:
		return strings.Trim(own[0], " \t"), nil
	}
}

// foldsAlike reports whether the most careless reader takes a for b: all case is one, and so is every sign that is neither letter
// nor digit.
func foldsAlike(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	default:
		return '_'
	}
}

// isToken checks the token of RFC 9110 section 5.6.2, of which header names are made.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
