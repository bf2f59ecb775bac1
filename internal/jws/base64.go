package jws

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// alphabet is that of base64url (RFC 4648 section 5).
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// letters says of each place in a group of four what a byte adds there to the 24 bits of the group: noLetter if it is none of the alphabet.
var letters = func() (at [4][256]uint32) {
	for place := range at {
		for b := range at[place] {
			at[place][b] = noLetter
			if value := strings.IndexByte(alphabet, byte(b)); value >= 0 {
				at[place][b] = uint32(value) << (18 - 6*place)
			}
		}
	}
	return at
}()

const noLetter = 1 << 24

// decodedLen is the size of what a segment of n letters encodes.
func decodedLen(n int) int { return base64.RawURLEncoding.DecodedLen(n) }

// decode writes to out, which has room for it, what a segment encodes, and returns how much that is. What is encoded has exactly one
// spelling: there is no padding, no line break, and the bits of the last letter that stand for nothing are zero (RFC 4648 section 3.5).
//
// This is not left to encoding/base64, which skips line breaks, because every token is decoded: BenchmarkPayload has the two side by side.
func decode(out []byte, segment string) (size int, err error) {
	size = decodedLen(len(segment))
	bits := uint32(0) // of all groups so far
	for len(segment) >= 8 && len(out) >= 8 {
		first, second := group(segment[:4]), group(segment[4:8])
		bits |= first | second
		binary.BigEndian.PutUint64(out, uint64(first)<<40|uint64(second)<<16)
		out, segment = out[6:], segment[8:]
	}
	var three [4]byte // and nothing
	for len(segment) >= 4 {
		four := group(segment[:4])
		bits |= four
		binary.BigEndian.PutUint32(three[:], four<<8)
		out, segment = out[copy(out, three[:3]):], segment[4:]
	}
	last, spare := uint32(0), uint32(0)
	switch len(segment) {
	case 1:
		return 0, refuse(KindMalformed)
	case 2:
		last, spare = letters[0][segment[0]]|letters[1][segment[1]], 0xffff
	case 3:
		last, spare = letters[0][segment[0]]|letters[1][segment[1]]|letters[2][segment[2]], 0xff
	}
	if (bits|last)&noLetter != 0 || last&spare != 0 {
		return 0, refuse(KindMalformed)
	}
	binary.BigEndian.PutUint32(three[:], last<<8)
	copy(out, three[:decodedLen(len(segment))])
	return size, nil
}

func group(four string) uint32 {
	_ = four[3]
	return letters[0][four[0]] | letters[1][four[1]] | letters[2][four[2]] | letters[3][four[3]]
}

// text returns what a segment encodes, in memory of its own. It decodes one part after the other, to copy it only once.
func text(segment string) (string, error) {
	const most = 1024 // whole groups
	var out [most / 4 * 3]byte
	var all strings.Builder
	all.Grow(decodedLen(len(segment)))
	for segment != "" {
		part := segment[:min(most, len(segment))]
		segment = segment[len(part):]
		size, err := decode(out[:], part)
		if err != nil {
			return "", err
		}
		all.Write(out[:size])
	}
	return all.String(), nil
}
