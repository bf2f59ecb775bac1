package scope

import (
	"errors"
	"slices"
)

// A Requirement says which granted scopes are enough. It is made by [All], [Any], [AllOf] and [AnyOf] and cannot be changed: it
// is safe to copy, to keep and to use from several goroutines.
//
// The zero Requirement is met by no Set. So is one that has a mistake in it, see [Requirement.Err].
type Requirement struct {
	root *node
}

// A node asks for all or any of its names or, if it has no names, of its parts.
type node struct {
	any     bool
	names   []string
	parts   []Requirement
	matcher Matcher // nil: that of the node around it, Exact at the top
	err     error   // what makes it unmeetable, that of its parts included
}

var errEmptyPart = errors.New("scope: an empty requirement inside another")

// All is met by a Set that covers every one of the names.
//
// Names are compile-time constants more often than not, so mistakes in them are kept for [Requirement.Err] and do not panic.
func All(first string, more ...string) Requirement { return ofNames(false, first, more) }

// Any is met by a Set that covers at least one of the names. The first is the one that [Requirement.Challenge] asks for.
func Any(first string, more ...string) Requirement { return ofNames(true, first, more) }

// AllOf is met by a Set that meets every one of the requirements.
func AllOf(first Requirement, more ...Requirement) Requirement { return ofParts(false, first, more) }

// AnyOf is met by a Set that meets at least one of the requirements. The first is the one that [Requirement.Challenge] asks for.
//
// A mistake in one of them is a mistake in the whole, which is then met by nothing.
func AnyOf(first Requirement, more ...Requirement) Requirement { return ofParts(true, first, more) }

func ofNames(either bool, first string, more []string) Requirement {
	names := slices.Concat([]string{first}, more)
	return Requirement{root: &node{any: either, names: names, err: mistakes(names)}}
}

func ofParts(either bool, first Requirement, more []Requirement) Requirement {
	parts := slices.Concat([]Requirement{first}, more)
	var errs []error
	for _, p := range parts {
		if p.IsZero() {
			errs = append(errs, errEmptyPart)
		}
		errs = append(errs, p.Err())
	}
	return Requirement{root: &node{any: either, parts: parts, err: errors.Join(errs...)}}
}

// Using returns r with m deciding which granted token covers which wanted one, also in the parts of r that were not given a
// Matcher of their own. Without any, and with nil, it is [Exact]. The zero Requirement stays what it is.
func (r Requirement) Using(m Matcher) Requirement {
	if r.root == nil {
		return r
	}
	n := *r.root
	n.matcher = m
	return Requirement{root: &n}
}

// IsZero reports whether r is the zero Requirement, which asks for nothing that could be named and is met by nothing.
func (r Requirement) IsZero() bool { return r.root == nil }

// Err returns what is wrong with r, all of it joined: names outside the grammar of RFC 6749 section 3.3, and zero requirements
// inside of others. Such a Requirement is met by nothing. Err of the zero Requirement is nil.
func (r Requirement) Err() error {
	if r.root == nil {
		return nil
	}
	return r.root.err
}

// SatisfiedBy reports whether s is enough. It does not allocate, unless a [Matcher] does.
func (r Requirement) SatisfiedBy(s Set) bool {
	n := r.root
	if n == nil || n.err != nil {
		return false
	}
	if len(n.names) == 1 && n.matcher == nil && n.parts == nil { // most are
		return s.Has(n.names[0])
	}
	return n.met(s, nil)
}

// met evaluates n, which has no mistake in it, where around is the matcher of the nodes around it.
func (n *node) met(s Set, around Matcher) bool {
	m := n.matcher
	if m == nil {
		m = around
	}
	for _, name := range n.names {
		if (s.Has(name) || m != nil && s.covers(name, m)) == n.any {
			return n.any
		}
	}
	for _, part := range n.parts {
		if part.root.met(s, m) == n.any {
			return n.any
		}
	}
	return !n.any
}

// covers reports whether some token of s covers wanted, which is none of them.
func (s Set) covers(wanted string, m Matcher) bool {
	for _, granted := range s.names {
		if m(granted, wanted) {
			return true
		}
	}
	return false
}
