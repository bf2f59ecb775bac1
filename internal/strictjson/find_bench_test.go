package strictjson_test

import (
	"strings"
	"testing"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// BenchmarkFind looks for a member behind others.
func BenchmarkFind(b *testing.B) {
	for _, d := range []struct{ name, data string }{
		{"members", crowded(1300, 1300)},
		{"escaped members", `{"` + strings.Repeat(`\n":1,"`, 1600) + `x":1}`},
		{"numbers", `{"x":[1` + strings.Repeat(`,1`, 6000) + `]}`},
		{"a string", `{"x":"` + strings.Repeat(`x`, 12000) + `"}`},
		{"deep objects", `{"x":[1` + strings.Repeat(","+strings.Repeat(`{"":`, 25)+"1"+strings.Repeat("}", 25), 80) + `]}`},
	} {
		document := d.data[:len(d.data)-1] + `,"iss":"a"}`
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if _, found := strictjson.Find(document, "iss"); !found {
					b.Fatal("not found")
				}
			}
		})
	}
}
