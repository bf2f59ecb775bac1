package strictjson

import "math/bits"

// Eight bytes are looked at at once, each in a lane of a word.
const (
	eachLane = 0x0101010101010101
	topBits  = 0x80 * eachLane
)

// lanes are the eight bytes of s from i on, the first in the lowest lane.
func lanes(s string, i int) uint64 {
	c := s[i : i+8]
	return uint64(c[0]) | uint64(c[1])<<8 | uint64(c[2])<<16 | uint64(c[3])<<24 |
		uint64(c[4])<<32 | uint64(c[5])<<40 | uint64(c[6])<<48 | uint64(c[7])<<56
}

// nextMark returns where, from i on, the first quote, comma or bracket is, or a control character that differs from one of these by one bit.
//
// Taking 1 from a lane sets its top bit, which was not set before, only if the lane was zero; what is borrowed from the next lane spoils only what
// comes after the first hit.
func nextMark(s string, i int) int {
	if i < len(s) && isMark(s[i]|' ') { // one often follows another
		return i
	}
	for ; i+8 <= len(s); i += 8 {
		w := lanes(s, i) | ' '*eachLane // of the brackets, two and two differ by this bit
		quote, comma, opens, ends := w^eachLane*'"', w^eachLane*',', w^eachLane*'{', w^eachLane*'}'
		hit := (quote-eachLane)&^quote | (comma-eachLane)&^comma | (opens-eachLane)&^opens | (ends-eachLane)&^ends
		if hit &= topBits; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(s) && !isMark(s[i]|' ') {
		i++
	}
	return i
}

func isMark(c byte) bool { return c == '"' || c == ',' || c == '{' || c == '}' }

// stringEnd returns where the quote is that ends the string which begins, after its first quote, at i, and whether there are escapes in it. Control
// characters, which Object does not take, are nothing special.
func stringEnd(s string, i int) (end int, escaped bool) {
	if i < len(s) && s[i] == '"' {
		return i, false
	}
	skip := 0 // 1 after a backslash: the next byte ends nothing
	for ; i+8 <= len(s); i += 8 {
		w := lanes(s, i)
		quotes, backslashes := equal(w, '"'), equal(w, '\\')
		if backslashes != 0 || skip != 0 {
			after := escapes[skip][lowest(backslashes)]
			if ends := lowest(quotes) &^ uint8(after); ends != 0 { //nolint:gosec // the low eight bits are what is wanted
				return i + bits.TrailingZeros8(ends), escaped || lowest(backslashes)&(ends&-ends-1) != 0
			}
			escaped, skip = true, int(after>>8)
			continue
		}
		if quotes != 0 {
			return i + bits.TrailingZeros64(quotes)/8, escaped
		}
	}
	for i += skip; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			escaped = true
			i++
		}
	}
	return min(i, len(s)), escaped
}

// equal sets the top bit of the lanes of w that are c, and nothing else.
func equal(w uint64, c byte) uint64 {
	w ^= eachLane * uint64(c)
	return ^((w&^topBits + eachLane*0x7f) | w) & topBits
}

// areDigits reports whether all lanes of w are digits: their upper half is that of '0', and stays so if 6 is added.
func areDigits(w uint64) bool {
	const upper, zero = eachLane * 0xf0, eachLane * '0'
	return w&upper == zero && (w+eachLane*6)&upper == zero
}

// areBlanks reports whether all lanes of w are.
func areBlanks(w uint64) bool {
	return equal(w, ' ')|equal(w, '\t')|equal(w, '\n')|equal(w, '\r') == topBits
}

// lowest is the top bits of the lanes, the lowest first.
func lowest(tops uint64) uint8 { return uint8(tops >> 7 * 0x0102040810204080 >> 56) }

// escapes tells, of eight bytes of a string, from which of them are backslashes, which of them, and of a ninth, stand after a backslash that
// begins an escape. The first half is for eight bytes of which the first does not, the second for those of which it does.
var escapes = func() (table [2][256]uint16) {
	for skip := range table {
		for backslashes := range table[skip] {
			after := skip
			for i := range 8 {
				if bit := 1 << i; backslashes&bit != 0 && after&bit == 0 {
					after |= bit << 1
				}
			}
			table[skip][backslashes] = uint16(after)
		}
	}
	return table
}()
