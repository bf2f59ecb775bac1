package forward

import "strings"

// names is a set of header names under their folded form.
type names struct {
	folded  map[string]struct{}
	longest int
	lengths uint64 // a bit for each length below 64
}

func newNames(list []string) names {
	n := names{folded: map[string]struct{}{}}
	for _, name := range list {
		n.add(name)
	}
	return n
}

func (n *names) add(name string) {
	n.folded[fold(name)] = struct{}{}
	n.longest = max(n.longest, len(name))
	n.lengths |= 1 << len(name) // none for a longer one
}

// usual is the length up to which looking a name up needs no memory.
const usual = 64

// has reports whether a name that folds like this one is in n.
func (n names) has(name string) bool {
	if len(name) > n.longest || len(name) < 64 && n.lengths&(1<<len(name)) == 0 {
		return false
	}
	var buf [usual]byte
	_, found := n.folded[string(appendFolded(buf[:0], name))]
	return found
}

// fold is how a backend may spell a header's name at the most careless: lower case, and every byte outside [a-z0-9] as "_".
func fold(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, '_')
		}
	}
	return b
}

// isToken checks the token of RFC 9110 section 5.6.2, of which header and cookie names are made.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
