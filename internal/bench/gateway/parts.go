package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/perimeter-go/perimeter/internal/bench/markdown"
)

// The ways of -parts, in the order of their table: after each floor, gateways that do more and more.
const (
	partTuned = iota
	partPublic
	partChecked
	partEnded
	partWhole
	partLeastNew
	partCheckedNew
	partEndedNew
	partWholeNew
)

var parts = []way{
	partTuned:      {name: "tuned ReverseProxy", start: proxies("tuned"), open: true},
	partPublic:     {name: "gateway, a public route", start: gatewayWith(public), open: true},
	partChecked:    {name: "a known token checked", start: gatewayWith(unnamed, endless)},
	partEnded:      {name: "and ended with its identity", start: gatewayWith(unnamed)},
	partWhole:      {name: "and the backend told who calls", start: gatewayWith()},
	partLeastNew:   {name: "least check, tuned, new tokens", start: checks("tuned"), fresh: true},
	partCheckedNew: {name: "gateway, new tokens checked", start: gatewayWith(unnamed, endless), fresh: true},
	partEndedNew:   {name: "and ended with their identity", start: gatewayWith(unnamed), fresh: true},
	partWholeNew:   {name: "and the backend told who calls", start: gatewayWith(), fresh: true},
}

func gatewayWith(settings ...setting) starter {
	return func(s *stage, ctx context.Context) (*process, error) { return s.startGatewayWith(ctx, settings...) }
}

// public asks for nothing, so that there is no identity to tell of or to end with.
func public(config map[string]any) {
	config["routes"] = []any{map[string]any{"pattern": "GET /orders/{id}", "public": true}}
}

// unnamed tells the backend nothing about who calls.
func unnamed(config map[string]any) { delete(config, "identity_headers") }

// endless lets an exchange go on when the identity behind it has expired.
func endless(config map[string]any) { config["stream_past_expiry"] = true }

const partsMeaning = `The tuned proxy has all of the gateway's settings. Each gateway does what the one above does, and more; the last of each kind is the one that is
compared without -parts. Requests/s tell of wrk, the proxy and the backend together. The CPU time is the proxy's alone; what the backend is told also
costs the backend, which has to read it. Both are medians of the rounds, as are the ratios and the differences, which are made within each round.
`

// partition is the table of the parts.
func partition(samples [][]sample, l load, alg string) string {
	rows := markdown.Table{{"way", "requests/s", "/ tuned", "/ least, new", "CPU a request", "beyond tuned", "beyond least, new"}}
	for i, w := range parts {
		overLeast, beyondLeast := "", ""
		if w.fresh {
			overLeast, beyondLeast = three(over(samples[i], samples[partLeastNew], byRate)), short(beyond(samples[i], samples[partLeastNew], byCPU))
		}
		rows = append(rows, []string{
			w.name,
			fmt.Sprintf("%.0f", median(each(samples[i], byRate))), three(over(samples[i], samples[partTuned], byRate)), overLeast,
			short(median(each(samples[i], byCPU))), short(beyond(samples[i], samples[partTuned], byCPU)), beyondLeast,
		})
	}
	return strings.Join([]string{l.title(alg, len(samples[partTuned])), partsMeaning, rows.String()}, "\n")
}

// beyond is the median of the differences of the rounds.
func beyond(of, floor []sample, by func(sample) float64) float64 {
	differences := make([]float64, len(of))
	for i := range of {
		differences[i] = by(of[i]) - by(floor[i])
	}
	return median(differences)
}

func three(v float64) string { return fmt.Sprintf("%.3f", v) }
