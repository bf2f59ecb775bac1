package audit

// maxValue bounds what a value takes in a record, the mark included.
const maxValue = 256

// cut marks a value that was too long. It is no percent-encoding, and a percent sign in a value is always encoded: nobody can forge it.
const cut = "%cut"

// plain marks the bytes that are written as they are. The others could end a field for some reader of the log.
var plain = func() (t [256]bool) {
	for c := '!'; c <= '~'; c++ {
		t[c] = true
	}
	for _, c := range "%\"\\=<>`'" {
		t[c] = false
	}
	return t
}()

// encode percent-encodes what is not plain (RFC 3986 section 2.1) and cuts what is too long.
func encode(value string) string {
	if len(value) <= maxValue && isPlain(value) {
		return value
	}
	var onStack [maxValue + 3]byte
	b, fits := onStack[:0], 0 // fits: as much of b as leaves room for the mark
	for i := range len(value) {
		b = appendByte(b, value[i])
		if len(b) > maxValue {
			return string(append(b[:fits], cut...))
		}
		if len(b) <= maxValue-len(cut) {
			fits = len(b)
		}
	}
	return string(b)
}

func isPlain(value string) bool {
	for i := range len(value) {
		if !plain[value[i]] {
			return false
		}
	}
	return true
}

func appendByte(b []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	if plain[c] {
		return append(b, c)
	}
	return append(b, '%', hex[c>>4], hex[c&15])
}
