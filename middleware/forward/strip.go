package forward

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const maxConnection = 1 << 10

// unname takes the managed names out of the Connection header, which asks the next proxy to remove what it names (RFC 9110
// section 7.6.1). It replaces values and does not write into them. A header that is longer than anybody's needs to be is removed, since it is for the
// next proxy only.
func unname(h http.Header, managed names) {
	size := 0
	for _, line := range h["Connection"] {
		if size += len(line) + len(","); size > maxConnection {
			delete(h, "Connection")
			return
		}
	}
	filter(h, "Connection", ",", managed.has)
}

// dropCookies removes the cookies of these exact names (RFC 6265 section 4.2.1) and leaves the others as they are.
func dropCookies(h http.Header, cookies []string) {
	if len(cookies) == 0 {
		return
	}
	filter(h, "Cookie", ";", func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(cookies, textproto.TrimString(name))
	})
}

// filter removes the elements for which gone is true from a header that is a list. Lines without any of them stay byte for byte; a
// line of which nothing remains is removed, and so is a header without lines.
func filter(h http.Header, name, separator string, gone func(element string) bool) {
	lines := h[name]
	if !slices.ContainsFunc(lines, func(line string) bool { return holds(line, separator, gone) }) {
		return
	}
	var kept []string
	for _, line := range lines {
		if holds(line, separator, gone) {
			line = without(line, separator, gone)
		}
		if line != "" {
			kept = append(kept, line)
		}
	}
	if kept == nil {
		delete(h, name)
		return
	}
	h[name] = kept
}

func holds(line, separator string, gone func(string) bool) bool {
	for element := range strings.SplitSeq(line, separator) {
		if gone(textproto.TrimString(element)) {
			return true
		}
	}
	return false
}

func without(line, separator string, gone func(string) bool) string {
	var kept []string
	for element := range strings.SplitSeq(line, separator) {
		if element = textproto.TrimString(element); element != "" && !gone(element) {
			kept = append(kept, element)
		}
	}
	return strings.Join(kept, separator+" ")
}
