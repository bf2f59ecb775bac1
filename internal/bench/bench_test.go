package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
)

func TestAShortRunPrintsEverySectionAndEveryPeer(t *testing.T) {
	report, err := run(t.Context(), short)
	require.NoError(t, err)
	for _, heading := range []string{"In one table", "Cold", "Seen before", "Middleware", "Rotation and flood", "Outage", "Cost as the work grows", "Many at once", "Contention"} {
		require.Contains(t, report, "\n### "+heading+"\n")
	}
	for _, p := range peers.All() {
		require.Contains(t, report, "\n| "+p.Name+" ")
		for _, module := range p.Modules {
			require.True(t, strings.HasPrefix(p.Name, "Perimeter") || strings.Contains(report, module+" v"), "the version of %s is missing", module)
		}
	}
	require.NotContains(t, report, "NaN")
}

func TestATargetThatFailsEndsTheRun(t *testing.T) {
	failed := errors.New("refused")
	_, err := measure([]target{repeat("fine", func() error { return nil }), repeat("not", func() error { return failed })}, short)
	require.ErrorIs(t, err, failed)
}

func TestTheTargetsOfARoundTakeTurns(t *testing.T) {
	var calls []string
	noted := func(name string) target {
		return target{name, func(int) error {
			calls = append(calls, name)
			return nil
		}}
	}
	s := short
	s.rounds = 3
	_, err := measure([]target{noted("a"), noted("b")}, s)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "a", "b", "a", "b"}, calls[len(calls)-6:])
}

func TestACrowdDoesAllTheWorkOnce(t *testing.T) {
	for _, n := range []int{1, 5, 63, 64, 1000} {
		parts := make(chan int, 64)
		require.NoError(t, shared(target{"", func(part int) error {
			parts <- part
			return nil
		}}, 64).do(n))
		close(parts)
		sum := 0
		for part := range parts {
			sum += part
		}
		require.Equal(t, n, sum)
	}
}

func TestVerdict(t *testing.T) {
	sizes := []int{1, 10, 100, 1000}
	for _, tc := range []struct {
		name string
		ns   []float64
		want string
	}{
		{"the same at every size", []float64{100, 100, 100, 100}, "constant"},
		{"noise of a tenth", []float64{100, 110, 95, 108}, "constant"},
		{"cheaper with size", []float64{100, 90, 80, 70}, "constant"},
		{"a step for each power of ten", []float64{100, 200, 300, 400}, "logarithmic, 30 ns per doubling"},
		{"a part for each", []float64{101, 110, 200, 1100}, "linear, 1 ns per key"},
		{"a part for each, on a floor", []float64{5002, 5020, 5200, 7000}, "linear, 2 ns per key"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, verdict("key", sizes, tc.ns)) })
	}
}

func TestTheBareCheckChecks(t *testing.T) {
	b, err := newBench(t.Context())
	require.NoError(t, err)
	for _, alg := range algorithms {
		keys, err := b.issuer.PublicKeys(t.Context(), b.issuer.KeyID(alg), alg)
		require.NoError(t, err)
		good := b.tokens[alg][0]
		check, err := bareCheck(alg, good, keys[0])
		require.NoError(t, err)
		require.NoError(t, check())
		check, err = bareCheck(alg, b.tokens[alg][1][:strings.LastIndexByte(b.tokens[alg][1], '.')]+good[strings.LastIndexByte(good, '.'):], keys[0])
		require.NoError(t, err)
		require.Error(t, check(), alg)
	}
}

func TestThePaddedTokenHasItsSize(t *testing.T) {
	for _, n := range []int{256, 1024, 4096, 16 << 10} {
		require.InDelta(t, n-4, len(padded(n)), 4)
	}
}

func TestTheProfilesSeeWhatWaits(t *testing.T) {
	rows, err := waiting(nil, short)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	waited, err := time.ParseDuration(rows[1][4])
	require.NoError(t, err)
	require.Greater(t, waited, short.contend, "16 goroutines waited for fetches all the time")
}

func TestATableIsMarkdown(t *testing.T) {
	require.Equal(t, "| a  | µ |\n|----|---|\n| bc | d |\n", table{{"a", "µ"}, {"bc", "d"}}.String())
}
