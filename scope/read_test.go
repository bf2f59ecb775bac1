package scope_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

func TestParse(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"one token", "orders:read", "orders:read"},
		{"several tokens, in the order of their bytes", "b a C", "C a b"},
		{"a token that stands twice counts once", "a b a", "a b"},
		{"every byte of the grammar", "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~"},
		{"an address", "https://api.example.com/orders.read", "https://api.example.com/orders.read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := scope.Parse(row.in)
			require.NoError(t, err)
			require.Equal(t, row.want, s.String())
			require.Equal(t, strings.Count(row.want, " ")+1, s.Len())
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, row := range []struct{ name, in string }{
		{"nothing", ""},
		{"a blank alone", " "},
		{"a blank in front", " a"},
		{"a blank behind", "a "},
		{"two blanks", "a  b"},
		{"a tab between", "a\tb"},
		{"a line break between", "a\nb"},
		{"a quote", `a "b"`},
		{"a backslash", `a b\c`},
		{"NUL", "a\x00"},
		{"DEL", "a\x7f"},
		{"NBSP", "a\u00a0b"},
		{"a Cyrillic letter", "r\u0435ad"},
		{"a byte that is no UTF-8", "a\xff"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := scope.Parse(row.in)
			require.Error(t, err)
			require.Zero(t, s)
		})
	}
}

func TestStrictReadersReportEveryMistake(t *testing.T) {
	_, err := scope.Parse("good b\\ad good2 wor\"se")
	require.ErrorContains(t, err, `"b\\ad"`)
	require.ErrorContains(t, err, `"wor\"se"`)
	require.NotContains(t, err.Error(), "good")
}

func TestFromList(t *testing.T) {
	in := []string{"b", "a", "b"}
	s, err := scope.FromList(in)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a", "b"}, in, "the caller's slice is left alone")
	in[0] = "admin"
	require.Equal(t, "a b", s.String(), "the set keeps nothing of the caller's slice")

	for _, empty := range [][]string{nil, {}} {
		s, err = scope.FromList(empty)
		require.NoError(t, err)
		require.Equal(t, scope.Set{}, s)
	}
	for _, bad := range []string{"", "a b", " a", "a\t", `"a"`} {
		_, err = scope.FromList([]string{"a", bad})
		require.Error(t, err, "%q", bad)
	}
}

// The wanted names that the rows below must not grant, beside those a row lists itself.
var privileged = []string{"admin", "read", "write", "*", "a", "b"}

func TestGrantedIsLenientWhereThatGrantsNothing(t *testing.T) {
	for _, row := range []struct {
		name, claim string
		want        []string
	}{
		{"the empty claim of Keycloak is the empty set", "", nil},
		{"blanks alone are the empty set", "   ", nil},
		{"empty elements are dropped", " read  write ", []string{"read", "write"}},
		{"a longer name does not grant the shorter", "administrator", []string{"administrator"}},
		{"case counts", "Admin", []string{"Admin"}},
		{"a comma does not separate", "read,admin", []string{"read,admin"}},
		{"a tab does not separate and spoils its element", "read\tadmin write", []string{"write"}},
		{"a line break neither", "read\nadmin write", []string{"write"}},
		{"NBSP neither", "read\u00a0admin write", []string{"write"}},
		{"nor the ideographic blank", "read\u3000admin write", []string{"write"}},
		{"a Cyrillic letter grants nothing", "r\u0435ad \u0430dmin write", []string{"write"}},
		{"a star is a name like any other", "*", []string{"*"}},
		{"a quote spoils its element", `"read" write`, []string{"write"}},
		{"a backslash spoils its element", `re\ad write`, []string{"write"}},
		{"NUL spoils its element", "admin\x00 write", []string{"write"}},
		{"DEL spoils its element", "admin\x7f write", []string{"write"}},
		{"bytes that are no UTF-8 spoil their element", "admin\xff write", []string{"write"}},
		{"what stands twice counts once", "a b a", []string{"a", "b"}},
		{"JSON in a string is no list", `["read","admin"]`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := scope.Granted(row.claim)
			requireGrants(t, s, row.want)
		})
	}
}

func TestGrantedListNeverSplits(t *testing.T) {
	for _, row := range []struct {
		name   string
		claim  []string
		wanted []string
	}{
		{"no list is the empty set", nil, nil},
		{"an empty list is the empty set", []string{}, nil},
		{"each element is a name", []string{"read", "write"}, []string{"read", "write"}},
		{"an element with a blank grants nothing", []string{"read admin", "write"}, []string{"write"}},
		{"blanks around do not belong to a name", []string{" admin", "admin ", "write"}, []string{"write"}},
		{"an empty element grants nothing", []string{"", "write"}, []string{"write"}},
		{"an illegal byte spoils its element", []string{"admin\x00", "\u0430dmin", "a\tb", `a"b`, "write"}, []string{"write"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireGrants(t, scope.GrantedList(row.claim), row.wanted)
		})
	}
	in := []string{"b", "a"}
	s := scope.GrantedList(in)
	in[0], in[1] = "admin", "admin"
	requireGrants(t, s, []string{"a", "b"})
}

// requireGrants checks s against the names it must hold, and that it holds no other.
func requireGrants(t *testing.T, s scope.Set, want []string) {
	t.Helper()
	require.Equal(t, want, slices.Collect(s.Tokens()))
	require.Equal(t, len(want), s.Len())
	for _, name := range append(slices.Clone(want), privileged...) {
		require.Equal(t, slices.Contains(want, name), s.Has(name), "%q", name)
		require.Equal(t, slices.Contains(want, name), scope.All(name).SatisfiedBy(s), "%q", name)
	}
	require.False(t, s.Has(""))
}
