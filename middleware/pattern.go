package middleware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A shape is the set of paths that a pattern matches, segment by segment. After its last element the path ends.
type shape []element

// An element matches one segment; slash and multi only stand last.
type element struct {
	kind    elementKind
	literal string
}

type elementKind int

const (
	literal elementKind = iota // this segment
	single                     // any one segment
	slash                      // a slash, and the path ends
	multi                      // a slash and whatever follows, nothing included
)

// A pattern is a Rule's pattern, read.
type pattern struct {
	method string // "": any
	shape  shape
}

// methods are those that a rule may name: HTTP's own, PATCH (RFC 5789), QUERY, and the rest of IANA's registry. Missing are
// CONNECT, which no guard lets pass, and PRI, which is none. Others are covered by a rule without a method.
var methods = strings.Fields(`GET HEAD POST PUT DELETE OPTIONS TRACE PATCH QUERY
	ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF
	MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE
	UPDATEREDIRECTREF VERSION-CONTROL`)

// parsePattern reads net/http's syntax, [METHOD ]/PATH, without hosts, and refuses what could match no path that a guard
// lets pass.
func parsePattern(s string) (pattern, error) {
	method, path := "", s
	if i := strings.IndexAny(s, " \t"); i >= 0 { // so that a path with a blank needs a method, as in net/http
		method, path = s[:i], strings.TrimLeft(s[i+1:], " \t")
		if !slices.Contains(methods, method) {
			return pattern{}, fmt.Errorf("method %q is unknown; methods are written in upper case", method)
		}
	}
	if !strings.HasPrefix(path, "/") {
		return pattern{}, errors.New("the path must begin with a slash, and hosts are not supported")
	}
	shape, err := parseShape(path)
	if err != nil {
		return pattern{}, err
	}
	return pattern{method: method, shape: shape}, nil
}

func parseShape(path string) (shape, error) {
	var parsed shape
	names := map[string]bool{}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		e, name, err := parseElement(segment, i == len(segments)-1)
		if err != nil {
			return nil, fmt.Errorf("segment %q: %w", segment, err)
		}
		if name != "" && names[name] {
			return nil, fmt.Errorf("segment %q: the name occurs twice", segment)
		}
		names[name] = true
		parsed = append(parsed, e)
	}
	return parsed, nil
}

func parseElement(segment string, last bool) (e element, name string, err error) {
	switch {
	case segment == "" && last:
		return element{kind: multi}, "", nil
	case segment == "{$}" && last:
		return element{kind: slash}, "", nil
	case strings.ContainsAny(segment, "{}"):
		return parseWildcard(segment, last)
	case strings.Contains(segment, "*"):
		return element{}, "", errors.New("a wildcard is written {name}, or {name...} for all that follows")
	case !isCanonicalSegment(segment) || !isCanonicalPath("/"+segment):
		return element{}, "", errors.New("no request with such a path is let pass; paths are written decoded and clean")
	default:
		return element{kind: literal, literal: segment}, "", nil
	}
}

func parseWildcard(segment string, last bool) (e element, name string, err error) {
	inner, opened := strings.CutPrefix(segment, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	name, rest := strings.CutSuffix(inner, "...")
	switch {
	case !opened || !closed || !isIdentifier(name):
		return element{}, "", errors.New("a wildcard is a whole segment, {name}, {name...} or {$}, and its name a Go identifier")
	case rest && !last:
		return element{}, "", errors.New("{name...} must stand at the end")
	case rest:
		return element{kind: multi}, name, nil
	default:
		return element{kind: single}, name, nil
	}
}

func isIdentifier(s string) bool {
	for i, c := range s {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return s != ""
}

// matches says whether the shape covers a canonical path.
func (s shape) matches(path string) bool {
	for _, e := range s {
		switch {
		case path == "":
			return false
		case e.kind == multi:
			return true
		case e.kind == slash:
			return path == "/"
		}
		segment, rest := firstSegment(path)
		if segment == "" || e.kind == literal && e.literal != segment {
			return false
		}
		path = rest
	}
	return path == ""
}

// firstSegment cuts a non-empty path that begins with a slash. The segment of a lone slash is empty.
func firstSegment(path string) (segment, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
