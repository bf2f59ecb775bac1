// Package cookies reads a request's cookies as the client has sent them, and bounds what is looked at before anything is known of their sender. net/http leaves
// out a cookie whose value it dislikes, and so misses that there are two of one name.
package cookies

import (
	"iter"
	"strings"
)

const (
	maxLines  = 16  // RFC 6265 section 5.4 has a client send one; what HTTP/2 splits, net/http joins
	maxNumber = 200 // RFC 6265 section 6.1 asks browsers for 50 of a site; Chrome keeps 180
	maxSize   = 64 << 10
	maxBlanks = 500 // a browser sends one for each cookie
)

// TooMany reports whether there is more in the lines of a request's Cookie headers than is looked at: 16 lines, 200 cookies, 64 KiB, or 500 blanks
// and tabs, which may have to be passed one by one.
func TooMany(lines []string) bool {
	number, size, blanks := len(lines), 0, 0
	if number > maxLines {
		return true
	}
	for _, line := range lines {
		if size += len(line); size > maxSize {
			return true
		}
		number += strings.Count(line, ";")
		blanks += strings.Count(line, " ") + strings.Count(line, "\t")
	}
	return number > maxNumber || blanks > maxBlanks
}

// Named yields the cookies of these names, which are tokens, in the lines of a request's Cookie headers: which of the names, and the value with the blanks that
// it begins with.
func Named(lines, names []string) iter.Seq2[int, string] {
	return func(yield func(which int, value string) bool) {
		for _, line := range lines {
			for more := true; more; {
				var cookie string
				cookie, line, more = strings.Cut(line, ";")
				cookie = trimLeft(cookie)
				for which, name := range names {
					value, ok := valueOf(cookie, name)
					if ok && !yield(which, value) {
						return
					}
					if ok {
						break
					}
				}
			}
		}
	}
}

// valueOf returns the value of a cookie, if it has this name. For one that has not, where there may be many, it does not look for an equals sign.
func valueOf(cookie, name string) (value string, ok bool) {
	if len(cookie) < len(name) || cookie[:len(name)] != name {
		return "", false
	}
	rest := trimLeft(cookie[len(name):])
	switch {
	case rest == "":
		return "", true
	case rest[0] != '=':
		return "", false
	default:
		return strings.TrimRight(rest[1:], blanks), true
	}
}

// blanks are what net/http trims.
const blanks = " \t\r\n"

// trimLeft trims blanks one by one: mostly there is one.
func trimLeft(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		s = s[1:]
	}
	return s
}
