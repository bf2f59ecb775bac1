// Command bench compares Perimeter with other Go libraries that verify access tokens, in one run, and shows how Perimeter's cost
// grows with the work. What it prints is Markdown.
//
//	go run -C internal/bench .          two to three minutes on two idle cores
//	go run -C internal/bench . -short   a few seconds: everything is exercised, no number is worth reading
//
// Read ratios, not times. Each cost is the minimum of the rounds, which are interleaved: every target runs for a millisecond in each
// round, with GOMAXPROCS=1 and GOGC=400. So short, some slots are undisturbed even on a busy machine. They are also free of the
// collection of garbage, so allocations stand beside.
// Package peers has one short file for each library. Command gateway, beside this one, measures the gateway as a process under wrk.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// size is how much is done in a run.
type size struct {
	rounds  int
	slot    time.Duration // of one target in one round
	calm    time.Duration // how long a rotated key is waited for
	flood   time.Duration
	outage  time.Duration
	contend time.Duration
	most    int // the largest tables of the section on growth
}

var (
	whole = size{
		rounds: 500, slot: time.Millisecond, calm: 6 * time.Second, flood: 20 * time.Second, outage: 5 * time.Second,
		contend: time.Second, most: 1_000_000,
	}
	short = size{
		rounds: 1, slot: 100 * time.Microsecond, calm: time.Second, flood: time.Second, outage: time.Second,
		contend: 50 * time.Millisecond, most: 100,
	}
)

func main() {
	quick := flag.Bool("short", false, "do everything once, in a few seconds")
	rounds := flag.Int("rounds", 0, "how often each cost is measured, at least 5 for numbers worth reading")
	flag.Parse()
	s := whole
	if *quick {
		s = short
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	report, err := run(ctx, s)
	stop()
	if err == nil {
		_, err = os.Stdout.WriteString(report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures everything, one section after the other.
func run(ctx context.Context, s size) (string, error) {
	began := time.Now()
	by, err := costs(ctx, s)
	if err != nil {
		return "", err
	}
	fates, err := faults(ctx, s)
	if err != nil {
		return "", err
	}
	sections := []string{
		circumstances(), summary(by, fates, s),
		coldTable(by), seenTable(by), middlewareTable(by), rotationTable(fates, s), outageTable(fates, s),
	}
	for _, more := range []func(context.Context, size) (string, error){growths, contentions} {
		text, err := more(ctx, s)
		if err != nil {
			return "", err
		}
		sections = append(sections, text)
	}
	return fmt.Sprintf("%s\n%d rounds, %.0f s in all.\n", strings.Join(sections, ""), s.rounds, time.Since(began).Seconds()), nil
}
