package scope_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

func TestTheZeroSetGrantsNothing(t *testing.T) {
	var zero scope.Set
	require.Zero(t, zero.Len())
	require.Empty(t, zero.String())
	require.Empty(t, slices.Collect(zero.Tokens()))
	require.False(t, zero.Has(""))
	require.False(t, zero.Has("a"))
	require.False(t, scope.Any("a", "*").Using(scope.Wildcard(":")).SatisfiedBy(zero))
}

func TestUnionAndIntersection(t *testing.T) {
	for _, row := range []struct{ name, a, b, union, both string }{
		{"two sets that overlap", "a b", "b c", "a b c", "b"},
		{"disjoint sets", "c a", "b", "a b c", ""},
		{"one inside the other", "a b c", "b", "a b c", "b"},
		{"with the empty set", "a", "", "a", ""},
		{"two empty sets", "", "", "", ""},
		{"case keeps names apart", "a", "A", "A a", ""},
		{"a star does not intersect what it might cover", "orders:*", "orders:read", "orders:* orders:read", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, b := scope.Granted(row.a), scope.Granted(row.b)
			require.Equal(t, row.union, a.Union(b).String())
			require.Equal(t, row.union, b.Union(a).String())
			require.Equal(t, row.both, a.Intersect(b).String())
			require.Equal(t, row.both, b.Intersect(a).String())
			require.Equal(t, scope.Granted(row.a), a, "the operands stay what they were")
			require.Equal(t, scope.Granted(row.b), b)
			require.Equal(t, scope.Granted(row.both), a.Intersect(b), "equal sets are deeply equal")
		})
	}
}

func TestUnionsOfOneSetDoNotShareRoomToGrow(t *testing.T) {
	base := scope.Granted("m a a a a a")
	x, y := base.Union(scope.Granted("x")), base.Union(scope.Granted("y"))
	require.Equal(t, "a m x", x.String())
	require.Equal(t, "a m y", y.String())
}

func TestHasFindsEveryNameInSetsOfAnySize(t *testing.T) {
	var names []string
	for n := range 64 {
		names = append(names, fmt.Sprintf("scope:%d", n*7%64))
		s := scope.GrantedList(names)
		require.Equal(t, len(names), s.Len())
		for _, name := range names {
			require.True(t, s.Has(name), "%q in %v", name, s)
			require.False(t, s.Has(name+"0x"))
			require.False(t, s.Has(name[:len(name)-1]+"!"))
		}
		require.False(t, s.Has(""))
		require.False(t, s.Has("~"))
	}
}

func TestTokensCanStopEarly(t *testing.T) {
	for name := range scope.Granted("a b c").Tokens() {
		require.Equal(t, "a", name)
		break
	}
}
