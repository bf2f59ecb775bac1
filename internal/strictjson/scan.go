package strictjson

import "github.com/perimeter-go/perimeter/internal/validutf8"

// scanner checks one document. While it checks, it keeps the names of the objects that are open, so that a member which stands
// twice is found at any depth.
type scanner struct {
	reader

	names few[string] // of all open objects, the outermost first; each object knows where its own begin
	left  int         // how many more members and elements there may be
	found int         // where the value of the last member begins that was visited
}

// visitor is told of a member. Its value stands where the scanner says it found it.
type visitor func(name, value string)

// document checks that data is one value of the wanted kind, with blanks around it at most. It visits the members or elements of that
// value, each as soon as it is known to be complete.
func (s *scanner) document(first byte, visit visitor) error {
	err := s.outermost(first, visit)
	if s.left < 0 || s.escapes < 0 {
		return ErrTooMany // and not worth another look
	}
	if !validutf8.String(s.data) {
		return ErrUTF8
	}
	return err
}

func (s *scanner) outermost(first byte, visit visitor) error {
	s.blanks()
	if s.pos < len(s.data) && s.data[s.pos] != first {
		return ErrKind
	}
	if err := s.value(1, visit); err != nil {
		return err
	}
	s.blanks()
	if s.pos != len(s.data) {
		return ErrSyntax
	}
	return nil
}

// value checks one value. Its members are visited, but not theirs.
func (s *scanner) value(depth int, visit visitor) error {
	switch c := s.peek(); c {
	case '"':
		return s.skip()
	case '{', '[':
		if depth > MaxDepth {
			return ErrDepth
		}
		s.pos++
		if c == '[' {
			return s.array(depth, visit)
		}
		o := object{own: s.names.n}
		err := s.object(depth, &o, visit)
		s.names.cut(o.own)
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

// object checks what follows the opening brace.
func (s *scanner) object(depth int, o *object, visit visitor) error {
	s.blanks()
	if s.take('}') {
		return nil
	}
	for {
		name, err := s.text()
		if err != nil {
			return err
		}
		if !s.remember(name, o) {
			return ErrDuplicate
		}
		s.blanks()
		if !s.take(':') {
			return ErrSyntax
		}
		s.blanks()
		if done, err := s.member(name, depth, '}', visit); done || err != nil {
			return err
		}
	}
}

// array checks what follows the opening bracket.
func (s *scanner) array(depth int, visit visitor) error {
	s.blanks()
	if s.take(']') {
		return nil
	}
	for {
		if done, err := s.member("", depth, ']', visit); done || err != nil {
			return err
		}
	}
}

// member checks the value of a member, or an element, of what is open at depth. It goes on to the next, or past the end.
func (s *scanner) member(name string, depth int, end byte, visit visitor) (done bool, err error) {
	if s.left--; s.left < 0 {
		return true, ErrTooMany
	}
	start := s.pos
	if err := s.value(depth+1, nil); err != nil {
		return true, err
	}
	stop := s.pos
	s.blanks()
	done = s.take(end)
	if !done && !s.take(',') {
		return true, ErrSyntax
	}
	if visit != nil {
		s.found = start
		visit(name, s.data[start:stop])
	}
	if !done {
		s.blanks()
	}
	return done, nil
}
