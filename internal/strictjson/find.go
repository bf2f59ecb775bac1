package strictjson

import "unicode/utf8"

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
		from := r.pos + 1
		if r.peek() != '"' {
			return "", false
		}
		r.passString()
		here := spells(document[from:r.pos], name)
		r.pos++
		r.blanks()
		if !r.take(':') {
			return "", false
		}
		r.blanks()
		start := r.pos
		r.pass()
		if here {
			return trimmed(document[start:r.pos]), true
		}
		if !r.take(',') {
			return "", false
		}
	}
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

// pass goes past a value of an object and the blanks after it, by brackets and quotes alone.
func (r *reader) pass() {
	for open := 0; r.pos < len(r.data); r.pos++ {
		switch marks[r.data[r.pos]] {
		case opens:
			open++
		case closes:
			if open == 0 {
				return
			}
			open--
		case comma:
			if open == 0 {
				return
			}
		case quote:
			r.passString()
		}
	}
}

// passString goes from the quote at the start of a string to the one at its end.
func (r *reader) passString() {
	i := r.pos + 1
	for i < len(r.data) && r.data[i] != '"' {
		switch next := plain(r.data, i); {
		case next > i:
			i = next
		case r.data[i] == '\\':
			i += 2
		default: // a control character, which Object does not take
			i++
		}
	}
	r.pos = min(i, len(r.data))
}

const (
	opens = iota + 1
	closes
	comma
	quote
)

// marks are the bytes that tell where a value ends.
var marks = [256]uint8{'{': opens, '[': opens, '}': closes, ']': closes, ',': comma, '"': quote}

// trimmed is a value without the blanks after it.
func trimmed(value string) string {
	for len(value) > 0 && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}
