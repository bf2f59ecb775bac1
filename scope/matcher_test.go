package scope_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

type matcherRow struct {
	name, granted, wanted string
	want                  bool
}

func checkMatcher(t *testing.T, m scope.Matcher, rows []matcherRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, m(row.granted, row.wanted), "granted %q, wanted %q", row.granted, row.wanted)
		})
	}
}

func TestExact(t *testing.T) {
	checkMatcher(t, scope.Exact, []matcherRow{
		{"a name covers itself", "orders:read", "orders:read", true},
		{"but not in another case", "Orders:read", "orders:read", false},
		{"and not what begins with it", "orders", "ordersx", false},
		{"nor what lies below it", "orders", "orders:read", false},
		{"a star covers nothing else", "*", "orders:read", false},
		{"a star in a segment neither", "orders:*", "orders:read", false},
		{"a Cyrillic letter is another letter", "r\u0435ad", "read", false},
	})
}

func TestHierarchical(t *testing.T) {
	checkMatcher(t, scope.Hierarchical(":"), []matcherRow{
		{"a name covers itself", "orders", "orders", true},
		{"and what lies below it", "orders", "orders:read", true},
		{"however deep", "orders", "orders:read:own", true},
		{"from the middle too", "orders:read", "orders:read:own", true},
		{"but not what merely begins with it", "orders", "ordersx", false},
		{"nor what merely begins with it and goes on", "orders", "ordersx:read", false},
		{"nor what lies above it", "orders:read", "orders", false},
		{"nor a sibling", "orders:read", "orders:write", false},
		{"nor in another case", "Orders", "orders:read", false},
		{"an empty segment below is not below", "orders", "orders:", false},
		{"nor is one in between", "orders", "orders::read", false},
		{"nor is one at the end", "orders", "orders:read:", false},
		{"a separator at the end is no wider name", "orders:", "orders:read", false},
		{"nor with two of them", "orders:", "orders::read", false},
		{"it covers itself", "orders:", "orders:", true},
		{"the separator alone is not the root of all", ":", ":read", false},
		{"the empty name is not the root of all", "", ":read", false},
		{"nor of what has no separator", "", "read", false},
		{"a star is a letter", "*", "orders", false},
		{"also in the last segment", "orders:*", "orders:read", false},
		{"what lies below a star lies below it by its name only", "orders:*", "orders:*:own", true},
		{"another separator does not count", "orders", "orders.read", false},
	})
	checkMatcher(t, scope.Hierarchical("/"), []matcherRow{
		{"an address covers what lies below it", "https://api.example.com/orders", "https://api.example.com/orders/read", true},
		{"a scheme does not cover its addresses", "https:", "https://api.example.com/orders", false},
		{"nor with one slash more", "https:/", "https://api.example.com/orders", false},
		{"a host does not cover longer hosts", "https://api.example.com", "https://api.example.com.evil.test/x", false},
	})
	checkMatcher(t, scope.Hierarchical("::"), []matcherRow{
		{"a separator may be longer", "orders", "orders::read", true},
		{"half of it separates nothing", "orders", "orders:read", false},
		{"one and a half neither begin a segment anew", "orders::", "orders::read", false},
	})
}

func TestWildcard(t *testing.T) {
	checkMatcher(t, scope.Wildcard(":"), []matcherRow{
		{"a name covers itself", "orders:read", "orders:read", true},
		{"a star at the end covers one segment", "orders:*", "orders:read", true},
		{"and several", "orders:*", "orders:read:own", true},
		{"but not none", "orders:*", "orders", false},
		{"nor an empty one", "orders:*", "orders:", false},
		{"nor an empty one and more", "orders:*", "orders::read", false},
		{"nor more and an empty one", "orders:*", "orders:read:", false},
		{"nor what merely begins alike", "orders:*", "ordersx:read", false},
		{"a star in front covers one segment", "*:read", "orders:read", true},
		{"and not two", "*:read", "shop:orders:read", false},
		{"and not none", "*:read", "read", false},
		{"and not an empty one", "*:read", ":read", false},
		{"a star in the middle covers one", "shop:*:read", "shop:orders:read", true},
		{"and not two", "shop:*:read", "shop:orders:own:read", false},
		{"and not an empty one", "shop:*:read", "shop::read", false},
		{"two stars cover two segments or more", "*:*", "orders:read:own", true},
		{"and not one", "*:*", "orders", false},
		{"a bare star covers everything", "*", "orders:read", true},
		{"but no name with an empty segment", "*", "orders::read", false},
		{"a star inside of a segment is a letter", "ord*", "orders", false},
		{"also at its end", "orders:re*", "orders:read", false},
		{"also in front", "orders:*d", "orders:read", false},
		{"two stars in one segment are letters", "**", "orders", false},
		{"without a star nothing lies below", "orders", "orders:read", false},
		{"a star on the wanted side is a letter", "orders:read", "orders:*", false},
		{"a bare star on the wanted side too", "orders:read", "*", false},
		{"which a granted star covers like any letter", "orders:*", "orders:*", true},
		{"a wider star covers a narrower", "*", "orders:*", true},
		{"but not the other way round", "orders:*", "*", false},
		{"a separator after the star is one more segment", "orders:*:", "orders:read", false},
		{"case counts", "Orders:*", "orders:read", false},
		{"a star is one byte, not a look-alike", "orders:\uff0a", "orders:read", false},
		{"nothing covers nothing but itself", "", "orders", false},
		{"a star does not cover the empty name", "*", "", false},
	})
	checkMatcher(t, scope.Wildcard("/"), []matcherRow{
		{"an empty segment covers itself", "https://api.example.com/*", "https://api.example.com/orders", true},
		{"a star is not part of a host's name", "https://*.example.com/orders", "https://api.example.com/orders", false},
	})
}

