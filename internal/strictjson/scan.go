package strictjson

import (
	"bytes"
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

// scanner checks one document. While it checks, it keeps the names of the objects that are open, so that a member which stands
// twice is found at any depth.
type scanner struct {
	reader

	names few[span]   // of all open objects, the outermost first; each object knows where its own begin
	top   few[member] // what the outermost object or array holds
}

// member is a member of an object, or an element of an array, which has no name.
type member struct{ name, value span }

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
		kept := len(s.unescaped)
		_, err := s.text()
		s.unescaped = s.unescaped[:kept]
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
	own, kept := s.names.n, len(s.unescaped)
	err := s.members(depth, own)
	s.names.cut(own)
	if depth > 1 { // the names of the outermost object are handed out
		s.unescaped = s.unescaped[:kept]
	}
	return err
}

// members checks an object whose names begin at own.
func (s *scanner) members(depth, own int) error {
	var seen map[uint64]struct{}
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
		if done, err := s.next('}'); done || err != nil {
			return err
		}
	}
}

func (s *scanner) array(depth int) error {
	s.pos++
	s.blanks()
	if s.take(']') {
		return nil
	}
	for {
		if err := s.member(span{}, depth); err != nil {
			return err
		}
		if done, err := s.next(']'); done || err != nil {
			return err
		}
	}
}

// next goes on to the next member, or past the end.
func (s *scanner) next(end byte) (done bool, err error) {
	s.blanks()
	if s.take(end) {
		return true, nil
	}
	if !s.take(',') {
		return false, ErrSyntax
	}
	s.blanks()
	return false, nil
}

// member checks the value of a member or element of what is open at depth, and notes it if that is the outermost.
func (s *scanner) member(name span, depth int) error {
	start := s.pos
	if err := s.value(depth + 1); err != nil {
		return err
	}
	if depth == 1 {
		s.top.add(member{name, span{start: start, end: s.pos}})
	}
	return nil
}

// crowd is how many names are compared one by one before an object gets an index of their hashes.
const crowd = 16

// seed is unknown outside of the process, so that nobody can choose names whose hashes meet.
var seed = maphash.MakeSeed()

// remember notes a member name of the object whose names begin at own. seen is the object's index, nil while it is small.
func (s *scanner) remember(name span, own int, seen map[uint64]struct{}) (map[uint64]struct{}, error) {
	if seen == nil && s.names.n-own == crowd {
		seen = make(map[uint64]struct{}, 4*crowd)
		for i := own; i < s.names.n; i++ {
			seen[maphash.Bytes(seed, s.bytes(s.names.at(i)))] = struct{}{}
		}
	}
	if s.mayStand(name, seen) && s.stands(name, own) {
		return nil, ErrDuplicate
	}
	s.names.add(name)
	return seen, nil
}

// mayStand adds name to the index and is false if it was not in it. Without an index everything may stand.
func (s *scanner) mayStand(name span, seen map[uint64]struct{}) bool {
	if seen == nil {
		return true
	}
	hash, before := maphash.Bytes(seed, s.bytes(name)), len(seen)
	seen[hash] = struct{}{}
	return len(seen) == before
}

func (s *scanner) stands(name span, own int) bool {
	text := s.bytes(name)
	for i := own; i < s.names.n; i++ {
		if bytes.Equal(s.bytes(s.names.at(i)), text) {
			return true
		}
	}
	return false
}

// nameTexts returns the names of the outermost object, one after the other in one string.
func (s *scanner) nameTexts() string {
	size := 0
	for i := range s.top.n {
		name := s.top.at(i).name
		size += name.end - name.start
	}
	var b strings.Builder
	b.Grow(size)
	for i := range s.top.n {
		b.Write(s.bytes(s.top.at(i).name))
	}
	return b.String()
}

// raw returns a value as it stands in the document. It cannot grow into what follows.
func (s *scanner) raw(value span) []byte { return s.data[value.start:value.end:value.end] }
