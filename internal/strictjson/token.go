package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reader reads the tokens of a document from left to right.
type reader struct {
	data      []byte
	pos       int
	unescaped []byte // what strings with an escape in them say
}

// span is where to find what a string says: in the document or in what was unescaped. It holds no pointer, so that a list of
// spans can stay off the heap.
type span struct {
	start, end int
	unescaped  bool
}

func (r *reader) bytes(at span) []byte {
	if at.unescaped {
		return r.unescaped[at.start:at.end]
	}
	return r.data[at.start:at.end]
}

// text reads a string.
func (r *reader) text() (span, error) {
	if !r.take('"') {
		return span{}, ErrSyntax
	}
	start := r.pos
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; {
		case c == '"':
			r.pos++
			return span{start: start, end: r.pos - 1}, nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return span{}, ErrSyntax
		}
	}
	return span{}, ErrSyntax
}

// escaped goes on with a string from its first backslash.
func (r *reader) escaped(start int) (span, error) {
	at := span{start: len(r.unescaped), unescaped: true}
	r.unescaped = append(r.unescaped, r.data[start:r.pos]...)
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		r.pos++
		switch {
		case c == '"':
			at.end = len(r.unescaped)
			return at, nil
		case c < ' ':
			return span{}, ErrSyntax
		case c != '\\':
			r.unescaped = append(r.unescaped, c)
		default:
			char, err := r.escape()
			if err != nil {
				return span{}, err
			}
			r.unescaped = utf8.AppendRune(r.unescaped, char)
		}
	}
	return span{}, ErrSyntax
}

// escape reads what stands after a backslash.
func (r *reader) escape() (rune, error) {
	if r.take('u') {
		return r.escapedRune()
	}
	i := strings.IndexByte(`"\/bfnrt`, r.peek())
	if i < 0 { // at the end, too
		return 0, ErrSyntax
	}
	r.pos++
	return rune("\"\\/\b\f\n\r\t"[i]), nil
}

// escapedRune reads four hexadecimal digits, and the second half of a surrogate pair if they are the first (RFC 8259 section 7).
func (r *reader) escapedRune() (rune, error) {
	char, err := r.hex4()
	if err != nil || !utf16.IsSurrogate(char) {
		return char, err
	}
	if !r.take('\\') || !r.take('u') {
		return 0, ErrUTF8
	}
	low, err := r.hex4()
	if err != nil {
		return 0, err
	}
	if char = utf16.DecodeRune(char, low); char == utf8.RuneError {
		return 0, ErrUTF8
	}
	return char, nil
}

func (r *reader) hex4() (char rune, err error) {
	if len(r.data)-r.pos < 4 {
		return 0, ErrSyntax
	}
	for _, c := range r.data[r.pos : r.pos+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, ErrSyntax
		}
		char = char<<4 | rune(c)
	}
	r.pos += 4
	return char, nil
}

// number follows the grammar of RFC 8259 section 6, and refuses what no float64 can hold: some readers would take it, others
// not.
func (r *reader) number() error {
	start, exponent := r.pos, false
	_ = r.take('-')
	if !r.take('0') && r.digits() == 0 {
		return ErrSyntax
	}
	if r.take('.') && r.digits() == 0 {
		return ErrSyntax
	}
	if r.take('e') || r.take('E') {
		exponent = true
		_ = r.take('+') || r.take('-')
		if r.digits() == 0 {
			return ErrSyntax
		}
	}
	if exponent || r.pos-start > surelyFinite {
		if _, err := strconv.ParseFloat(string(r.data[start:r.pos]), 64); err != nil {
			return ErrRange
		}
	}
	return nil
}

// surelyFinite is a length up to which a number without an exponent is below 1.7e308, the most that a float64 holds.
const surelyFinite = 308

func (r *reader) digits() (n int) {
	for ; '0' <= r.peek() && r.peek() <= '9'; n++ {
		r.pos++
	}
	return n
}

func (r *reader) literal(word string) error {
	end := r.pos + len(word)
	if end > len(r.data) || string(r.data[r.pos:end]) != word {
		return ErrSyntax
	}
	r.pos = end
	return nil
}

func (r *reader) blanks() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or NUL, which begins nothing, at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c || r.pos >= len(r.data) {
		return false
	}
	r.pos++
	return true
}
