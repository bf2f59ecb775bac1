package scope_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

func TestRequirements(t *testing.T) {
	nested := scope.AllOf(scope.All("a"), scope.Any("b", "c"), scope.AnyOf(scope.All("d", "e"), scope.All("f")))
	for _, row := range []struct {
		name    string
		require scope.Requirement
		granted string
		want    bool
	}{
		{"All of one is met by it", scope.All("a"), "a", true},
		{"All of one is met by it among others", scope.All("b"), "a b c", true},
		{"All of two is not met by one", scope.All("a", "b"), "a", false},
		{"All of two is met by both", scope.All("a", "b"), "b a", true},
		{"Any of two is met by the first", scope.Any("a", "b"), "a", true},
		{"Any of two is met by the second", scope.Any("a", "b"), "b", true},
		{"Any of two is not met by a third", scope.Any("a", "b"), "c", false},
		{"nothing is met by nothing", scope.Any("a", "b"), "", false},
		{"nested: everything that is needed", nested, "a c f", true},
		{"nested: by the longer way", nested, "a b d e", true},
		{"nested: one half of the longer way", nested, "a b d", false},
		{"nested: one part not met", nested, "a f", false},
		{"nested: the first part not met", nested, "b d e f", false},
		{"AnyOf: no part met", scope.AnyOf(scope.All("a", "b"), scope.All("c", "d")), "a c", false},
		{"the zero Requirement is met by nothing", scope.Requirement{}, "a", false},
		{"not even with a matcher", scope.Requirement{}.Using(scope.Wildcard(":")), "*", false},
		{"All of an empty part is met by nothing", scope.AllOf(scope.Requirement{}), "a", false},
		{"an empty part spoils what else would do", scope.AnyOf(scope.All("a"), scope.Requirement{}), "a", false},
		{"an illegal name is met by nothing, not even by a star", scope.All("a b").Using(scope.Wildcard(":")), "* a b", false},
		{"the empty name is met by nothing", scope.All(""), "a", false},
		{"an illegal name spoils what else would do", scope.Any("a", `"b"`), "a", false},
		{"at any depth", scope.AnyOf(scope.All("a"), scope.AllOf(scope.Any("b", "\t"))), "a b", false},
		{"exact by default: prefix", scope.All("orders"), "ordersx orders:read", false},
		{"exact by default: star", scope.All("orders:read"), "* orders:*", false},
		{"exact by default: case", scope.All("admin"), "Admin ADMIN", false},
		{"a matcher widens what is granted", scope.All("orders:read", "users:read").Using(scope.Wildcard(":")), "*:read", true},
		{"and not what is wanted", scope.All("orders:*").Using(scope.Wildcard(":")), "orders:read", false},
		{"a name covers itself under any matcher", scope.All("a").Using(func(_, _ string) bool { return false }), "a", true},
		{"a nil matcher is Exact", scope.All("orders:read").Using(nil), "*", false},
		{"the matcher of the whole goes for its parts", scope.AllOf(scope.All("orders:read")).Using(scope.Hierarchical(":")), "orders", true},
		{"but a part keeps its own", scope.AllOf(scope.All("orders:read").Using(scope.Exact)).Using(scope.Hierarchical(":")), "orders", false},
		{"and the last one on the same part counts", scope.All("orders:read").Using(scope.Hierarchical(":")).Using(scope.Exact), "orders", false},
		{"a matcher inside does not leak to its neighbours", scope.AllOf(scope.All("a:b").Using(scope.Hierarchical(":")), scope.All("c:d")), "a c", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, row.require.SatisfiedBy(scope.Granted(row.granted)))
		})
	}
}

func TestUsingLeavesTheOriginalAlone(t *testing.T) {
	exact := scope.All("orders:read")
	wide := exact.Using(scope.Hierarchical(":"))
	require.False(t, exact.SatisfiedBy(scope.Granted("orders")))
	require.True(t, wide.SatisfiedBy(scope.Granted("orders")))
	require.Equal(t, exact.Challenge(), wide.Challenge())
}

