package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/markdown"
)

// What the gateway wants to reach of the bare floor, with new tokens and with one that it remembers.
const (
	wantedNew   = 0.95
	wantedAgain = 0.92
)

const meaning = `wrk, the proxy and the backend share the processors, so requests/s tell of all three; the CPU time is the proxy's alone. Both are medians
of the rounds, and so are the ratios, which are made within each round. New tokens: none has been seen by the process. The least check
verifies signature, iss and exp by the standard library. Bare: a ReverseProxy as it comes, with the gateway's transport. Tuned: one with all of the
gateway's settings, the buffers for bodies included. Both, also behind the least check, pass the token on to the backend; the gateway, as it is
configured here, passes on who calls instead.
`

// comparison is the table, and how near the gateway comes to the floors.
func comparison(samples [][]sample, l load, alg string) string {
	rows := markdown.Table{{
		"way", "requests/s", "best", "/ bare", "/ tuned", "p50", "p99", "CPU a request", "/ bare", "/ tuned", "resident",
	}}
	for i, w := range ways {
		rows = append(rows, []string{
			w.name,
			fmt.Sprintf("%.0f", median(each(samples[i], byRate))), fmt.Sprintf("%.0f", slices.Max(each(samples[i], byRate))),
			two(over(samples[i], samples[bare], byRate)), two(over(samples[i], samples[tuned], byRate)),
			short(median(each(samples[i], func(s sample) float64 { return float64(s.p50) }))),
			short(median(each(samples[i], func(s sample) float64 { return float64(s.p99) }))),
			short(median(each(samples[i], byCPU))), two(over(samples[i], samples[bare], byCPU)), two(over(samples[i], samples[tuned], byCPU)),
			megabytes(int64(median(each(samples[i], func(s sample) float64 { return float64(s.resident) })))),
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", l.title(alg, len(samples[bare])), meaning, rows)
	b.WriteString(target("gateway over the least check of a bare proxy, new tokens", samples[gatewayNew], samples[leastNew], wantedNew))
	b.WriteString(target("gateway over a bare proxy, one token", samples[gatewayAgain], samples[bare], wantedAgain))
	b.WriteString(target("gateway over the least check of a tuned proxy, new tokens", samples[gatewayNew], samples[tunedNew], wantedNew))
	b.WriteString(target("gateway over a tuned proxy, one token", samples[gatewayAgain], samples[tuned], wantedAgain))
	return b.String()
}

func (l load) title(alg string, rounds int) string {
	return fmt.Sprintf("%s. wrk with %d connections and threads: %d. Rounds: %d, of %s.\n", alg, l.connections, l.threads, rounds, l.lasting)
}

// target is one line: by CPU time, the floor's is divided by the gateway's, so that more is better in both.
func target(name string, of, floor []sample, wanted float64) string {
	return fmt.Sprintf("- %s: %.3f by requests/s, %.3f by CPU time (inverted); wanted: %.2f\n", name, over(of, floor, byRate), over(floor, of, byCPU), wanted)
}

func byRate(s sample) float64 { return s.rate }
func byCPU(s sample) float64  { return float64(s.cpu) }

// over is the median of the ratios of the rounds.
func over(of, floor []sample, by func(sample) float64) float64 {
	ratios := make([]float64, len(of))
	for i := range of {
		ratios[i] = by(of[i]) / by(floor[i])
	}
	return median(ratios)
}

func each(samples []sample, by func(sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = by(s)
	}
	return values
}

// median is the mean of the two in the middle when there is none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func two(v float64) string { return fmt.Sprintf("%.2f", v) }

// short is a time in nanoseconds as a person says it.
func short(ns float64) string {
	if ns < float64(time.Millisecond) {
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
