// Package validutf8 checks UTF-8 in a time that nobody can make longer by an order of letters that a processor does not foresee.
package validutf8

import "unicode/utf8"

// String is [utf8.ValidString] for text that may be made to take long. It takes no branch by what a byte is, so that letters of one to four bytes in an
// order that no processor foresees take no longer than others; eight bytes of ASCII are passed at once.
func String(s string) bool {
	state, i := uint64(complete), 0
	for ; i+8 <= len(s); i += 8 {
		eight := s[i : i+8]
		if (eight[0]|eight[1]|eight[2]|eight[3]|eight[4]|eight[5]|eight[6]|eight[7]) < utf8.RuneSelf && state&63 == complete {
			continue
		}
		state = steps[eight[0]] >> (state & 63)
		state = steps[eight[1]] >> (state & 63)
		state = steps[eight[2]] >> (state & 63)
		state = steps[eight[3]] >> (state & 63)
		state = steps[eight[4]] >> (state & 63)
		state = steps[eight[5]] >> (state & 63)
		state = steps[eight[6]] >> (state & 63)
		state = steps[eight[7]] >> (state & 63)
	}
	for ; i < len(s); i++ {
		state = steps[s[i]] >> (state & 63)
	}
	return state&63 == complete
}

// The states between two bytes are numbered by where the number of the next one stands in a step.
const (
	complete  = 6 * iota // a letter has ended
	invalid              // and stays so
	oneMore              // byte of a letter, from 0x80 to 0xbf
	twoMore              // such bytes
	threeMore            // such bytes
	afterE0              // two more, the first from 0xa0: less would be another spelling of a shorter letter
	afterED              // two more, the first to 0x9f: more would be half a surrogate pair
	afterF0              // three more, the first from 0x90, as after 0xe0
	afterF4              // three more, the first to 0x8f: more is no letter
)

// steps has for each byte a number that, shifted by a state, begins with the next state (RFC 3629 section 4).
var steps = func() (table [256]uint64) {
	for b := range 256 {
		from := func(state uint64, low, high int, next uint64) {
			if b < low || b > high {
				next = invalid
			}
			table[b] |= next << state
		}
		from(complete, 0, 255, first(b))
		from(invalid, 0, 255, invalid)
		from(oneMore, 0x80, 0xbf, complete)
		from(twoMore, 0x80, 0xbf, oneMore)
		from(threeMore, 0x80, 0xbf, twoMore)
		from(afterE0, 0xa0, 0xbf, oneMore)
		from(afterED, 0x80, 0x9f, oneMore)
		from(afterF0, 0x90, 0xbf, twoMore)
		from(afterF4, 0x80, 0x8f, twoMore)
	}
	return table
}()

// first is the state after the first byte of a letter.
func first(b int) uint64 {
	switch {
	case b < utf8.RuneSelf:
		return complete
	case b < 0xc2 || b > 0xf4:
		return invalid
	case b < 0xe0:
		return oneMore
	case b == 0xe0:
		return afterE0
	case b == 0xed:
		return afterED
	case b < 0xf0:
		return twoMore
	case b == 0xf0:
		return afterF0
	case b == 0xf4:
		return afterF4
	default:
		return threeMore
	}
}
