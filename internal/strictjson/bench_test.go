package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

var benchmarkDocuments = []struct{ name, data string }{
	{"claims", `{"iss":"https://id.example.com","sub":"user-7","aud":"https://api.example.com","exp":9999999999,"iat":1700000000,` +
		`"nbf":1700000000,"jti":"Sy52mX1pQ3uVb0k7wHcR","client_id":"web","scope":"orders:read orders:write","tenant":"acme",` +
		`"acr":"urn:example:loa:2","auth_time":1699999990,"roles":["reader","writer"]}`},
	{"16 KiB of members", crowded(1400, 1400)},
	{"1 MiB of members", crowded(80_000, 80_000)},
	{"1 MiB of crowds", `{"a":[` + strings.Repeat(crowded(17, 17)+",", 8000) + `1]}`},
	{"1 MiB of escapes", `{"a":"` + strings.Repeat(`\u0061`, 170_000) + `"}`},
}

// BenchmarkObject: check a document, and in the same run what the mere syntax check of encoding/json costs.
func BenchmarkObject(b *testing.B) {
	for _, d := range benchmarkDocuments {
		data := []byte(d.data)
		b.Run(d.name+"/strictjson", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if strictjson.Object(data, func(string, []byte) error { return nil }) != nil {
					b.Fatal("refused")
				}
			}
		})
		b.Run(d.name+"/json.Valid", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if !json.Valid(data) {
					b.Fatal("refused")
				}
			}
		})
	}
}

// A document of usual size costs one allocation, for the names.
func TestAnObjectCostsOneAllocation(t *testing.T) {
	data := []byte(benchmarkDocuments[0].data)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_ = strictjson.Object(data, func(string, []byte) error { return nil })
	}), 1.0)
}

// BenchmarkScan: as BenchmarkObject, of a document in a string.
func BenchmarkScan(b *testing.B) {
	for _, d := range benchmarkDocuments {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.data)))
			b.ReportAllocs()
			for b.Loop() {
				if strictjson.Scan(d.data, 1<<20, func(string, string) {}) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
