package scope_test

import (
	"slices"
	"testing"

	"github.com/perimeter-go/perimeter/scope"
)

var benchGranted = []string{
	"openid", "profile", "email", "offline_access", "orders:read", "orders:write", "invoices:read", "users:read",
}

// BenchmarkSatisfiedBy stands beside its floors, a map look-up and a walk over a slice, for each of the names that are asked
// for: read it as a ratio.
func BenchmarkSatisfiedBy(b *testing.B) {
	set := scope.GrantedList(benchGranted)
	index := map[string]struct{}{}
	for _, name := range benchGranted {
		index[name] = struct{}{}
	}
	for _, c := range []struct {
		name  string
		names []string
	}{
		{"one name", []string{"orders:read"}},
		{"three names", []string{"orders:read", "users:read", "profile"}},
	} {
		r := scope.All(c.names[0], c.names[1:]...)
		benchmark(b, c.name+"/floor: map", func() bool {
			for _, name := range c.names {
				if _, ok := index[name]; !ok {
					return false
				}
			}
			return true
		})
		benchmark(b, c.name+"/floor: slice", func() bool {
			for _, name := range c.names {
				if !slices.Contains(benchGranted, name) {
					return false
				}
			}
			return true
		})
		benchmark(b, c.name+"/exact", func() bool { return r.SatisfiedBy(set) })
	}
}

// BenchmarkMatchers asks for what only a matcher finds; the floor is a walk over the slice that calls a function for each.
func BenchmarkMatchers(b *testing.B) {
	granted := append([]string{"orders", "users:*"}, benchGranted...)
	set := scope.GrantedList(granted)
	never := func(_, _ string) bool { return false }
	benchmark(b, "floor: a call for each", func() bool {
		for _, name := range granted {
			if never(name, "users:write") {
				return false
			}
		}
		return true
	})
	hierarchical := scope.All("orders:delete").Using(scope.Hierarchical(":"))
	benchmark(b, "hierarchical", func() bool { return hierarchical.SatisfiedBy(set) })
	wildcard := scope.All("users:write").Using(scope.Wildcard(":"))
	benchmark(b, "wildcard", func() bool { return wildcard.SatisfiedBy(set) })
	m, err := scope.Implied(map[string][]string{"users:read": {"users:list"}})
	if err != nil {
		b.Fatal(err)
	}
	implied := scope.All("users:list").Using(m)
	benchmark(b, "implied", func() bool { return implied.SatisfiedBy(set) })
}

func BenchmarkGranted(b *testing.B) {
	const claim = "openid profile email offline_access orders:read orders:write invoices:read users:read"
	benchmark(b, "eight names", func() bool { return scope.Granted(claim).Len() == len(benchGranted) })
}

func benchmark(b *testing.B, name string, f func() bool) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !f() {
				b.Fatal("must be met")
			}
		}
	})
}
