package strictjson

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reader reads the tokens of a document from left to right.
type reader struct {
	data      string
	pos       int
	escapes   int             // how many more there may be
	unescaped strings.Builder // what strings with an escape in them say, one after the other; strings taken from it stay
}

// text reads a string. What it returns says the same as the string, and shares memory with the document where it can.
func (r *reader) text() (string, error) {
	start, end := r.quoted()
	if end < len(r.data) && r.data[end] == '"' {
		r.pos = end + 1
		return r.data[start:end], nil
	}
	from := r.unescaped.Len()
	r.unescaped.Grow(end - start + 64) // rather than letter by letter
	err := r.escaped(start, end, &r.unescaped)
	return r.unescaped.String()[from:], err
}

// texts reads an array of strings, with blanks around it at most.
func (r *reader) texts() (list []string, ok bool) {
	r.blanks()
	if !r.take('[') {
		return nil, false
	}
	r.blanks()
	for done := r.take(']'); !done; done = r.take(']') {
		if len(list) > 0 && !r.take(',') {
			return nil, false
		}
		r.blanks()
		text, err := r.text()
		if err != nil {
			return nil, false
		}
		if list == nil {
			list = make([]string, 0, 1+strings.Count(r.data[r.pos:], `,"`)) // enough where no blanks are between
		}
		list = append(list, text)
		r.blanks()
	}
	r.blanks()
	return list, true
}

// skip is text for a string that nobody asks for.
func (r *reader) skip() error {
	start, end := r.quoted()
	if end < len(r.data) && r.data[end] == '"' {
		r.pos = end + 1
		return nil
	}
	return r.escaped(start, end, nil)
}

// quoted returns from where to where the string at pos stands for itself. If there is no string, that is the end of the data.
func (r *reader) quoted() (start, end int) {
	if r.peek() != '"' {
		return len(r.data), len(r.data)
	}
	return r.pos + 1, plain(r.data, r.pos+1)
}

// plain returns where in a string the first byte from i on is that does not stand for itself: a quote, a backslash or a control
// character. It looks at eight bytes at once: taking 1 from a byte, or ' ', sets its first bit, which was not set before, only if it was
// smaller; what is borrowed from the next byte spoils only what comes after the first hit.
func plain(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		w := lanes(s, i)
		quote, backslash := w^eachLane*'"', w^eachLane*'\\'
		if hit := ((quote-eachLane)&^quote | (backslash-eachLane)&^backslash | (w-eachLane*' ')&^w) & topBits; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= ' ' {
		i++
	}
	return i
}

// escaped goes on with a string that stands for itself from start to end only, and writes what it says unless into is nil.
func (r *reader) escaped(start, end int, into *strings.Builder) error {
	for {
		r.pos = end
		if into != nil {
			into.WriteString(r.data[start:end])
			r.unescape(into)
		} else {
			r.skipEscapes()
		}
		if r.escapes < 0 {
			return ErrTooMany
		}
		if r.take('"') {
			return nil
		}
		if !r.take('\\') {
			return ErrSyntax
		}
		if r.escapes--; r.escapes < 0 {
			return ErrTooMany
		}
		char, err := r.escape()
		if err != nil {
			return err
		}
		if into != nil {
			into.WriteRune(char)
		}
		start, end = r.pos, r.pos
		if r.peek() != '\\' { // one escape often follows another
			end = plain(r.data, start)
		}
	}
}

// unescape goes past short escapes that are good, and what stands for itself behind them, and writes what they say.
func (r *reader) unescape(into *strings.Builder) {
	data, pos := r.data, r.pos
	for ; r.escapes > 0 && pos+1 < len(data) && data[pos] == '\\'; r.escapes-- {
		char := short[data[pos+1]]
		if char == 0 {
			break
		}
		into.WriteByte(char)
		pos += 2
		if pos < len(data) && data[pos] != '\\' {
			end := plain(data, pos)
			into.WriteString(data[pos:end])
			pos = end
		}
	}
	r.pos = pos
}

// skipEscapes goes past escapes that are good, and what stands for itself behind them. Where it stops, escape says what is wrong, if anything is.
func (r *reader) skipEscapes() {
	data, pos := r.data, r.pos
	for r.escapes > 0 {
		end := shortEnd(data, pos)
		n := (end - pos) / len(`\n`)
		if n == 0 {
			end, n = longEnd(data, pos)
		}
		if n == 0 {
			break
		}
		r.escapes -= n
		if pos = end; pos < len(data) && data[pos] != '\\' { // one kind may follow the other
			pos = plain(data, pos)
		}
	}
	r.pos = pos
}

