package scope

import (
	"errors"
	"slices"
	"strings"
)

// Parse reads a list of scope tokens from configuration: one or more, separated by single blanks, as RFC 6749 section 3.3 spells
// them. A token that stands twice counts once.
//
// Everything else is an error that quotes each mistake, all joined: an empty string, a blank too many, a tab, a byte outside
// printable ASCII, a quote or a backslash. The Set is then empty.
func Parse(s string) (Set, error) {
	if s == "" {
		return Set{}, errors.New("scope: an empty string is no list of scope tokens (RFC 6749 section 3.3)")
	}
	return FromList(strings.Split(s, " "))
}

// FromList reads scope tokens from configuration where each has an element of its own. An empty list is the empty set. Its
// errors are those of [Parse]; an element with a blank in it is one.
//
// FromList keeps nothing of the slice.
func FromList(tokens []string) (Set, error) {
	if err := mistakes(tokens); err != nil {
		return Set{}, err
	}
	return newSet(slices.Clone(tokens)), nil
}

// Granted reads what a token was granted from the string form of its scope claim, RFC 9068 section 2.2.3 and RFC 8693 section 4.2.
//
// It is lenient where that grants nothing, so that an odd scope takes only itself from the bearer. Elements are separated by
// blanks and by nothing else: no tab, no comma. An empty element is dropped; an element with a byte outside the grammar grants
// nothing, in whole and in its parts. The empty string is the empty set. Whatever [Parse] takes, Granted reads the same.
//
// The Set shares memory with claim.
func Granted(claim string) Set {
	names := make([]string, 0, elements(claim))
	for name := range strings.SplitSeq(claim, " ") {
		if valid(name) {
			names = append(names, name)
		}
	}
	return newSet(names)
}

// elements is how many elements of claim are not empty.
func elements(claim string) (n int) {
	for i := range len(claim) {
		if claim[i] != ' ' && (i == 0 || claim[i-1] == ' ') {
			n++
		}
	}
	return n
}

// GrantedList is [Granted] for the array form, which Okta, Auth0 and Entra ID send in claims of their own. Each element is one scope token and
// is never split: one with a blank in it grants nothing, nor does one with any other byte outside the grammar.
//
// GrantedList keeps nothing of the slice.
func GrantedList(elements []string) Set {
	var names []string
	for _, name := range elements {
		if valid(name) {
			names = append(names, name)
		}
	}
	return newSet(names)
}
