package cookies_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/cookies"
)

// A cookie is as the client has sent it, and there may be two of one name.
func TestAll(t *testing.T) {
	var got []string
	for name, value := range cookies.All([]string{"a=1; b = 2 ;c", `d="x,y"; a=3=4;`}) {
		got = append(got, name+":"+value)
	}
	require.Equal(t, []string{"a:1", "b: 2", "c:", `d:"x,y"`, "a:3=4", ":"}, got)
	for name := range cookies.All([]string{"a;b", "c"}) {
		require.Equal(t, "a", name)
		break
	}
}

// The obvious way is to split and to trim.
func FuzzAll(f *testing.F) {
	for _, line := range []string{"", "a=1; b = 2 ;c", `d="x,y"; a=3=4;`, " = \t", ";;", "a\r\n=\n b\t;"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var want, got [][2]string
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(textproto.TrimString(pair), "=")
			want = append(want, [2]string{textproto.TrimString(name), value})
		}
		for name, value := range cookies.All([]string{line}) {
			got = append(got, [2]string{name, value})
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkAll(b *testing.B) {
	line := strings.Repeat("a=b; ab=c;abc=; abcdef=ghijkl;;", 40)
	for b.Loop() {
		for name := range cookies.All([]string{line}) {
			if name == "session" {
				b.Fatal(name)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/cookie")
}

func TestTooMany(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"none", nil, false},
		{"one", []string{"a=b"}, false},
		{"200", []string{"a=b" + strings.Repeat(";a", 199)}, false},
		{"201", []string{"a=b" + strings.Repeat(";a", 200)}, true},
		{"201 that are empty", []string{strings.Repeat(";", 200)}, true},
		{"200 in two lines", []string{strings.Repeat("a;", 99) + "a", strings.Repeat("a;", 99) + "a"}, false},
		{"201 in two lines", []string{strings.Repeat("a;", 99) + "a", strings.Repeat("a;", 100) + "a"}, true},
		{"200 lines", slices.Repeat([]string{"a"}, 200), false},
		{"201 lines", slices.Repeat([]string{""}, 201), true},
		{"64 KiB", []string{strings.Repeat("a", 64<<10)}, false},
		{"2,000 blanks", []string{strings.Repeat(" ", 1000) + "a=" + strings.Repeat("\t", 500), strings.Repeat(" ", 500)}, false},
		{"a blank more", []string{strings.Repeat(" ", 1000) + "a=" + strings.Repeat("\t", 501), strings.Repeat(" ", 500)}, true},
		{"a byte more", []string{strings.Repeat("a", 64<<10), "a"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, cookies.TooMany(tc.lines)) })
	}
}