// shortEnd is where the escapes of two bytes end that follow each other from pos on.
func shortEnd(data string, pos int) int {
	for pos+1 < len(data) && data[pos] == '\\' && short[data[pos+1]] != 0 {
		pos += 2
	}
	return pos
}

// longEnd is shortEnd for those in hexadecimal digits, and says how many they are. A pair of surrogates is one.
func longEnd(data string, pos int) (end, n int) {
	for {
		size := longSize(data[pos:])
		if size == 0 {
			return pos, n
		}
		pos, n = pos+size, n+1
	}
}

// longSize is how many bytes the escape in hexadecimal digits takes that s begins with, or the two of a surrogate pair; 0 if it begins with none that is
// good.
func longSize(s string) int {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0
	}
	first, second := hex[s[2]], hex[s[3]]
	if first|second|hex[s[4]]|hex[s[5]] < 0 {
		return 0
	}
	if first != 0xd || second < 8 { // most are no surrogate
		return 6
	}
	if second >= 0xc || len(s) < 12 || s[6] != '\\' || s[7] != 'u' || hex[s[8]] != 0xd || hex[s[9]] < 0xc || hex[s[10]]|hex[s[11]] < 0 {
		return 0
	}
	return 12
}

// escape reads what stands after a backslash.
func (r *reader) escape() (rune, error) {
	if r.take('u') {
		return r.escapedRune()
	}
	char := short[r.peek()]
	if char == 0 { // at the end, too
		return 0, ErrSyntax
	}
	r.pos++
	return rune(char), nil
}

// short is what stands for what after a backslash, 0 for any other byte.
var short = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapedRune reads four hexadecimal digits, and the second half of a surrogate pair if they are the first (RFC 8259 section 7).
func (r *reader) escapedRune() (rune, error) {
	char, err := r.hex4()
	if err != nil || !utf16.IsSurrogate(char) {
		return char, err
	}
	if !r.take('\\') || !r.take('u') {
		return 0, ErrUTF8
	}
	low, err := r.hex4()
	if err != nil {
		return 0, err
	}
	if char = utf16.DecodeRune(char, low); char == utf8.RuneError {
		return 0, ErrUTF8
	}
	return char, nil
}

func (r *reader) hex4() (char rune, err error) {
	if len(r.data)-r.pos < 4 {
		return 0, ErrSyntax
	}
	s := r.data[r.pos : r.pos+4]
	first, second, third, fourth := hex[s[0]], hex[s[1]], hex[s[2]], hex[s[3]]
	if first|second|third|fourth < 0 {
		return 0, ErrSyntax
	}
	char = rune(first)<<12 | rune(second)<<8 | rune(third)<<4 | rune(fourth)
	r.pos += 4
	return char, nil
}

// hex is what a hexadecimal digit stands for, below 0 for any other byte.
var hex = func() (digits [256]int8) {
	for b := range digits {
		digits[b] = int8(strings.IndexByte("0123456789abcdef", byte(b)))
	}
	for i, b := range []byte("ABCDEF") {
		digits[b] = int8(10 + i)
	}
	return digits
}()

func (r *reader) digits() (n int) {
	for r.pos+n+8 <= len(r.data) && areDigits(lanes(r.data, r.pos+n)) {
		n += 8
	}
	for r.pos+n < len(r.data) && r.data[r.pos+n]-'0' <= 9 {
		n++
	}
	r.pos += n
	return n
}

func (r *reader) literal(word string) error {
	if !strings.HasPrefix(r.data[r.pos:], word) {
		return ErrSyntax
	}
	r.pos += len(word)
	return nil
}

func (r *reader) blanks() {
	if r.pos >= len(r.data) || r.data[r.pos] > ' ' { // there are seldom any
		return
	}
	for r.pos+8 <= len(r.data) && areBlanks(lanes(r.data, r.pos)) {
		r.pos += 8
	}
	for r.pos < len(r.data) && isBlank(r.data[r.pos]) {
		r.pos++
	}
}

func isBlank(c byte) bool { return c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r') }

// peek returns the next byte, or NUL, which begins nothing, at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

// take goes past the next byte if it is c.
func (r *reader) take(c byte) bool {
	if r.pos < len(r.data) && r.data[r.pos] == c {
		r.pos++
		return true
	}
	return false
}
