package strictjson

import (
	"strings"
	"unicode/utf8"
)

// Find returns the value of a member of the outermost object, for who has to know one before it is worth to check the document. It is "" if there is none.
// Of a document that Object refuses, it may find anything, but nothing that is not followed by the comma or bracket that ends it.
//
// If more than most members and elements, at all depths, begin before the end of that value, it is ErrTooMany: they are what takes time. Below the
// outermost object, an empty one and an empty array count as if there were something in them; in it, a name that is written with an escape counts as
// escapedName of them.
func Find(document, name string, most int) (value string, err error) {
	f := finder{data: document, left: most}
	if f.mark() != '{' {
		return "", ErrSyntax
	}
	f.pos++
	for first := true; ; first = false {
		here, err := f.name(name)
		if err != nil && first && f.mark() == '}' {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		start := f.pos
		if err := f.value(); err != nil {
			return "", err
		}
		if here {
			return valueOf(document[start:f.pos])
		}
		if document[f.pos] != ',' {
			return "", nil
		}
		f.pos++
		if f.left--; f.left < 0 {
			return "", ErrTooMany
		}
	}
}

// escapedName is how many members take as long as one whose name has to be unescaped.
const escapedName = 8

// finder goes through a document by its marks alone: quotes, commas and brackets. What stands between them, but for strings, it does not look at.
type finder struct {
	data string
	pos  int
	left int // how many more members and elements there may be
}

// mark goes to the next mark and returns it, or NUL, which is none, at the end.
func (f *finder) mark() byte {
	f.pos = nextMark(f.data, f.pos)
	if f.pos < len(f.data) {
		return f.data[f.pos]
	}
	return 0
}

// name goes past the name of a member, and reports whether it is the one that is looked for.
func (f *finder) name(name string) (here bool, err error) {
	if f.mark() != '"' {
		return false, ErrSyntax
	}
	start := f.pos + 1
	end, escaped := stringEnd(f.data, start)
	f.pos = min(end+1, len(f.data))
	quoted := f.data[start:end]
	if !escaped {
		return quoted == name, nil
	}
	if f.left -= escapedName - 1; f.left < 0 {
		return false, ErrTooMany
	}
	return spells(quoted, name), nil
}

// value goes to the comma or bracket that ends a member.
func (f *finder) value() error {
	for open := 0; ; f.pos++ {
		switch f.mark() {
		case '"':
			f.pos, _ = stringEnd(f.data, f.pos+1)
		case ',':
			if open == 0 {
				return nil
			}
			f.left--
		case '{', '[':
			open++
			f.left--
		case '}', ']':
			if open == 0 {
				return nil
			}
			open--
		default: // the end, or a control character that looks like a mark
			return ErrSyntax
		}
		if f.left < 0 {
			return ErrTooMany
		}
	}
}

// valueOf is the value in what follows the name of a member.
func valueOf(rest string) (value string, err error) {
	r := reader{data: rest}
	r.blanks()
	if !r.take(':') {
		return "", ErrSyntax
	}
	r.blanks()
	value = strings.TrimRight(rest[r.pos:], " \t\r\n")
	if value == "" {
		return "", ErrSyntax
	}
	return value, nil
}

// spells reports whether what stands between the quotes of a string says name.
func spells(quoted, name string) bool {
	r := reader{data: quoted}
	for i := 0; i < len(name); {
		if r.peek() != '\\' {
			if !r.take(name[i]) {
				return false
			}
			i++
			continue
		}
		r.pos++
		char, err := r.escape()
		if err != nil || char < utf8.RuneSelf && char != rune(name[i]) || !strings.HasPrefix(name[i:], string(char)) {
			return false
		}
		i += utf8.RuneLen(char)
	}
	return r.pos == len(quoted)
}
