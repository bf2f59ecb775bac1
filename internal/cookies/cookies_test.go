package cookies_test

import (
	"math/rand/v2"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/cookies"
)

// A cookie is as the client has sent it, and there may be two of one name.
func TestNamed(t *testing.T) {
	names := []string{"a", "b", "c", "a"}
	var got []string
	for which, value := range cookies.Named([]string{"a=1; b = 2 ;c;aa=4; a a=5;xa=6", `d="x,y"; a=3=4;;A=7`, "\tb\t=\tx\t;c= "}, names) {
		got = append(got, names[which]+":"+value)
	}
	require.Equal(t, []string{"a:1", "b: 2", "c:", "a:3=4", "b:\tx", "c:"}, got)
	for which := range cookies.Named([]string{"a;b", "c"}, names) {
		require.Zero(t, which)
		break
	}
}

// Who has been sent as many blanks as nobody sends cannot be sure that none of those cookies is the one.
func TestNamedAmongBlanks(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{strings.Repeat(" ", 8) + "a=1", "1"},
		{strings.Repeat(" ", 9) + "a=1", strings.Repeat(" ", 9) + "a=1"},
		{strings.Repeat("\t", 9) + "x=1", strings.Repeat("\t", 9) + "x=1"},
		{"a" + strings.Repeat(" ", 8) + "=1", "1"},
		{"a" + strings.Repeat(" ", 9) + "=1", "a" + strings.Repeat(" ", 9) + "=1"},
		{"a=" + strings.Repeat(" ", 9) + "1" + strings.Repeat(" ", 8), strings.Repeat(" ", 9) + "1"},
		{"a=1" + strings.Repeat(" ", 9), "a=1" + strings.Repeat(" ", 9)},
		{"a=" + strings.Repeat(" ", 8), ""},
		{"a=" + strings.Repeat(" ", 9), "a=" + strings.Repeat(" ", 9)},
		{"a" + strings.Repeat(" ", 8), ""},
	} {
		var got []string
		for _, value := range cookies.Named([]string{"x=y;" + tc.line}, []string{"a"}) {
			got = append(got, value)
		}
		require.Equal(t, []string{tc.want}, got, "%q", tc.line)
		for range cookies.Named([]string{tc.line}, nil) {
			require.Fail(t, "no name is looked for")
		}
	}
}

// The obvious way is to split and to trim.
func FuzzNamed(f *testing.F) {
	for _, line := range []string{"", "a=1; b = 2 ;c", `d="x,y"; a=3=4;`, " = \t", ";;", "a\r\n=\n b\t;", "session=a.b.c; session", "a=" + strings.Repeat("x", 20) + ";b", strings.Repeat(" ", 20) + "b=1"} {
		f.Add(line)
	}
	names, many := []string{"a", "session", "b", "ab"}, regexp.MustCompile(`[ \t\r\n]{9}`)
	f.Fuzz(func(t *testing.T, line string) {
		if many.MatchString(line) {
			return
		}
		var want, got []string
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(textproto.TrimString(pair), "=")
			if name = textproto.TrimString(name); slices.Contains(names, name) {
				want = append(want, name+"="+value)
			}
		}
		for which, value := range cookies.Named([]string{line}, names) {
			got = append(got, names[which]+"="+value)
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkNamed(b *testing.B) {
	chance := rand.New(rand.NewPCG(1, 2))
	for name, blanks := range map[string]int{"conforming": 0, "blanks by chance": 2} {
		var line strings.Builder
		for range 199 {
			line.WriteString(strings.Repeat(" ", chance.IntN(blanks+1)) + "sessio" + strings.Repeat("x", chance.IntN(2)) + strings.Repeat(" ", chance.IntN(blanks+1)) + "=")
			line.WriteString(strings.Repeat("x", chance.IntN(300)) + ";")
		}
		b.Run(name, func(b *testing.B) {
			lines, names := []string{line.String()}, []string{"session"}
			for b.Loop() {
				for range cookies.Named(lines, names) {
					b.Fatal("one of that name")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/cookie")
		})
	}
}

func TestTooMany(t *testing.T) {
	usual := strings.Repeat("a;", 49) + "a"
	room := 9<<10 - len("Cookie") - len(usual) - len("; a") - 2*32 - len("X")
	for _, tc := range []struct {
		name  string
		lines []string
		other int // bytes of another header, if any
		want  bool
	}{
		{"none", nil, 0, false},
		{"one", []string{"a=b"}, 0, false},
		{"200", []string{"a=b" + strings.Repeat(";a", 199)}, 0, false},
		{"201", []string{"a=b" + strings.Repeat(";a", 200)}, 0, true},
		{"201 that are empty", []string{strings.Repeat(";", 200)}, 0, true},
		{"200 in two lines", []string{strings.Repeat("a;", 99) + "a", strings.Repeat("a;", 99) + "a"}, 0, false},
		{"201 in two lines", []string{strings.Repeat("a;", 99) + "a", strings.Repeat("a;", 100) + "a"}, 0, true},
		{"16 lines", slices.Repeat([]string{"a"}, 16), 0, false},
		{"17 lines", slices.Repeat([]string{""}, 17), 0, true},
		{"36 KiB", []string{strings.Repeat("a", 36<<10)}, 0, false},
		{"a byte more", []string{strings.Repeat("a", 36<<10), "a"}, 0, true},
		{"50 beside a long header", []string{usual}, 1 << 20, false},
		{"51 beside what is not long", []string{usual + "; a"}, room, false},
		{"51 beside a byte more", []string{usual + "; a"}, room + 1, true},
		{"51 in two lines, beside what is not long", []string{usual, "a"}, room - 32 - len("Cookie") + len("; "), false},
		{"51 in two lines, beside a byte more", []string{usual, "a"}, room - 32 - len("Cookie") + len("; ") + 1, true},
		{"50 that are long", []string{strings.Repeat("a", 36<<10-49) + strings.Repeat(";", 49)}, 1 << 20, false},
		{"51 that are long", []string{strings.Repeat("a", 36<<10-50) + strings.Repeat(";", 50)}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := map[string][]string{"Cookie": tc.lines}
			if tc.other > 0 {
				h["X"] = []string{strings.Repeat("x", tc.other)}
			}
			require.Equal(t, tc.want, cookies.TooMany(h))
		})
	}
}