func TestARequirementKeepsNothingOfTheCallersSlices(t *testing.T) {
	names := []string{"b", "c"}
	parts := []scope.Requirement{scope.All("y")}
	r, q := scope.All("a", names...), scope.AllOf(scope.All("x"), parts...)
	names[0], names[1], parts[0] = "a", "a", scope.All("x")
	require.False(t, r.SatisfiedBy(scope.Granted("a")))
	require.False(t, q.SatisfiedBy(scope.Granted("x")))
}

func TestErrNamesEveryMistake(t *testing.T) {
	require.NoError(t, scope.Requirement{}.Err())
	require.NoError(t, scope.AllOf(scope.All("a"), scope.Any("b", "*")).Err())

	err := scope.AllOf(scope.All("fine", "two words"), scope.AnyOf(scope.Any("", "tab\t"), scope.Requirement{})).Err()
	for _, want := range []string{`"two words"`, `""`, `"tab\t"`, "empty requirement"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "fine")
	require.Error(t, scope.All("two words").Using(scope.Exact).Err(), "Using does not lose it")
}

func TestIsZero(t *testing.T) {
	require.True(t, scope.Requirement{}.IsZero())
	require.True(t, scope.Requirement{}.Using(scope.Exact).IsZero())
	require.False(t, scope.All("a").IsZero())
	require.False(t, scope.All("").IsZero(), "a mistake is not nothing")
	require.False(t, scope.AllOf(scope.Requirement{}).IsZero())
}

func TestChallengeAndString(t *testing.T) {
	for _, row := range []struct {
		name      string
		require   scope.Requirement
		challenge string
		text      string
	}{
		{"every name of an All", scope.All("b", "a"), "b a", `All("b", "a")`},
		{"the first of an Any", scope.Any("b", "a"), "b", `Any("b", "a")`},
		{"the first part of an AnyOf, all of it", scope.AnyOf(scope.All("a", "b"), scope.All("c")), "a b", `AnyOf(All("a", "b"), All("c"))`},
		{"no name twice", scope.AllOf(scope.All("a", "b", "a"), scope.Any("b", "c"), scope.All("d")), "a b d", `AllOf(All("a", "b", "a"), Any("b", "c"), All("d"))`},
		{"a matcher changes nothing", scope.AllOf(scope.Any("a").Using(scope.Exact)).Using(scope.Exact), "a", `AllOf(Any("a").Using(...)).Using(...)`},
		{"the zero Requirement cannot be met", scope.Requirement{}, "", `Requirement{}`},
		{"nor one with an illegal name", scope.All("a", "x\" y"), "", `All("a", "x\" y")`},
		{"nor one with an empty part", scope.AnyOf(scope.All("a"), scope.Requirement{}), "", `AnyOf(All("a"), Requirement{})`},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.challenge, row.require.Challenge())
			require.Equal(t, row.text, row.require.String())
		})
	}
}

func TestSatisfiedByAllocatesNothing(t *testing.T) {
	granted := scope.Granted("a:b c:d e:f orders:read orders:write users:* x:y:z")
	implied, err := scope.Implied(map[string][]string{"c:d": {"admin"}})
	require.NoError(t, err)
	tree := scope.AllOf(scope.All("orders:read", "orders:write"), scope.AnyOf(scope.All("none"), scope.Any("nope", "x:y:z")))
	for name, r := range map[string]scope.Requirement{
		"exact":                 scope.All("orders:read"),
		"exact, nested":         tree,
		"hierarchical, nested":  scope.AllOf(tree, scope.All("a:b:c")).Using(scope.Hierarchical(":")),
		"wildcard, nested":      scope.AllOf(tree, scope.All("users:read:own")).Using(scope.Wildcard(":")),
		"implied, nested":       scope.AllOf(tree, scope.All("admin")).Using(implied),
		"wildcard, all in vain": scope.Any("not:here:at:all", "nor:here", "orders:read").Using(scope.Wildcard(":")),
	} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if !r.SatisfiedBy(granted) {
					t.Fatal("must be met")
				}
			}))
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if r.SatisfiedBy(scope.Set{}) {
					t.Fatal("must not be met")
				}
			}))
		})
	}
}
