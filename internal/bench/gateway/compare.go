package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A way is one of the things compared: a proxy, and whether it has seen the tokens before.
type way struct {
	name  string
	start starter
	fresh bool // each token is new to the process
	open  bool // it checks nothing
}

// The ways, in the order of the table.
const (
	bare = iota
	tuned
	leastNew
	tunedNew
	leastAgain
	gatewayNew
	gatewayAgain
)

var ways = []way{
	bare:         {name: "bare ReverseProxy", start: proxies("bare"), open: true},
	tuned:        {name: "tuned ReverseProxy", start: proxies("tuned"), open: true},
	leastNew:     {name: "least check, bare, new tokens", start: checks("bare"), fresh: true},
	tunedNew:     {name: "least check, tuned, new tokens", start: checks("tuned"), fresh: true},
	leastAgain:   {name: "least check, tuned, one token", start: checks("tuned")},
	gatewayNew:   {name: "gateway, new tokens", start: (*stage).startGateway, fresh: true},
	gatewayAgain: {name: "gateway, one token", start: (*stage).startGateway},
}

// A sample is one way in one round.
type sample struct {
	rate     float64 // requests in a second
	p50, p99 time.Duration
	cpu      time.Duration // of the proxy, a request
	resident int64         // bytes of the proxy at the end
}

// compare measures all ways in each round, and begins each round with another one. The result is by way, then by round.
func compare(ctx context.Context, s *stage, ways []way, l load, rounds int, progress io.Writer) ([][]sample, error) {
	again, fresh, err := s.supplies(ctx, l)
	if err != nil {
		return nil, err
	}
	samples := make([][]sample, len(ways))
	for round := range rounds {
		for i := range ways {
			at := (round + i) % len(ways)
			supply := again
			if ways[at].fresh {
				supply = fresh
			}
			got, err := s.measure(ctx, ways[at], l, supply)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[at].name, err)
			}
			samples[at] = append(samples[at], got)
		}
		_, _ = fmt.Fprintf(progress, "round %d of %d\n", round+1, rounds)
	}
	return samples, nil
}

// supplies makes one token to repeat, and as many new ones as no run uses up: twice what the least check takes of one that is repeated,
// which it checks each time. Of three trials the best counts, since a busy machine only slows them.
func (s *stage) supplies(ctx context.Context, l load) (again, fresh supply, err error) {
	if again.file, err = write(s.dir, "again", []string{s.issuer.Token(s.alg, outlasting)}); err != nil {
		return again, fresh, err
	}
	again.again = true
	trial := l
	trial.lasting = time.Second
	best := 0.0
	for range 3 {
		got, err := s.measure(ctx, ways[leastAgain], trial, again)
		if err != nil {
			return again, fresh, err
		}
		best = max(best, got.rate)
	}
	tokens, err := mint(ctx, s.issuer, s.alg, int(2*best*l.lasting.Seconds()))
	if err != nil {
		return again, fresh, err
	}
	fresh.file, err = write(s.dir, "fresh", tokens)
	return again, fresh, err
}

// measure starts a process of its own for each run, so that it has seen no token before but those of the warm-up.
func (s *stage) measure(ctx context.Context, w way, l load, tokens supply) (sample, error) {
	p, err := w.start(s, ctx)
	if err != nil {
		return sample{}, err
	}
	defer p.stop()
	got, err := s.run(ctx, p, w, l, tokens)
	return got, p.failed(err)
}

func (s *stage) run(ctx context.Context, p *process, w way, l load, tokens supply) (sample, error) {
	if err := prove(ctx, p.address, s.warm[0], !w.open); err != nil {
		return sample{}, err
	}
	if err := heat(ctx, p.address, s.warm); err != nil {
		return sample{}, err
	}
	before, err := cpuTime(p.cmd.Process.Pid)
	if err != nil {
		return sample{}, err
	}
	c, err := l.wrk(ctx, s.dir, p.address, tokens)
	if err != nil {
		return sample{}, err
	}
	after, err := cpuTime(p.cmd.Process.Pid)
	if err != nil {
		return sample{}, err
	}
	held, err := resident(p.cmd.Process.Pid)
	return sample{
		rate: c.rate(), p50: time.Duration(c.P50) * time.Microsecond, p99: time.Duration(c.P99) * time.Microsecond,
		cpu: (after - before) / time.Duration(c.Requests), resident: held,
	}, err
}
