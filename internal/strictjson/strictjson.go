// Package strictjson reads JSON that can be read in one way only.
//
// It exists for signed and security-relevant documents, where two readers that disagree are an attack: encoding/json
// matches member names without regard to case, takes the last of several equal members and repairs invalid UTF-8. Here, a
// document is one value (RFC 8259) of valid UTF-8 with nothing after it, at most MaxDepth deep, no object in it names a
// member twice after unescaping, no string holds half a surrogate pair, and no number is beyond a float64 (RFC 8259 section
// 6). Names are compared byte by byte.
//
// Values are handed out as the raw bytes of the document: a caller decodes the members it knows by String, Strings, Number
// and Bool, and cannot be given another type than it asked for. No error carries a part of the document.
package strictjson

import (
	"errors"
	"math"

	"github.com/perimeter-go/perimeter/internal/validutf8"
)

// MaxDepth is how deep arrays and objects may nest; the outermost counts.
const MaxDepth = 32

// What is wrong with a document. Nothing of the document is in the text.
var (
	ErrSyntax    = errors.New("strictjson: not one JSON value")
	ErrUTF8      = errors.New("strictjson: invalid text")
	ErrDepth     = errors.New("strictjson: nested too deep")
	ErrDuplicate = errors.New("strictjson: a member stands twice")
	ErrRange     = errors.New("strictjson: a number out of range")
	ErrKind      = errors.New("strictjson: another kind of value")
	ErrTooMany   = errors.New("strictjson: too many members, elements or escapes")
)

// Object checks all of data and, only if it is one valid object, calls member for each of its members in order. An error
// of member ends the walk and is returned as it is. value aliases data.
func Object(data []byte, member func(name string, value []byte) error) error {
	return walk(data, '{', member)
}

// Array is Object for the elements of an array.
func Array(data []byte, element func(value []byte) error) error {
	return walk(data, '[', func(_ string, value []byte) error { return element(value) })
}

func walk(data []byte, first byte, member func(name string, value []byte) error) error {
	type found struct {
		name       string
		start, end int
	}
	var all few[found]
	s := scanner{reader: reader{data: string(data), escapes: math.MaxInt}, left: math.MaxInt}
	err := s.document(first, func(name, value string) { all.add(found{name, s.found, s.found + len(value)}) })
	if err != nil {
		return err
	}
	for i := range all.n {
		m := all.at(i)
		if err := member(m.name, data[m.start:m.end:m.end]); err != nil {
			return err
		}
	}
	return nil
}

// Scan is Object in one pass, for who can wait with judging what it is given: member is called for each member of the outermost
// object before what follows it is checked, so that an error of Scan may come after any number of calls. Of a document that was cut
// off, the members that are whole are found. name and value share memory with the document.
//
// A document of more than most members and elements, at all depths, is ErrTooMany, and so is one of more than half as many escapes: they are what
// takes time. A pair of surrogates is one.
func Scan(document string, most int, member func(name, value string)) error {
	s := scanner{reader: reader{data: document, escapes: most / 2}, left: most}
	return s.document('{', member)
}

// Text is what JSON is kept in.
type Text interface{ ~string | ~[]byte }

// String returns what a string says. ok is false for anything else. The result shares memory with a value that is a string.
func String[T Text](value T) (text string, ok bool) {
	r := reader{data: string(value), escapes: math.MaxInt}
	text, err := r.text()
	if err != nil || r.pos != len(r.data) || !validutf8.String(r.data) {
		return "", false
	}
	return text, true
}

// Strings returns the elements of an array of strings. ok is false for anything else, one element of another kind included. They
// share memory with a value that is a string.
func Strings[T Text](value T) (list []string, ok bool) {
	r := reader{data: string(value), escapes: math.MaxInt}
	if list, ok = r.texts(); !ok || r.pos != len(r.data) || !validutf8.String(r.data) {
		return nil, false
	}
	return list, true
}

// Bool returns true or false. ok is false for anything else.
func Bool[T Text](value T) (truth, ok bool) {
	switch string(value) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}
