package validutf8_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/validutf8"
)

// Every text of up to two bytes, and of up to four that are at the bounds of what UTF-8 allows, at any distance from a word's end.
func TestValidUTF8(t *testing.T) {
	before := strings.Repeat("x", 8)
	agree := func(text string) {
		for at := range 8 {
			for _, after := range []string{"", "€", "12345678", "12345678\x80", "12345678\xa9é"} {
				whole := before[:at] + text + after
				if got := validutf8.String(whole); got != utf8.ValidString(whole) {
					t.Fatalf("%q at %d before %q: %v", text, at, after, got)
				}
			}
		}
	}
	agree("")
	for b := range 256 {
		agree(string([]byte{byte(b)}))
		for c := range 256 {
			agree(string([]byte{byte(b), byte(c)}))
		}
	}
	bounds := []byte{0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff}
	for _, b := range bounds {
		for _, c := range bounds {
			for _, d := range bounds {
				agree(string([]byte{b, c, d}))
				for _, e := range bounds {
					agree(string([]byte{b, c, d, e}))
				}
			}
		}
	}
	agree(strings.Repeat("é", 5) + "\xff" + strings.Repeat("é", 100))
}

func FuzzValidUTF8(f *testing.F) {
	for _, seed := range []string{"", "x", "é€😀", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "12345678\xe2\x82", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, utf8.ValidString(s), validutf8.String(s))
	})
}

// BenchmarkValidUTF8 has letters by chance, many texts of them so that their order is not learnt, and the standard library in turns with them.
func BenchmarkValidUTF8(b *testing.B) {
	order := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 64)
	for i := range texts {
		for len(texts[i]) < 4096 {
			texts[i] += []string{"x", "é", "€", "😀"}[order.IntN(4)]
		}
	}
	for name, valid := range map[string]func(string) bool{"utf8": utf8.ValidString, "ours": validutf8.String} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if !valid(texts[i%len(texts)]) {
					b.Fatal("refused")
				}
			}
		})
	}
}
