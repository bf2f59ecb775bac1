// Package cookies reads a request's cookies as the client has sent them, and bounds what is looked at before anything is known of their sender. net/http leaves
// out a cookie whose value it dislikes, and so misses that there are two of one name.
package cookies

import (
	"errors"
	"iter"
	"strings"

	"github.com/perimeter-go/perimeter/internal/headers"
)

const (
	maxLines  = 16  // RFC 6265 section 5.4 has a client send one; what HTTP/2 splits, net/http joins
	maxNumber = 200 // Chrome keeps 180 of a site
	maxSize   = 36 << 10
	few       = 50      // RFC 6265 section 6.1 asks browsers for as many of a site
	maxBeside = 9 << 10 // headers, where there are more: a stranger's request has one thing that takes long to read, not two
	maxBlanks = 8       // in each place: a browser sends one before a cookie
)

// ErrTooMany is what is wrong with a request for which TooMany is true: none of its cookies is looked at.
var ErrTooMany = errors.New("too many cookies")

// TooMany reports whether there is more in the Cookie headers of a request than is looked at: 16 lines, 200 cookies, or 36 KiB, or 50 cookies if all headers
// take more than 9 KiB, with 32 bytes added for each.
func TooMany(h map[string][]string) bool {
	lines, size := h["Cookie"], 0
	if len(lines) > maxLines {
		return true
	}
	for _, line := range lines {
		if size += len(line); size > maxSize {
			return true
		}
	}
	number := len(lines) + Number(lines)
	return number > maxNumber || number > few && headers.Exceed(h, maxBeside)
}

// Number is how many cookies there are in lines of Cookie headers, besides one in each.
func Number(lines []string) (n int) {
	for _, line := range lines {
		n += strings.Count(line, ";")
	}
	return n
}

// Named yields the cookies of these names, which are tokens, in the lines of a request's Cookie headers: which of the names, and the value with the blanks that
// it begins with. A cookie with more than 8 blanks before its name may be of any, and so is yielded as one of the first, whole; so is one of these names with more
// than 8 behind its name or value.
func Named(lines, names []string) iter.Seq2[int, string] {
	return func(yield func(which int, value string) bool) {
		for _, line := range lines {
			for more := true; more; {
				var cookie string
				cookie, line, more = strings.Cut(line, ";")
				if which, value, ok := find(cookie, names); ok && !yield(which, value) {
					return
				}
			}
		}
	}
}

// find returns which of the names a cookie has, and its value. For one that has none, where there may be many, it does not look for an equals sign.
func find(cookie string, names []string) (which int, value string, ok bool) {
	rest, ok := trimLeft(cookie)
	if !ok {
		return 0, cookie, len(names) > 0
	}
	for which, name := range names {
		if len(rest) < len(name) || rest[:len(name)] != name {
			continue
		}
		value, ok := trimLeft(rest[len(name):])
		switch {
		case !ok:
			return which, cookie, true
		case value == "":
			return which, "", true
		case value[0] == '=':
			if value, ok = trimRight(value[1:]); !ok {
				return which, cookie, true
			}
			return which, value, true
		}
	}
	return 0, "", false
}

// trimLeft trims up to 8 blanks, one by one: mostly there is one. It reports whether these are all.
func trimLeft(s string) (rest string, all bool) {
	for n := range min(maxBlanks+1, len(s)) {
		if !isBlank(s[n]) {
			return s[n:], true
		}
	}
	return "", len(s) <= maxBlanks
}

// trimRight is trimLeft at the other end.
func trimRight(s string) (rest string, all bool) {
	for n := range min(maxBlanks+1, len(s)) {
		if !isBlank(s[len(s)-1-n]) {
			return s[:len(s)-n], true
		}
	}
	return "", len(s) <= maxBlanks
}

// isBlank is what net/http trims.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
