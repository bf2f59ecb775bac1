package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rounds is a way that had these rates, and the same time of the processor each time.
func rounds(cpu time.Duration, rates ...float64) []sample {
	var all []sample
	for _, rate := range rates {
		all = append(all, sample{rate: rate, cpu: cpu, p50: 2 * time.Millisecond, p99: 9 * time.Millisecond, resident: 17 << 20})
	}
	return all
}

func TestTheTableAndTheTargets(t *testing.T) {
	text := comparison([][]sample{
		bare:         rounds(50*time.Microsecond, 1000, 2000, 3000),
		tuned:        rounds(40*time.Microsecond, 1250, 2500, 3750),
		leastNew:     rounds(100*time.Microsecond, 500, 1000, 1500),
		tunedNew:     rounds(80*time.Microsecond, 1000, 2000, 3000),
		leastAgain:   rounds(100*time.Microsecond, 500, 1000, 1500),
		gatewayNew:   rounds(125*time.Microsecond, 400, 900, 1500),
		gatewayAgain: rounds(80*time.Microsecond, 700, 1800, 2400),
	}, load{threads: 1, connections: 32, lasting: 5 * time.Second}, "RS256")
	for _, want := range []string{
		"RS256. wrk with 32 connections and threads: 1. Rounds: 3, of 5s.\n",
		"\n| bare ReverseProxy              | 2000       | 3000 | 1.00   | 0.80    | 2.00 ms | 9.00 ms | 50.0 µs       | 1.00   | 1.25    | 17.0 MiB |\n",
		"\n| gateway, new tokens            | 900        | 1500 | 0.45   | 0.36    | 2.00 ms | 9.00 ms | 125.0 µs      | 2.50   | 3.12    | 17.0 MiB |\n",
		"\n| gateway, one token             | 1800       | 2400 | 0.80   | 0.64    | 2.00 ms |",
		"\n- gateway over the least check of a bare proxy, new tokens: 0.900 by requests/s, 0.800 by CPU time (inverted); wanted: 0.95\n",
		"\n- gateway over a bare proxy, one token: 0.800 by requests/s, 0.625 by CPU time (inverted); wanted: 0.92\n",
		"\n- gateway over the least check of a tuned proxy, new tokens: 0.450 by requests/s, 0.640 by CPU time (inverted); wanted: 0.95\n",
		"\n- gateway over a tuned proxy, one token: 0.640 by requests/s, 0.500 by CPU time (inverted); wanted: 0.92\n",
	} {
		require.Contains(t, text, want)
	}
}

func TestTheTableOfTheParts(t *testing.T) {
	samples := make([][]sample, len(parts))
	for i := range samples {
		samples[i] = rounds(50*time.Microsecond, 1000, 2000, 3000)
	}
	samples[partLeastNew] = rounds(100*time.Microsecond, 500, 1000, 1500)
	samples[partWhole] = rounds(60*time.Microsecond, 900, 1800, 2700)
	samples[partWholeNew] = rounds(125*time.Microsecond, 400, 900, 1500)
	text := partition(samples, load{threads: 1, connections: 32, lasting: time.Second}, "RS256")
	for _, want := range []string{
		"RS256. wrk with 32 connections and threads: 1. Rounds: 3, of 1s.\n",
		"\n| and the backend told who calls | 1800       | 0.900   |              | 60.0 µs       | 10.0 µs      |                   |\n",
		"\n| and the backend told who calls | 900        | 0.450   | 0.900        | 125.0 µs      | 75.0 µs      | 25.0 µs           |\n",
	} {
		require.Contains(t, text, want)
	}
}

func TestARatioIsOfOneRound(t *testing.T) {
	// The machine was slow in one round: the ratio of the medians would be 0.5.
	require.InDelta(t, 1, over(rounds(1, 100, 100, 1000), rounds(1, 100, 200, 1000), byRate), 0)
}

func TestTheMedianOfAnEvenNumber(t *testing.T) {
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
}
