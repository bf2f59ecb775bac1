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
	"strconv"
	"unicode/utf8"
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
)

// Object checks all of data and, only if it is one valid object, calls member for each of its members in order. An error
// of member ends the walk and is returned as it is. value aliases data.
func Object(data []byte, member func(name string, value []byte) error) error {
	s := scanner{reader: reader{data: data}}
	if err := s.document('{'); err != nil {
		return err
	}
	names := s.nameTexts()
	for i := range s.top.n {
		m := s.top.at(i)
		size := m.name.end - m.name.start
		if err := member(names[:size], s.raw(m.value)); err != nil {
			return err
		}
		names = names[size:]
	}
	return nil
}

// Array is Object for the elements of an array.
func Array(data []byte, element func(value []byte) error) error {
	s := scanner{reader: reader{data: data}}
	if err := s.document('['); err != nil {
		return err
	}
	for i := range s.top.n {
		if err := element(s.raw(s.top.at(i).value)); err != nil {
			return err
		}
	}
	return nil
}

// String returns what a string says. ok is false for anything else.
func String(value []byte) (text string, ok bool) {
	r := reader{data: value}
	at, err := r.text()
	if err != nil || r.pos != len(value) || !utf8.Valid(value) {
		return "", false
	}
	return string(r.bytes(at)), true
}

// Strings returns the elements of an array of strings. ok is false for anything else, one element of another kind included.
func Strings(value []byte) (list []string, ok bool) {
	err := Array(value, func(element []byte) error {
		text, ok := String(element)
		if !ok {
			return ErrKind
		}
		list = append(list, text)
		return nil
	})
	if err != nil {
		return nil, false
	}
	return list, true
}

// Number returns a number that a float64 can hold, rounded to the nearest. ok is false for anything else.
func Number(value []byte) (number float64, ok bool) {
	r := reader{data: value}
	if r.number() != nil || r.pos != len(value) {
		return 0, false
	}
	number, err := strconv.ParseFloat(string(value), 64) // out of range is an error
	return number, err == nil
}

// Bool returns true or false. ok is false for anything else.
func Bool(value []byte) (truth, ok bool) {
	switch string(value) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}
