package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/markdown"
)

const (
	crowded     = 300_000 // tokens: three times as many as the gateway remembers
	fewCrowded  = 1_000   // in a short run
	oftenPer    = 4       // after so many tokens in turn comes one of the often repeated
	often       = 100
	growthLimit = 1.25 // of the last window over the middle one
)

// A reading is the resident memory of the gateway at a time.
type reading struct {
	at    time.Duration // since wrk began
	bytes int64
}

// remember loads the gateway for l.lasting with n tokens in turn, more than it remembers, and some that come again all the time, and tells
// how its memory goes.
func remember(ctx context.Context, s *stage, l load, n int) (string, error) {
	tokens, err := s.mixture(ctx, n)
	if err != nil {
		return "", err
	}
	p, err := s.startGateway(ctx)
	if err != nil {
		return "", err
	}
	defer p.stop()
	if err := prove(ctx, p.address, s.warm[0], true); err != nil {
		return "", p.failed(err)
	}
	loading, over := context.WithCancel(ctx)
	defer over()
	loaded := make(chan error, 1)
	var c counted
	go func() { // ends with wrk, which ends with the context
		var err error
		c, err = l.wrk(loading, s.dir, p.address, tokens)
		loaded <- err
		over()
	}()
	readings, err := watch(loading, p.cmd.Process.Pid, window(l.lasting)/6)
	over() // what cannot be watched need not go on
	if err := errors.Join(err, <-loaded); err != nil {
		return "", p.failed(err)
	}
	text, err := growth(readings, l.lasting)
	return fmt.Sprintf("%s, %d tokens in turn, 1 request in %d with one of %d others. %d requests, %.0f a second, none of them failed.\n\n%s",
		s.alg, n, oftenPer+1, often, c.Requests, c.rate(), text), err
}

// mixture is the tokens in turn with the often repeated between them.
func (s *stage) mixture(ctx context.Context, n int) (supply, error) {
	many, err := mint(ctx, s.issuer, s.alg, n)
	if err != nil {
		return supply{}, err
	}
	few, err := mint(ctx, s.issuer, s.alg, often)
	if err != nil {
		return supply{}, err
	}
	var mixed []string
	for i, token := range many {
		mixed = append(mixed, token)
		if i%oftenPer == oftenPer-1 {
			mixed = append(mixed, few[i/oftenPer%often])
		}
	}
	file, err := write(s.dir, "mixture", mixed)
	return supply{file: file, again: true}, err
}

// window is what is compared with each other: a minute, or less of a run that is too short for it.
func window(lasting time.Duration) time.Duration { return min(time.Minute, lasting/6) }

// watch reads the memory at each step until ctx ends.
func watch(ctx context.Context, pid int, step time.Duration) ([]reading, error) {
	var readings []reading
	began := time.Now()
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return readings, nil
		case <-ticks.C:
		}
		bytes, err := resident(pid)
		if err != nil {
			return nil, err
		}
		readings = append(readings, reading{time.Since(began), bytes})
	}
}

// growth is a table of the readings and what the windows say: the first one, in which the gateway warms up, counts for nothing. It is an
// error when memory still grew in the second half.
func growth(readings []reading, lasting time.Duration) (string, error) {
	rows := markdown.Table{{"after", "resident"}}
	for _, r := range readings {
		rows = append(rows, []string{r.at.Round(100 * time.Millisecond).String(), megabytes(r.bytes)})
	}
	w := window(lasting)
	first, err := largest(readings, w, 2*w)
	if err != nil {
		return "", err
	}
	middle, err := largest(readings, (lasting-w)/2, (lasting+w)/2)
	if err != nil {
		return "", err
	}
	last, err := largest(readings, lasting-w, lasting+w)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s\nThe largest of %s: %s after a warm-up of as long, %s in the middle, %s at the end.\n", rows, w, megabytes(first), megabytes(middle), megabytes(last))
	if float64(last) > growthLimit*float64(middle) {
		return text, fmt.Errorf("memory grows: the last %s took %.2f times the middle", w, float64(last)/float64(middle))
	}
	return text, nil
}

// largest is the most of the readings after from and until to.
func largest(readings []reading, from, to time.Duration) (int64, error) {
	var within []int64
	for _, r := range readings {
		if r.at > from && r.at <= to {
			within = append(within, r.bytes)
		}
	}
	if len(within) == 0 {
		return 0, fmt.Errorf("no reading between %s and %s", from, to)
	}
	return slices.Max(within), nil
}
