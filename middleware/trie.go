package middleware

import "net/http"

// A trie finds the rule of a method and a canonical path as http.ServeMux does: the most specific pattern wins. It relies on
// NewRoutes having refused patterns of which neither is more specific. It is immutable once built.
type trie struct {
	byMethod  map[string]*node
	anyMethod *node
	longest   int // name of a method in byMethod
}

// A node stands before a segment, or at the end of the path.
type node struct {
	literals map[string]*node
	single   *node
	slash    *entry // the path goes on with a slash and ends
	multi    *entry // it goes on with a slash and anything
	end      *entry // it ends here
}

func newTrie() *trie { return &trie{byMethod: map[string]*node{}, anyMethod: &node{}} }

func (t *trie) add(p pattern, e *entry) {
	n := t.anyMethod
	if p.method != "" {
		n = t.byMethod[p.method]
		if n == nil {
			n = &node{}
			t.byMethod[p.method] = n
			t.longest = max(t.longest, len(p.method))
		}
	}
	n.add(p.shape, e)
}

func (n *node) add(s shape, e *entry) {
	for _, element := range s {
		switch element.kind {
		case slash:
			n.slash = e
			return
		case multi:
			n.multi = e
			return
		case single:
			if n.single == nil {
				n.single = &node{}
			}
			n = n.single
		case literal:
			n = n.child(element.literal)
		}
	}
	n.end = e
}

func (n *node) child(segment string) *node {
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment] == nil {
		n.literals[segment] = &node{}
	}
	return n.literals[segment]
}

// match returns the most specific entry, or nil. A named method is more specific than any method, and HEAD than GET.
func (t *trie) match(method, path string) *entry {
	if len(method) > max(t.longest, len(http.MethodHead)) { // perhaps much longer, and the map would hash it
		return t.anyMethod.match(path)
	}
	if e := t.byMethod[method].match(path); e != nil {
		return e
	}
	if method == http.MethodHead {
		if e := t.byMethod[http.MethodGet].match(path); e != nil {
			return e
		}
	}
	return t.anyMethod.match(path)
}

// match tries the literal first, then the wildcard, then the rest of the path. It visits no node twice.
func (n *node) match(path string) *entry {
	if n == nil {
		return nil
	}
	if path == "" {
		return n.end
	}
	segment, rest := firstSegment(path)
	if segment == "" { // a trailing slash
		if n.slash != nil {
			return n.slash
		}
		return n.multi
	}
	if e := n.literals[segment].match(rest); e != nil {
		return e
	}
	if e := n.single.match(rest); e != nil {
		return e
	}
	return n.multi
}
