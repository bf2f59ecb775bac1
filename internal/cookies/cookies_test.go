package cookies_test

import (
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
		{"a byte more", []string{strings.Repeat("a", 64<<10), "a"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, cookies.TooMany(tc.lines)) })
	}
}
