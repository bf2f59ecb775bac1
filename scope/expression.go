package scope

import (
	"slices"
	"strconv"
	"strings"
)

// Challenge returns one list of scope tokens that is enough for r, whatever its Matcher, for the scope parameter of a challenge (RFC 6750
// section 3): every name of an All, the first of an Any. It holds no duplicate and nothing that needs escaping in a quoted string.
//
// For the zero Requirement and one with a mistake in it, which nothing meets, it is "".
func (r Requirement) Challenge() string {
	if r.root == nil || r.root.err != nil {
		return ""
	}
	return strings.Join(r.root.enough(nil), " ")
}

// enough appends to names what n asks for and they lack.
func (n *node) enough(names []string) []string {
	own, parts := n.names, n.parts
	if n.any {
		own, parts = own[:min(1, len(own))], parts[:min(1, len(parts))]
	}
	for _, name := range own {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, part := range parts {
		names = part.root.enough(names)
	}
	return names
}

// String returns the expression as it would be written in Go, for logs and route tables: AllOf(All("a"), Any("b", "c")). A
// Matcher, which has no name, shows as Using(...).
func (r Requirement) String() string {
	if r.root == nil {
		return "Requirement{}"
	}
	var b strings.Builder
	r.root.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	b.WriteString(n.kind())
	b.WriteByte('(')
	for i, name := range n.names {
		separate(b, i)
		b.WriteString(strconv.Quote(name))
	}
	for i, part := range n.parts {
		separate(b, i)
		b.WriteString(part.String())
	}
	b.WriteByte(')')
	if n.matcher != nil {
		b.WriteString(".Using(...)")
	}
}

func (n *node) kind() string {
	kind := "All"
	if n.any {
		kind = "Any"
	}
	if len(n.parts) > 0 {
		kind += "Of"
	}
	return kind
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}
