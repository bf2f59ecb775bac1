package scope

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Matcher reports whether the one scope token granted covers the one token wanted.
//
// It is asked only about two different tokens, since a token always covers itself, and only about tokens inside the grammar of RFC 6749
// section 3.3. granted comes from outside and wanted from a [Requirement]. A Matcher must be safe for concurrent use, must give
// the same answer to the same question, and should not allocate.
type Matcher func(granted, wanted string) bool

// Exact is the default [Matcher]: granted covers itself, byte by byte and with regard to case, and nothing else. A star is a
// letter like any other.
func Exact(granted, wanted string) bool { return granted == wanted }

// Hierarchical returns a [Matcher] by which a token covers all that begins with it and sep: by Hierarchical(":"), orders covers
// orders:read and orders:read:own, but neither ordersx nor orders. A narrower token never covers a wider one.
//
// What follows sep must have no empty segment, and granted must not end in sep: orders covers neither "orders:" nor
// "orders::read", and "orders:" only itself. A star is a letter like any other. With an empty sep the Matcher is [Exact].
func Hierarchical(sep string) Matcher {
	if sep == "" {
		return Exact
	}
	return func(granted, wanted string) bool {
		if granted == wanted {
			return true
		}
		rest, ok := strings.CutPrefix(wanted, granted)
		if !ok || granted == "" || strings.HasSuffix(granted, sep) {
			return false
		}
		below, ok := strings.CutPrefix(rest, sep)
		return ok && noneEmpty(below, sep)
	}
}

// Wildcard returns a [Matcher] by which a segment "*" of granted stands for any one segment of wanted and, as the last one, for
// one or more: by Wildcard(":"), orders:* covers orders:read and orders:read:own, *:read covers orders:read, and a bare *
// covers everything.
//
// A star stands for whole segments only, so ord* and orders:re* are ordinary names, and it never stands for nothing: orders:*
// covers neither orders nor "orders:" nor "orders::read". On the wanted side a star is a letter like any other: a bearer of
// orders:read does not get what asks for orders:*. With an empty sep the Matcher is [Exact].
func Wildcard(sep string) Matcher {
	if sep == "" {
		return Exact
	}
	return func(granted, wanted string) bool {
		return granted == wanted || strings.Contains(granted, star) && wildcard(granted, wanted, sep)
	}
}

const star = "*"

func wildcard(granted, wanted, sep string) bool {
	for {
		pattern, morePattern, patternGoesOn := strings.Cut(granted, sep)
		segment, moreWanted, wantedGoesOn := strings.Cut(wanted, sep)
		if pattern == star && !patternGoesOn {
			return noneEmpty(wanted, sep)
		}
		if pattern != segment && (pattern != star || segment == "") {
			return false
		}
		if !patternGoesOn || !wantedGoesOn {
			return patternGoesOn == wantedGoesOn
		}
		granted, wanted = morePattern, moreWanted
	}
}

// noneEmpty reports whether name has no empty segment.
func noneEmpty(name, sep string) bool {
	for segment := range strings.SplitSeq(name, sep) {
		if segment == "" {
			return false
		}
	}
	return true
}

// Implied returns a [Matcher] by which each key of table covers the tokens listed for it and, transitively, all that these cover.
// Where tokens imply each other in a circle, each covers all of them. A star is a letter like any other.
//
// A name outside the grammar of RFC 6749 section 3.3 is an error, all of them joined; the Matcher is then nil, which [Requirement.Using]
// takes for [Exact]. Implied keeps nothing of the table.
func Implied(table map[string][]string) (Matcher, error) {
	var errs []error
	for _, granted := range slices.Sorted(maps.Keys(table)) {
		if err := errors.Join(mistakes([]string{granted}), mistakes(table[granted])); err != nil {
			errs = append(errs, fmt.Errorf("implied by %q: %w", granted, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	covers := make(map[string]Set, len(table))
	for granted := range table {
		covers[granted] = closure(table, granted)
	}
	return func(granted, wanted string) bool {
		return granted == wanted || covers[granted].Has(wanted)
	}, nil
}

// closure is all that can be reached from granted.
func closure(table map[string][]string, granted string) Set {
	seen := map[string]bool{granted: true}
	names := []string{granted}
	for i := 0; i < len(names); i++ {
		for _, next := range table[names[i]] {
			if !seen[next] {
				seen[next] = true
				names = append(names, next)
			}
		}
	}
	return newSet(names)
}
