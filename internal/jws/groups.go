package jws

// group is what a letter of base64url stands for at each of the four places of a group, which encodes three bytes. A byte that is no letter sets
// bits above them.
var group = func() (places [4][256]uint32) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for place := range places {
		for c := range places[place] {
			places[place][c] = 0xff << 24
		}
		for value, c := range []byte(letters) {
			places[place][c] = uint32(value) << (18 - 6*place)
		}
	}
	return places
}()

// decodeGroups writes to out what pairs of whole groups encode, until one has something in it that is no letter, or there are none left. It returns how much of
// each there is.
func decodeGroups(out, segment []byte) (written, read int) {
	for len(segment)-read >= 8 && len(out)-written >= 6 {
		s, o := segment[read:read+8], out[written:written+6]
		a := group[0][s[0]] | group[1][s[1]] | group[2][s[2]] | group[3][s[3]]
		b := group[0][s[4]] | group[1][s[5]] | group[2][s[6]] | group[3][s[7]]
		if (a|b)>>24 != 0 {
			break
		}
		o[0], o[1], o[2] = byte(a>>16), byte(a>>8), byte(a) //nolint:gosec // one byte after the other
		o[3], o[4], o[5] = byte(b>>16), byte(b>>8), byte(b) //nolint:gosec // likewise
		written, read = written+6, read+8
	}
	return written, read
}