func TestAnEmptySeparatorIsExact(t *testing.T) {
	for name, m := range map[string]scope.Matcher{"hierarchical": scope.Hierarchical(""), "wildcard": scope.Wildcard("")} {
		t.Run(name, func(t *testing.T) {
			require.True(t, m("a", "a"))
			require.False(t, m("a", "ab"))
			require.False(t, m("*", "a"))
			require.False(t, m("", "a"))
		})
	}
}

func TestImplied(t *testing.T) {
	table := map[string][]string{
		"admin":  {"editor", "audit"},
		"editor": {"write"},
		"write":  {"read"},
		"left":   {"right"},
		"right":  {"left"},
		"self":   {"self"},
		"*":      {"star"},
	}
	m, err := scope.Implied(table)
	require.NoError(t, err)
	table["read"] = []string{"admin"}
	table["write"][0] = "admin"
	checkMatcher(t, m, []matcherRow{
		{"a name covers itself", "other", "other", true},
		{"and what is listed for it", "admin", "audit", true},
		{"and what that covers, at any distance", "admin", "read", true},
		{"but nothing the other way", "read", "write", false},
		{"nor what the caller added to the table afterwards", "read", "admin", false},
		{"nor what the caller put into its lists afterwards", "write", "admin", false},
		{"two that imply each other cover each other", "left", "right", true},
		{"in both directions", "right", "left", true},
		{"one that implies itself covers itself", "self", "self", true},
		{"a name the table does not know covers nothing else", "other", "read", false},
		{"a longer name is another name", "administrator", "read", false},
		{"case counts", "Admin", "read", false},
		{"a star is a name like any other", "*", "read", false},
		{"also where it implies something", "*", "star", true},
		{"the empty name covers nothing", "", "read", false},
	})
}

func TestImpliedReportsEveryMistake(t *testing.T) {
	m, err := scope.Implied(map[string][]string{"two words": {"read"}, "admin": {"wri\tte", ""}, "fine": {"read"}})
	require.Nil(t, m)
	for _, quoted := range []string{`"two words"`, `"wri\tte"`, `""`} {
		require.ErrorContains(t, err, quoted)
	}
	require.NotContains(t, err.Error(), "fine")

	exact := scope.All("read").Using(m)
	require.True(t, exact.SatisfiedBy(scope.Granted("read")))
	require.False(t, exact.SatisfiedBy(scope.Granted("admin fine")))

	none, err := scope.Implied(nil)
	require.NoError(t, err)
	require.True(t, none("a", "a"))
	require.False(t, none("a", "b"))
}

// The oracles say the same as the matchers in another way: by regular expression and by lists of segments.

func wildcardOracle(granted, wanted string) bool {
	segments := strings.Split(granted, ":")
	for i, s := range segments {
		switch {
		case s != "*":
			segments[i] = regexp.QuoteMeta(s)
		case i == len(segments)-1:
			segments[i] = "[^:]+(:[^:]+)*"
		default:
			segments[i] = "[^:]+"
		}
	}
	return granted == wanted || regexp.MustCompile("^"+strings.Join(segments, ":")+"$").MatchString(wanted)
}

func hierarchicalOracle(granted, wanted string) bool {
	g, w := strings.Split(granted, ":"), strings.Split(wanted, ":")
	if granted == wanted {
		return true
	}
	if len(w) <= len(g) || g[len(g)-1] == "" {
		return false
	}
	for i := range w {
		if i < len(g) && g[i] != w[i] || i >= len(g) && w[i] == "" {
			return false
		}
	}
	return true
}

func TestMatchersAgreeWithTheirOracles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	hierarchical, wildcard := scope.Hierarchical(":"), scope.Wildcard(":")
	covered := [2]int{}
	for range 50_000 {
		granted, wanted := randomName(rng), randomName(rng)
		h, w := hierarchicalOracle(granted, wanted), wildcardOracle(granted, wanted)
		require.Equal(t, h, hierarchical(granted, wanted), "hierarchical: granted %q, wanted %q", granted, wanted)
		require.Equal(t, w, wildcard(granted, wanted), "wildcard: granted %q, wanted %q", granted, wanted)
		if granted != wanted && h {
			covered[0]++
		}
		if granted != wanted && w {
			covered[1]++
		}
	}
	require.Greater(t, covered[0], 1000, "the names must meet often enough to prove something")
	require.Greater(t, covered[1], 1000, "the names must meet often enough to prove something")
}

// randomName is made of few segments, so that two names have something to do with each other.
func randomName(rng *rand.Rand) string {
	segments := make([]string, 1+rng.IntN(3))
	for i := range segments {
		segments[i] = []string{"a", "a", "b", "*", "*", "", "ab", "a*"}[rng.IntN(8)]
	}
	if name := strings.Join(segments, ":"); name != "" {
		return name
	}
	return "a"
}
