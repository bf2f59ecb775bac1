package strictjson

import (
	"math/big"
	"strconv"
	"strings"
)

// Number returns a number that a float64 can hold, rounded to the nearest. ok is false for anything else. That can take long: there are numbers of 30 bytes
// that cost 25 microseconds.
func Number[T Text](value T) (number float64, ok bool) {
	if n, ok := natural(string(value)); ok {
		return float64(n), true
	}
	r := reader{data: string(value)}
	if r.number() != nil || r.pos != len(r.data) {
		return 0, false
	}
	number, err := strconv.ParseFloat(r.data, 64) // out of range is an error
	return number, err == nil
}

// Seconds is Number for who need not know of numbers below 0 or of 10^12 and more, nor tell those below 10^-10 from 0. Whatever their sender wrote, it takes
// no longer than for others.
func Seconds[T Text](value T) (number float64, ok bool) {
	text := string(value)
	if n, ok := natural(text); ok {
		return float64(n), n < 1e12
	}
	r := reader{data: text}
	if r.number() != nil || r.pos != len(text) {
		return 0, false
	}
	d := decimalOf(text)
	switch {
	case d.digits() == 0:
		return 0, true
	case text[0] == '-' || d.power >= 12:
		return 0, false
	case d.power < -10:
		return 0, true
	}
	if len(text) > mostDigits {
		text = d.shortened()
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

// natural reads a number of digits alone, few enough for a float64 to be exact.
func natural(value string) (n int64, ok bool) {
	if len(value) > 15 || len(value) == 0 || value[0] == '0' {
		return 0, false
	}
	for i := range len(value) {
		digit := value[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = 10*n + int64(digit)
	}
	return n, true
}

// number follows the grammar of RFC 8259 section 6, and refuses what no float64 can hold: some readers would take it, others
// not.
func (r *reader) number() error {
	start := r.pos
	if n := r.digits(); 0 < n && n <= surelyFinite && !isNumeric(r.peek()) && (n == 1 || r.data[start] != '0') { // almost all are whole
		return nil
	}
	r.pos = start
	_ = r.take('-')
	if !r.take('0') && r.digits() == 0 {
		return ErrSyntax
	}
	above := r.pos - start // at least as many digits as stand before the point
	if r.take('.') && r.digits() == 0 {
		return ErrSyntax
	}
	if r.take('e') || r.take('E') {
		minus := !r.take('+') && r.take('-')
		from := r.pos
		if r.digits() == 0 {
			return ErrSyntax
		}
		if !minus {
			above += shift(r.data[from:r.pos])
		}
	}
	if above > surelyFinite && !isFinite(r.data[start:r.pos]) {
		return ErrRange
	}
	return nil
}

// isNumeric reports whether a number may go on with c after its first digits.
func isNumeric(c byte) bool { return c == '.' || c|0x20 == 'e' }

// surelyFinite is up to how many digits before the point a number is below 1.7e308, the most that a float64 holds.
const surelyFinite = 308

// shift is by how many digits an exponent moves the point, or more than surelyFinite.
func shift(exponent string) (n int) {
	for i := 0; i < len(exponent) && n <= surelyFinite; i++ {
		n = 10*n + int(exponent[i]-'0')
	}
	return n
}

// decimal is a number that is not 0, without its sign. Its digits are those of before and after, without the zeros that before begins with, or all of before
// and after.
type decimal struct {
	before, after string // the point
	power         int64  // of ten, which the first digit counts
}

// decimalOf takes apart what number has read.
func decimalOf(number string) decimal {
	mantissa, exponent := strings.TrimPrefix(number, "-"), int64(0)
	if e := max(strings.IndexByte(mantissa, 'e'), strings.IndexByte(mantissa, 'E')); e >= 0 {
		mantissa, exponent = mantissa[:e], exponentOf(mantissa[e+1:])
	}
	before, after, _ := strings.Cut(mantissa, ".")
	d := decimal{before[zeros(before):], after, exponent}
	if d.before == "" {
		d.after = after[zeros(after):]
		d.power -= int64(len(after) - len(d.after))
	}
	d.power += int64(len(d.before)) - 1
	return d
}

// zeros is how many zeros text begins with.
func zeros(text string) (n int) {
	for n+8 <= len(text) && lanes(text, n) == eachLane*'0' {
		n += 8
	}
	for n < len(text) && text[n] == '0' {
		n++
	}
	return n
}

// exponentOf is an exponent, or one that is as good: no number is as long.
func exponentOf(text string) (n int64) {
	digits := strings.TrimLeft(text, "+-")
	for i := 0; i < len(digits) && n < 1<<40; i++ {
		n = 10*n + int64(digits[i]-'0')
	}
	if text[0] == '-' {
		return -n
	}
	return n
}

func (d *decimal) digits() int { return len(d.before) + len(d.after) }

func (d *decimal) digit(i int) byte {
	switch {
	case i < len(d.before):
		return d.before[i]
	case i < d.digits():
		return d.after[i-len(d.before)]
	default:
		return '0'
	}
}

// tooLarge are the digits of the least number that a float64 cannot hold, for it is rounded up: half way from the largest to the next there would be.
var tooLarge = func() string {
	next, half := new(big.Int).Lsh(big.NewInt(1), 1024), new(big.Int).Lsh(big.NewInt(1), 1024-54)
	return next.Sub(next, half).String()
}()

// isFinite reports whether a float64 can hold what number has read. It compares digits: to have it rounded can take long.
func isFinite(number string) bool {
	d := decimalOf(number)
	if d.digits() == 0 || d.power < int64(len(tooLarge)-1) {
		return true
	}
	if d.power >= int64(len(tooLarge)) {
		return false
	}
	for i := range len(tooLarge) {
		if c := d.digit(i); c != tooLarge[i] {
			return c < tooLarge[i]
		}
	}
	return false
}

// mostDigits are as many as decide how a number between 10^-10 and 10^12 is rounded, for what is half way between two of them has no more.
const mostDigits = 90

// shortened has the digits that decide, and one of the others if they are not all 0.
func (d *decimal) shortened() string {
	digits := d.before + d.after
	if len(digits) > mostDigits {
		rest := digits[mostDigits:]
		rest = rest[zeros(rest):]
		digits = digits[:mostDigits] + rest[:min(1, len(rest))]
	}
	return digits + "e" + strconv.FormatInt(d.power-int64(len(digits))+1, 10)
}
