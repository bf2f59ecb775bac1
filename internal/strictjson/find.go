package strictjson

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
		have, err := r.text()
		if err != nil {
			return "", false
		}
		r.blanks()
		if !r.take(':') {
			return "", false
		}
		r.blanks()
		start := r.pos
		r.pass()
		if have == name {
			return trimmed(document[start:r.pos]), true
		}
		if !r.take(',') {
			return "", false
		}
	}
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
	for r.pos++; r.pos < len(r.data); {
		r.pos = plain(r.data, r.pos)
		switch r.peek() {
		case '"':
			return
		case '\\':
			r.pos += 2
		default:
			r.pos++
		}
	}
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
