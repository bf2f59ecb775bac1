package scope_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
)

// A rule pairs a matcher with the oracle that says the same in another way.
type rule struct{ oracle, matcher scope.Matcher }

var rules = []rule{
	{func(granted, wanted string) bool { return granted == wanted }, scope.Exact},
	{hierarchicalOracle, scope.Hierarchical(":")},
	{wildcardOracle, scope.Wildcard(":")},
}

// An expression is a requirement as one would write it down on paper.
type expression struct {
	any   bool
	names []string
	parts []expression
	rule  *rule // nil: that of the expression around it
}

// met counts what is met and decides in the end: no shortcut, no look-up.
func (e expression) met(granted []string, around *rule) bool {
	r := around
	if e.rule != nil {
		r = e.rule
	}
	met := 0
	for _, name := range e.names {
		n := 0
		for _, g := range granted {
			if r.oracle(g, name) {
				n = 1
			}
		}
		met += n
	}
	for _, p := range e.parts {
		if p.met(granted, r) {
			met++
		}
	}
	if e.any {
		return met > 0
	}
	return met == len(e.names)+len(e.parts)
}

func (e expression) requirement() scope.Requirement {
	var r scope.Requirement
	if len(e.names) > 0 {
		r = scope.All(e.names[0], e.names[1:]...)
		if e.any {
			r = scope.Any(e.names[0], e.names[1:]...)
		}
	} else {
		var parts []scope.Requirement
		for _, p := range e.parts {
			parts = append(parts, p.requirement())
		}
		r = scope.AllOf(parts[0], parts[1:]...)
		if e.any {
			r = scope.AnyOf(parts[0], parts[1:]...)
		}
	}
	if e.rule != nil {
		r = r.Using(e.rule.matcher)
	}
	return r
}

func randomExpression(rng *rand.Rand, depth int) expression {
	e := expression{any: rng.IntN(2) == 0}
	if rng.IntN(3) == 0 {
		e.rule = &rules[rng.IntN(len(rules))]
	}
	for range 1 + rng.IntN(3) {
		if depth == 0 {
			e.names = append(e.names, randomName(rng))
		} else {
			e.parts = append(e.parts, randomExpression(rng, rng.IntN(depth)))
		}
	}
	return e
}

func TestSatisfiedByAgreesWithANaiveReader(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	verdicts := map[bool]int{}
	for range 30_000 {
		e := randomExpression(rng, rng.IntN(4))
		var granted []string
		for range rng.IntN(8) {
			granted = append(granted, randomName(rng))
		}
		r, want := e.requirement(), e.met(granted, &rules[0])
		require.NoError(t, r.Err())
		require.Equal(t, want, r.SatisfiedBy(scope.GrantedList(granted)), "%v, granted %q", r, granted)
		verdicts[want]++
	}
	require.Greater(t, verdicts[true], 3000, "both verdicts must be common enough to prove something")
	require.Greater(t, verdicts[false], 3000, "both verdicts must be common enough to prove something")
}

func TestWhatAChallengeAsksForIsEnough(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		e := randomExpression(rng, rng.IntN(4))
		r := e.requirement()
		asked, err := scope.Parse(r.Challenge())
		require.NoError(t, err, "%v", r)
		require.True(t, r.SatisfiedBy(asked), "%v asks for %q", r, asked)
		require.True(t, e.met(strings.Fields(r.Challenge()), &rules[0]), "%v asks for %q", r, asked)
		require.Equal(t, asked.Len(), strings.Count(r.Challenge(), " ")+1, "%q names something twice", r.Challenge())

		exact := withoutRules(e).requirement()
		require.Equal(t, r.Challenge(), exact.Challenge(), "a matcher changes nothing")
		require.True(t, exact.SatisfiedBy(asked), "%v asks for %q", exact, asked)
	}
}

func withoutRules(e expression) expression {
	e.rule = nil
	parts := make([]expression, len(e.parts))
	for i, p := range e.parts {
		parts[i] = withoutRules(p)
	}
	e.parts = parts
	return e
}

func TestMoreGrantsNeverMeetLess(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	met := 0
	for range 10_000 {
		r := randomExpression(rng, rng.IntN(3)).requirement()
		a := scope.GrantedList([]string{randomName(rng), randomName(rng), randomName(rng)})
		b := scope.GrantedList([]string{randomName(rng), randomName(rng)})
		if r.SatisfiedBy(a) {
			met++
			require.True(t, r.SatisfiedBy(a.Union(b)), "%v: %q is enough, %q is not", r, a, a.Union(b))
		}
	}
	require.Greater(t, met, 500)
}
