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
	maxBlanks = 2000 // of which ten around each cookie can be trimmed
)

// TooMany reports whether there are more cookies in the lines of a request's Cookie headers than are looked at: 200 of them, 64 KiB, or 2,000 blanks
// and tabs, of which those around names and values are passed one by one.
func TooMany(lines []string) bool {
	number, size, blanks := len(lines), 0, 0
	if number > maxNumber {
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

// All yields the cookies in the lines of a request's Cookie headers: the name, and the value with the blanks that it begins with.
func All(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range lines {
			for more := true; more; {
				sign, end := bounds(line)
				name, value := line[:sign], line[min(sign+1, end):end]
				if more = end < len(line); more {
					line = line[end+1:]
				}
				if !yield(textproto.TrimString(name), trimRight(value)) {
					return
				}
			}
		}
	}
}

// bounds returns where the first equals sign of the first cookie in a line is, and the semicolon after the cookie; where they would be if there is none. Most
// cookies are short, and where there are many of them all are: to look for the two at once is faster than to begin twice.
func bounds(line string) (sign, end int) {
	const short = 16
	sign = -1
	for i := range min(len(line), short) {
		switch line[i] {
		case '=':
			if sign < 0 {
				sign = i
			}
		case ';':
			if sign < 0 {
				sign = i
			}
			return sign, i
		}
	}
	if end = strings.IndexByte(line, ';'); end < 0 {
		end = len(line)
	}
	if sign < 0 {
		sign = strings.IndexByte(line[:end], '=')
	}
	if sign < 0 {
		sign = end
	}
	return sign, end
}

// trimRight trims what [textproto.TrimString] trims, at the end.
func trimRight(s string) string {
	for s != "" {
		switch s[len(s)-1] {
		case ' ', '\t', '\r', '\n':
			s = s[:len(s)-1]
		default:
			return s
		}
	}
	return s
}
