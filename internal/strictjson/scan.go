package strictjson

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner checks one document from left to right. While it checks, it keeps the names of the objects that are open, so
// that a member which stands twice is found at any depth.
type scanner struct {
	data  []byte
	pos   int
	names [][]byte // of all open objects; each knows where its own begin
	top   []member // what the outermost object or array holds
}

// member is a member of an object, or an element of an array, which has no name.
type member struct{ name, value []byte }

// document checks that data is one value of the wanted kind, with blanks around it at most.
func (s *scanner) document(first byte) error {
	if !utf8.Valid(s.data) {
		return ErrUTF8
	}
	s.blanks()
	if s.pos < len(s.data) && s.data[s.pos] != first {
		return ErrKind
	}
	if err := s.value(1); err != nil {
		return err
	}
	s.blanks()
	if s.pos != len(s.data) {
		return ErrSyntax
	}
	return nil
}

func (s *scanner) value(depth int) error {
	switch s.peek() {
	case '{', '[':
		if depth > MaxDepth {
			return ErrDepth
		}
		if s.peek() == '{' {
			return s.object(depth)
		}
		return s.array(depth)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) object(depth int) error {
	own := len(s.names)
	defer func() { s.names = s.names[:own] }()
	var seen map[string]struct{}
	s.pos++
	s.blanks()
	if s.take('}') {
		return nil
	}
	for {
		name, err := s.text()
		if err != nil {
			return err
		}
		if seen, err = s.remember(name, own, seen); err != nil {
			return err
		}
		s.blanks()
		if !s.take(':') {
			return ErrSyntax
		}
		s.blanks()
		if err := s.member(name, depth); err != nil {
			return err
		}
		s.blanks()
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return ErrSyntax
		}
		s.blanks()
	}
}

// member checks the value of a member or element of what is open at depth, and notes it if that is the outermost.
func (s *scanner) member(name []byte, depth int) error {
	start := s.pos
	if err := s.value(depth + 1); err != nil {
		return err
	}
	if depth == 1 {
		s.top = append(s.top, member{name, s.data[start:s.pos:s.pos]})
	}
	return nil
}

// crowd is how many names are compared one by one before an object gets an index.
const crowd = 16

// remember notes a member name of the object whose names begin at own. seen is the object's index, nil while it is small.
func (s *scanner) remember(name []byte, own int, seen map[string]struct{}) (map[string]struct{}, error) {
	switch {
	case seen != nil:
		if _, twice := seen[string(name)]; twice {
			return nil, ErrDuplicate
		}
		seen[string(name)] = struct{}{}
		return seen, nil
	case len(s.names)-own == crowd:
		seen = make(map[string]struct{}, 4*crowd)
		for _, n := range s.names[own:] {
			seen[string(n)] = struct{}{}
		}
		return s.remember(name, own, seen)
	}
	for _, n := range s.names[own:] {
		if bytes.Equal(n, name) {
			return nil, ErrDuplicate
		}
	}
	s.names = append(s.names, name)
	return nil, nil
}

func (s *scanner) array(depth int) error {
	s.pos++
	s.blanks()
	if s.take(']') {
		return nil
	}
	for {
		if err := s.member(nil, depth); err != nil {
			return err
		}
		s.blanks()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return ErrSyntax
		}
		s.blanks()
	}
}

// text reads a string and returns what it says: a part of the document, or a copy if anything was escaped.
func (s *scanner) text() ([]byte, error) {
	if !s.take('"') {
		return nil, ErrSyntax
	}
	start := s.pos
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start : s.pos-1], nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, ErrSyntax
		}
	}
	return nil, ErrSyntax
}

// escaped goes on with a string from its first backslash.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := append([]byte(nil), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return out, nil
		case c < ' ':
			return nil, ErrSyntax
		case c != '\\':
			out = append(out, c)
		default:
			var err error
			if out, err = s.escape(out); err != nil {
				return nil, err
			}
		}
	}
	return nil, ErrSyntax
}

// escape reads what stands after a backslash.
func (s *scanner) escape(out []byte) ([]byte, error) {
	c := s.peek()
	s.pos++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 && c != 0 {
		return append(out, "\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return nil, ErrSyntax
	}
	r, err := s.hex4()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(r) {
		if s.peek() != '\\' || s.pos+1 >= len(s.data) || s.data[s.pos+1] != 'u' {
			return nil, ErrUTF8
		}
		s.pos += 2
		low, err := s.hex4()
		if err != nil {
			return nil, err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return nil, ErrUTF8
		}
	}
	return utf8.AppendRune(out, r), nil
}

func (s *scanner) hex4() (r rune, err error) {
	if len(s.data)-s.pos < 4 {
		return 0, ErrSyntax
	}
	for _, c := range s.data[s.pos : s.pos+4] {
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
		r = r<<4 | rune(c)
	}
	s.pos += 4
	return r, nil
}

// number follows the grammar of RFC 8259 section 6.
func (s *scanner) number() error {
	_ = s.take('-')
	if !s.take('0') && s.digits() == 0 {
		return ErrSyntax
	}
	if s.take('.') && s.digits() == 0 {
		return ErrSyntax
	}
	if s.take('e') || s.take('E') {
		_ = s.take('+') || s.take('-')
		if s.digits() == 0 {
			return ErrSyntax
		}
	}
	return nil
}

func (s *scanner) digits() (n int) {
	for ; '0' <= s.peek() && s.peek() <= '9'; n++ {
		s.pos++
	}
	return n
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return ErrSyntax
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) blanks() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or NUL, which begins nothing, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos >= len(s.data) {
		return false
	}
	s.pos++
	return true
}
