package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	top          = "$" // the path of the whole document
	maxConfig    = 1 << 20
	maxNesting   = 32
	wordAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
)

// A node is one JSON value of the configuration together with its path.
type node struct {
	path     string
	value    any // string, json.Number, bool or nil; kindObject and kindArray for the others
	members  map[string]*node
	names    []string
	elements []*node
}

type kind int

const (
	kindObject kind = iota + 1
	kindArray
)

// A treeReader turns text into nodes. It stops at the first violation of JSON itself; a duplicate member is reported and
// read past, the first one counts.
type treeReader struct {
	dec  *json.Decoder
	data []byte
	m    *mistakes
}

// readTree reads exactly one JSON value. It returns nil after it has reported that data is none.
func readTree(data []byte, m *mistakes) *node {
	switch {
	case len(data) > maxConfig:
		m.addf(top, "larger than %d bytes", maxConfig)
		return nil
	case !utf8.Valid(data):
		m.addf(top, "not UTF-8")
		return nil
	}
	r := &treeReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data, m: m}
	r.dec.UseNumber()
	n := &node{path: top}
	if !r.read(n, 0) {
		return nil
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		m.addf(top, "something follows the end of the document, %s", r.place(r.dec.InputOffset()))
		return nil
	}
	return n
}

// read fills n with the next value and reports whether reading can go on.
func (r *treeReader) read(n *node, depth int) bool {
	if depth > maxNesting {
		r.m.addf(n.path, "nested deeper than %d", maxNesting)
		return false
	}
	t, ok := r.token(n.path)
	if !ok {
		return false
	}
	if _, twice := r.m.positions[n.path]; !twice {
		r.m.positions[n.path] = r.dec.InputOffset()
	}
	switch t {
	case json.Delim('{'):
		n.value = kindObject
		return r.readMembers(n, depth)
	case json.Delim('['):
		n.value = kindArray
		return r.readElements(n, depth)
	}
	if s, isText := t.(string); isText && strings.ContainsRune(s, utf8.RuneError) {
		r.m.addf(n.path, "text with half a surrogate pair or U+FFFD")
	}
	n.value = t
	return true
}

func (r *treeReader) readMembers(n *node, depth int) bool {
	n.members = map[string]*node{}
	for r.dec.More() {
		t, ok := r.token(n.path)
		if !ok {
			return false
		}
		name, isText := t.(string)
		if !isText {
			r.m.addf(n.path, "not JSON: a member without a name, %s", r.place(r.dec.InputOffset()))
			return false
		}
		child := &node{path: memberPath(n.path, name)}
		if !r.read(child, depth+1) {
			return false
		}
		if n.members[name] != nil {
			r.m.addf(child.path, "given twice")
			continue
		}
		n.members[name] = child
		n.names = append(n.names, name)
	}
	_, ok := r.token(n.path)
	return ok
}

func (r *treeReader) readElements(n *node, depth int) bool {
	for i := 0; r.dec.More(); i++ {
		child := &node{path: fmt.Sprintf("%s[%d]", n.path, i)}
		if !r.read(child, depth+1) {
			return false
		}
		n.elements = append(n.elements, child)
	}
	_, ok := r.token(n.path)
	return ok
}

func (r *treeReader) token(path string) (json.Token, bool) {
	t, err := r.dec.Token()
	if err == nil {
		return t, true
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.m.addf(path, "not JSON: the document ends here, %s", r.place(int64(len(r.data))))
		return nil, false
	}
	at := r.dec.InputOffset()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	r.m.addf(path, "not JSON: %s, %s", strings.TrimPrefix(err.Error(), "json: "), r.place(at))
	return nil, false
}

// place names an offset as people count: lines and columns from one.
func (r *treeReader) place(offset int64) string {
	before := r.data[:min(max(offset, 0), int64(len(r.data)))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}

// memberPath writes a.b for a name that is a word and a["b c"] for one that is not.
func memberPath(parent, name string) string {
	if name == "" || strings.Trim(name, wordAlphabet) != "" {
		return parent + "[" + strconv.Quote(name) + "]"
	}
	if parent == top {
		return name
	}
	return parent + "." + name
}
