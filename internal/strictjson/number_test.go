package strictjson_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// halfway is, in decimal digits, the number half way from f to the next.
func halfway(f float64) string {
	a, b := new(big.Float).SetPrec(3000).SetFloat64(f), new(big.Float).SetPrec(3000).SetFloat64(math.Nextafter(f, math.Inf(1)))
	return a.Quo(a.Add(a, b), big.NewFloat(2)).Text('e', -1)
}

// agreeOnNumbers holds what is made of a number against strconv.
func agreeOnNumbers(t *testing.T, number string) {
	t.Helper()
	if !json.Valid([]byte(number)) || number[0] != '-' && (number[0] < '0' || number[0] > '9') {
		_, ok := strictjson.Seconds(number)
		require.False(t, ok, number)
		return
	}
	want, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	scanned := strictjson.Scan(`{"a":`+number+`}`, 10, func(string, string) {})
	if err != nil {
		require.ErrorIs(t, scanned, strictjson.ErrRange, number)
	} else {
		require.NoError(t, scanned, number)
	}
	if strings.TrimSpace(number) != number {
		return
	}
	got, ok := strictjson.Seconds(number)
	isZero := strings.Trim(strings.FieldsFunc(number, func(r rune) bool { return r|0x20 == 'e' })[0], "-0.") == ""
	switch {
	case number[0] == '-':
		require.Equal(t, isZero, ok, number)
		require.Zero(t, got)
	case want < 1e-10:
		require.True(t, ok, number)
		require.True(t, got == want || got == 0, number)
	case err != nil || want > 1e12:
		require.False(t, ok, number)
	case want < 1e12:
		require.True(t, ok, number)
		require.Equal(t, want, got, number) //nolint:testifylint // both round the same text
	}
}

var numbers = []string{
	"0", "-0", "0.0", "-0e5", "0e99999999999999999999", "1", "12.5", "1e3", "1E+3", "5e-1", "-1", "-1e-400", "1e-400", "9.9e-11", "1e-10", "1.0000001e-10",
	"999999999999", "1000000000000", "999999999999.9", "999999999999.99999999999", "1e12", "0.1e13", "1700000000.123456789",
	"1e308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e309", "17976931348623157e292", "0.0001e312", "1e99999999999999999999",
	"0." + strings.Repeat("0", 400) + "1e400", "0." + strings.Repeat("0", 400) + "1e710", strings.Repeat("9", 308), strings.Repeat("9", 309), "1" + strings.Repeat("0", 400) + "e-400",
	"01", "+1", "1.", ".5", "1e", "1e+", "1x", "", " 1", "0x1", "NaN", "Infinity", "1_0", "1e1.5", "--1", "-", `"1"`,
}

func TestNumbers(t *testing.T) {
	for _, n := range numbers {
		agreeOnNumbers(t, n)
	}
	largest := halfway(math.Nextafter(math.MaxFloat64, 0))
	agreeOnNumbers(t, largest)
	tooLarge := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1024), new(big.Int).Lsh(big.NewInt(1), 970))
	for i := range int64(5) {
		n := new(big.Int).Add(tooLarge, big.NewInt(i-2)).String()
		for _, form := range []string{n, n + ".0", n + ".01", n[:1] + "." + n[1:] + "e308", n[:300] + "." + n[300:] + "e9", "0.000" + n + "e312", n + "000e-3", n + "e-0"} {
			agreeOnNumbers(t, form)
			agreeOnNumbers(t, "-"+form)
		}
	}
	agreeOnNumbers(t, tooLarge.String()[:308]+"e1")
	order := rand.New(rand.NewPCG(1, 2)) // the same each time
	for range 2000 {
		f := math.Abs(math.Float64frombits(order.Uint64()))
		if order.IntN(2) == 0 {
			f = math.Exp(order.Float64()*80 - 50)
		}
		if math.IsInf(f, 0) || math.IsNaN(f) {
			continue
		}
		half := halfway(f)
		mantissa, exponent, _ := strings.Cut(half, "e")
		for _, more := range []string{"", "0", "1", strings.Repeat("0", 200), strings.Repeat("0", 200) + "1"} {
			agreeOnNumbers(t, mantissa+more+"e"+exponent)
		}
		agreeOnNumbers(t, mantissa[:min(len(mantissa), 22)]+"e"+exponent)
		agreeOnNumbers(t, strconv.FormatFloat(f, 'f', -1, 64))
	}
}

func FuzzNumber(f *testing.F) {
	for _, n := range numbers {
		f.Add(n)
	}
	f.Fuzz(agreeOnNumbers)
}

// BenchmarkNumbers checks numbers that take strconv long to round, and reads them where they may be a time.
func BenchmarkNumbers(b *testing.B) {
	for name, number := range map[string]string{
		"of 26 bytes":      "1.73377515673387809616e308",
		"of 400 bytes":     "9999999999.000000476837158203125" + strings.Repeat("0", 367) + "1",
		"as small as any":  halfway(5e-324),
		"of 15 digits":     "170000000012345",
		"with a fraction":  "1700000000.25",
		"of usual seconds": "1700000000",
	} {
		document := `{"a":` + number + `}`
		b.Run(name+"/scanned", func(b *testing.B) {
			for b.Loop() {
				_ = strictjson.Scan(document, 10, func(string, string) {})
			}
		})
		b.Run(name+"/seconds", func(b *testing.B) {
			for b.Loop() {
				_, _ = strictjson.Seconds(number)
			}
		})
	}
}
