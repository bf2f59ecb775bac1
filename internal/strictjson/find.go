package strictjson

import (
	"strings"
	"unicode/utf8"
)

// Find returns the value of a member of the outermost object, for who has to know one before it is worth to check the document. It is "" if there is none.
// Of a document that Object refuses, it may find anything, but nothing that is not followed by the comma or bracket that ends it.
//
// If more than most members and elements, at all depths, begin before the end of that value, it is ErrTooMany: they are what takes time. Those of the
// outermost object count as four, for their names are read; an empty object or array counts as if there were something in it.
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
		if f.left -= ownMember; f.left < 0 {
			return "", ErrTooMany
		}
	}
}

// ownMember is how many members and elements, of which nothing is read, take as long as one of which the name is.
const ownMember = 4

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
	return spells(quoted, name), nil
}

// value goes to the comma or bracket that ends a member.
func (f *finder) value() error {
	data, pos, left := f.data, f.pos, f.left // the loop is most of what a costly token costs a Mux
	texts := 0                               // since the last comma or bracket
	for open := 0; left >= 0; pos++ {
		if pos = nextMark(data, pos); pos >= len(data) {
			return ErrSyntax
		}
		c := data[pos]
		if c != '"' {
			texts = 0
		}
		switch c {
		case '"':
			if texts++; texts > 2 { // a name and a value
				return ErrSyntax
			}
			pos, _ = stringEnd(data, pos+1)
			if pos+1 < len(data) && data[pos+1] == ':' {
				pos++ // no mark
			}
			continue
		case ',':
			if open > 0 {
				left--
				continue
			}
		case '{', '[':
			open++
			left--
			continue
		case '}', ']':
			if open > 0 {
				open--
				continue
			}
		default: // a control character that looks like a mark
			return ErrSyntax
		}
		f.pos, f.left = pos, left
		return nil
	}
	return ErrTooMany
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
	for i := range len(name) {
		char, size := asciiEscape(quoted)
		if size == 0 {
			return spellsRest(quoted, name[i:])
		}
		if char != name[i] {
			return false
		}
		quoted = quoted[size:]
	}
	return quoted == ""
}

// asciiEscape is the first letter that a string says, and how many bytes it takes, if it stands for itself or is written in hexadecimal digits, and is
// ASCII, as nearly all are; else the size is 0.
func asciiEscape(quoted string) (char byte, size int) {
	if quoted == "" || quoted[0] >= utf8.RuneSelf {
		return 0, 0
	}
	if quoted[0] != '\\' {
		return quoted[0], 1
	}
	if len(quoted) < 6 || quoted[1] != 'u' || quoted[2] != '0' || quoted[3] != '0' {
		return 0, 0
	}
	high, low := hex[quoted[4]], hex[quoted[5]]
	if high < 0 || high > 7 || low < 0 {
		return 0, 0
	}
	return byte(high<<4 | low), 6 //nolint:gosec // below 128
}

func spellsRest(quoted, name string) bool {
	r := reader{data: quoted}
	for name != "" {
		if !r.take('\\') {
			if !r.take(name[0]) {
				return false
			}
			name = name[1:]
			continue
		}
		char, err := r.escape()
		if err != nil || !strings.HasPrefix(name, string(char)) {
			return false
		}
		name = name[utf8.RuneLen(char):]
	}
	return r.pos == len(quoted)
}
