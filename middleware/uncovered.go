package middleware

import (
	"net/http"
	"slices"
)

// Uncovered returns, in their order, the router patterns with at least one method and path that no rule matches. A test that
// it returns none proves that the table has a word on every endpoint; the guard denies what it lists.
//
// A pattern is a path, with or without a method and a blank before it, in the syntax of net/http, chi or gorilla/mux; a host
// before the path is ignored. No method means all methods, those that nobody has heard of included. A variable counts as a
// whole segment, whatever its expression says, and as any number of segments if the expression can match a slash; so does a
// segment of which only a part is variable, such as {name}.json. A final {$} is net/http's, the path that ends in this slash,
// and no variable. A final slash or * covers everything below: write
// "/static*" for gorilla's PathPrefix("/static"), whose template is just "/static". Where that reads more into a pattern
// than its router does, Uncovered lists too much, never too little. What it cannot read is listed.
//
// Paths that [Guard.Routes] answers with 414 or 400 need no rule. A preflight to a pattern counts as an OPTIONS request like any
// other: it is covered by a rule, whether or not that rule lets preflights through.
func (t *Routes) Uncovered(patterns ...string) []string {
	var found []string
	for _, p := range patterns {
		if !t.covers(p) {
			found = append(found, p)
		}
	}
	return found
}

func (t *Routes) covers(pattern string) bool {
	method, shapes, err := parseRouterPattern(pattern)
	if err != nil || t == nil || t.trie == nil {
		return false
	}
	roots := t.trie.roots(method)
	return !slices.ContainsFunc(shapes, func(s shape) bool { return !allMatch(roots, s) })
}

// roots are where rules for a method begin; "" is a method that no rule names.
func (t *trie) roots(method string) front {
	f := front{t.anyMethod}
	if method == "" {
		return f
	}
	f = f.with(t.byMethod[method])
	if method == http.MethodHead {
		f = f.with(t.byMethod[http.MethodGet])
	}
	return f
}

// A front is the set of nodes that rules have arrived at after the same segments of a path.
type front []*node

func (f front) with(n *node) front {
	if n == nil {
		return f
	}
	return append(f, n)
}

func (f front) any(is func(*node) bool) bool { return slices.ContainsFunc(f, is) }

func (f front) ends() bool      { return f.any(func(n *node) bool { return n.end != nil }) }
func (f front) swallows() bool  { return f.any(func(n *node) bool { return n.multi != nil }) }
func (f front) endsSlash() bool { return f.any(func(n *node) bool { return n.slash != nil }) }

// after is the front behind a segment that equals a literal, or, with "", one that equals no literal of any rule.
func (f front) after(segment string) front {
	var next front
	for _, n := range f {
		next = next.with(n.single)
		if segment != "" {
			next = next.with(n.literals[segment])
		}
	}
	return next
}

// allMatch says whether every path of shape s is matched by some rule that begins at the front.
//
// For a variable segment it is enough to look at a value that no rule spells out: rules that match it match every other
// value too.
func allMatch(f front, s shape) bool {
	switch {
	case len(f) == 0:
		return false
	case len(s) == 0:
		return f.ends()
	case f.swallows():
		return true
	}
	switch e := s[0]; e.kind {
	case slash:
		return f.endsSlash()
	case multi: // the path ends here in a slash, or after one segment, or goes on
		next := f.after("")
		return f.endsSlash() && allMatch(next, nil) && allMatch(next, s)
	case literal:
		return allMatch(f.after(e.literal), s[1:])
	default:
		return allMatch(f.after(""), s[1:])
	}
}
