package scope_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

// grammar is RFC 6749 section 3.3, letter by letter.
var (
	token = regexp.MustCompile(`\A[\x21\x23-\x5B\x5D-\x7E]+\z`)
	list  = regexp.MustCompile(`\A[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*\z`)
)

var seeds = []string{
	"", " ", "a", "a b", "a  b", " a ", "a\tb", "read,admin", "orders:read orders:*", "*", "a a a", `a "b" c\d`, "r\u0435ad", "a\u00a0b",
	"\x00", "\x7f", "\xff\xfe", "a\r\nb", "https://api.example.com/orders.read b",
}

// FuzzParse: Parse takes exactly the grammar; what it takes Granted reads the same and String writes in a form that reads the same.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := scope.Parse(s)
		require.Equal(t, list.MatchString(s), err == nil, "%q", s)
		if err != nil {
			require.Zero(t, set.Len())
			return
		}
		require.Equal(t, set, scope.Granted(s))
		again, err := scope.Parse(set.String())
		require.NoError(t, err)
		require.Equal(t, set, again)
		for name := range strings.SplitSeq(s, " ") {
			require.True(t, set.Has(name))
		}
	})
}

// FuzzGranted: a Granted set holds nothing outside the grammar and nothing that did not stand between blanks; it lacks nothing that
// did; and no wildcard makes an illegal name of it.
func FuzzGranted(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, "read")
	}
	f.Add("orders:*", "orders:read\tadmin")
	f.Fuzz(func(t *testing.T, claim, wanted string) {
		set := scope.Granted(claim)
		elements := strings.Split(claim, " ")
		names := slices.Collect(set.Tokens())
		for _, name := range names {
			require.Regexp(t, token, name)
			require.Contains(t, elements, name)
		}
		for _, e := range elements {
			require.Equal(t, token.MatchString(e), set.Has(e), "%q", e)
		}
		require.True(t, slices.IsSorted(names))
		require.Len(t, slices.Compact(names), set.Len())
		require.Equal(t, set, scope.GrantedList(elements))
		require.Equal(t, set, scope.Granted(set.String()))
		require.Equal(t, set.Has(wanted), scope.All(wanted).SatisfiedBy(set))
		if !token.MatchString(wanted) {
			require.False(t, scope.All(wanted).Using(scope.Wildcard(":")).SatisfiedBy(set))
			require.Error(t, scope.All(wanted).Err())
		}
	})
}

// FuzzGrantedList: an element is taken whole or not at all.
func FuzzGrantedList(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, "b")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		set := scope.GrantedList([]string{first, second})
		for _, e := range []string{first, second} {
			require.Equal(t, token.MatchString(e), set.Has(e), "%q", e)
		}
		for name := range set.Tokens() {
			require.Contains(t, []string{first, second}, name)
		}
	})
}

// FuzzMatchers: on any two strings, the matchers say what their oracles say.
func FuzzMatchers(f *testing.F) {
	f.Add("orders:*", "orders:read")
	f.Add("orders", "orders:read:own")
	f.Add("*", ":")
	f.Add("a:*:", "a::")
	hierarchical, wildcard := scope.Hierarchical(":"), scope.Wildcard(":")
	f.Fuzz(func(t *testing.T, granted, wanted string) {
		if !token.MatchString(granted) || !token.MatchString(wanted) {
			return // never asked
		}
		require.Equal(t, hierarchicalOracle(granted, wanted), hierarchical(granted, wanted))
		require.Equal(t, wildcardOracle(granted, wanted), wildcard(granted, wanted))
		if hierarchical(granted, wanted) || wildcard(granted, wanted) {
			require.True(t, granted == wanted || strings.HasPrefix(wanted, granted+":") || strings.Contains(granted, "*"))
		}
	})
}
