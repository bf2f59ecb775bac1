package scope

import (
	"iter"
	"slices"
	"strings"
)

// A Set is a set of scope tokens, as they were granted. The zero Set is empty and grants nothing.
//
// A Set never holds a name outside the grammar of RFC 6749 section 3.3, and it cannot be changed: it is safe to copy, to keep
// and to use from several goroutines.
type Set struct {
	names []string // sorted, without duplicates, each valid; never written to after construction
}

// newSet takes names over. They must be valid.
func newSet(names []string) Set {
	if len(names) == 0 {
		return Set{} // equal sets are deeply equal
	}
	slices.Sort(names)
	return Set{names: slices.Compact(names)}
}

// Has reports whether token itself is in s. It knows no hierarchy and no wildcard, and it does not allocate.
func (s Set) Has(token string) bool {
	if len(s.names) <= walked {
		return slices.Contains(s.names, token)
	}
	_, found := slices.BinarySearch(s.names, token)
	return found
}

// walked is up to which size a walk is faster than a binary search: it compares lengths first.
const walked = 16

// Len is the number of tokens in s.
func (s Set) Len() int { return len(s.names) }

// Tokens yields the tokens of s in the order of their bytes.
func (s Set) Tokens() iter.Seq[string] { return slices.Values(s.names) }

// Union returns the set of what is in s or in other.
func (s Set) Union(other Set) Set {
	switch {
	case len(other.names) == 0:
		return s
	case len(s.names) == 0:
		return other
	}
	return newSet(slices.Concat(s.names, other.names))
}

// Intersect returns the set of what is in s and in other: a ceiling on what one of them may grant.
func (s Set) Intersect(other Set) Set {
	var both []string
	for _, name := range s.names {
		if other.Has(name) {
			both = append(both, name)
		}
	}
	return Set{names: both}
}

// String returns the tokens in the order of their bytes, separated by one blank: the form that [Parse] reads. Two sets are
// equal if and only if their strings are. The empty set is "".
func (s Set) String() string { return strings.Join(s.names, " ") }
