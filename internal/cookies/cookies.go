// Package cookies reads a request's cookies as the client has sent them, and bounds what is looked at before anything is known of their sender. net/http leaves
// out a cookie whose value it dislikes, and so misses that there are two of one name.
package cookies

import (
	"iter"
	"net/textproto"
	"strings"
)

const (
	maxNumber = 200 // RFC 6265 section 6.1 asks browsers for 50 of a site; Chrome keeps 180
	maxSize   = 64 << 10
)

// TooMany reports whether there are more cookies in the lines of a request's Cookie headers than are looked at: 200 of them, or 64 KiB.
func TooMany(lines []string) bool {
	number, size := len(lines), 0
	if number > maxNumber {
		return true
	}
	for _, line := range lines {
		if size += len(line); size > maxSize {
			return true
		}
		number += strings.Count(line, ";")
	}
	return number > maxNumber
}

// All yields the cookies in the lines of a request's Cookie headers: the name, and the value with the blanks that it begins with.
func All(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range lines {
			for pair := range strings.SplitSeq(line, ";") {
				name, value, _ := strings.Cut(textproto.TrimString(pair), "=")
				if !yield(textproto.TrimString(name), value) {
					return
				}
			}
		}
	}
}
