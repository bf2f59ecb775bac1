package strictjson

import (
	"strings"
	"unicode/utf8"
)

// Find returns the value of a member of the outermost object, for who has to know one before it is worth to check the document. Of a document that
// Object refuses, it may find anything.
func Find(document, name string) (value string, found bool) {
	r := reader{data: document}
	r.blanks()
	if !r.take('{') {
		return "", false
	}
	for {
		r.blanks()
		if r.peek() != '"' {
			return "", false
		}
		from := r.pos + 1
		end, escaped := stringEnd(document, r.pos)
		here := document[from:end] == name || escaped && mayBegin(document[from:end], name) && spells(document[from:end], name)
		r.pos = end + 1
		r.blanks()
		if !r.take(':') {
			return "", false
		}
		r.blanks()
		start := r.pos
		r.pos = valueEnd(document, start)
		if here {
			return trimmed(document[start:r.pos]), true
		}
		if !r.take(',') {
			return "", false
		}
	}
}

// mayBegin is false if what stands between the quotes of a string, which has an escape in it, plainly begins otherwise than name. It spares most names a
// closer look.
func mayBegin(quoted, name string) bool {
	if name == "" || quoted == "" {
		return false
	}
	isLetter := 'A' <= name[0] && name[0] <= 'z' && name[0] != '\\'
	if quoted[0] == '\\' {
		return !isLetter || strings.HasPrefix(quoted, `\u`) // the others stand for no letter
	}
	return quoted[0] == name[0]
}

// spells reports whether what stands between the quotes of a string says name.
func spells(quoted, name string) bool {
	r := reader{data: quoted}
	for name != "" {
		if !r.take('\\') {
			if !r.take(name[0]) {
				return false
			}
			name = name[1:]
			continue
		}
		char, err := r.escape()
		size := utf8.RuneLen(char)
		if err != nil || size > len(name) || string(char) != name[:size] {
			return false
		}
		name = name[size:]
	}
	return r.pos == len(quoted)
}

// valueEnd returns where the value that begins at i, and the blanks after it, end, by brackets and quotes alone.
func valueEnd(s string, i int) int {
	for open := 0; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			i, _ = stringEnd(s, i)
			continue
		}
		if open == 0 && (c == ',' || c == '}' || c == ']') {
			return i
		}
		open += int(nesting[c])
	}
	return len(s)
}

// nesting is by how much a byte outside of strings changes how many brackets are open.
var nesting = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1}

// stringEnd returns where the quote is that ends the string whose first quote is at i, and whether there are escapes in it. Control characters, which Object
// does not take, are nothing special.
func stringEnd(s string, i int) (end int, escaped bool) {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			escaped = true
			i++
		}
	}
	return min(i, len(s)), escaped
}

// trimmed is a value without the blanks after it.
func trimmed(value string) string {
	for len(value) > 0 && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}
