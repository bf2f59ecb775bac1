package strictjson_test

import (
	"strings"
	"testing"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// BenchmarkFind looks for a member behind others.
func BenchmarkFind(b *testing.B) {
	repeat := func(open, part, end string) string {
		return open + strings.Repeat(part, (12000-len(open))/len(part)) + end
	}
	few := func(part string) string { // as many as a Mux goes past, and a string after them
		return repeat(`{"y":[1`+strings.Repeat(part, 500)+`],"x":"`, "x", `"}`)
	}
	for _, d := range []struct{ name, data string }{
		{"members", crowded(1300, 1300)},
		{"escaped members", `{"` + strings.Repeat(`\n":1,"`, 1600) + `x":1}`},
		{"nearly iss", repeat(`{`, `"\u0069\u0073\u0063":1,`, `"x":1}`)},
		{"nearly iss at its end", repeat(`{`, `"is\u0063":1,`, `"x":1}`)},
		{"numbers", repeat(`{"x":[1`, `,1`, `]}`)},
		{"500 numbers", few(`,1`)},
		{"500 strings", few(`,""`)},
		{"500 arrays", few(`,[]`)},
		{"empty strings", repeat(`{"x":[1`, `,""`, `]}`)},
		{"a string", repeat(`{"x":"`, `x`, `"}`)},
		{"blanks in an array", repeat(`{"x":[`, ` `, `1]}`)},
		{"blanks", repeat(`{"x":1`, ` `, `}`)},
		{"digits", repeat(`{"x":1`, `1`, `}`)},
		{"quotes in a string", repeat(`{"x":"`, `\"`, `"}`)},
		{"backslashes in a string", repeat(`{"x":"`, `\\`, `"}`)},
		{"escapes in a string", repeat(`{"x":"`, `\u0061`, `"}`)},
		{"odd escapes in a string", repeat(`{"x":"`, `x\n`, `"}`)},
		{"deep objects", `{"x":[1` + strings.Repeat(","+strings.Repeat(`{"":`, 25)+"1"+strings.Repeat("}", 25), 80) + `]}`},
	} {
		document := d.data[:len(d.data)-1] + `,"iss":"a"}`
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if value, err := strictjson.Find(document, "iss", 8*len(document)); value == "" {
					b.Fatal(err)
				}
			}
		})
	}
}
