// Command gateway measures the gateway of examples/gateway as users run it, a process of its own under the load of wrk, beside a bare
// ReverseProxy, one that is tuned like it, and the least check of a JWT in front of each. What it prints is Markdown. It needs wrk and Linux.
//
//	go run -C internal/bench ./gateway               about seven minutes
//	go run -C internal/bench ./gateway -short        seconds: everything is exercised, no number is worth reading
//	go run -C internal/bench ./gateway -parts        instead: where the time goes, by gateways that do less and less
//	go run -C internal/bench ./gateway -memory 10m   instead: how much memory the gateway takes while more tokens come than it remembers
//
// All parts run on loopback, each proxy anew for each run, so that the same tokens are new to it each time. All are sent the same requests.
// A run with any answer but a good one fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/markdown"
)

// options are what the command line says.
type options struct {
	load

	rounds int
	alg    string
	short  bool
	parts  bool
	memory time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is main without the process. The arguments `role ...` are the command's own to its parts.
func run(ctx context.Context, args []string, stdout, progress io.Writer) error {
	if len(args) > 0 && args[0] == "role" {
		return play(ctx, args[1:])
	}
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	s, err := newStage(ctx, o.alg)
	if err != nil {
		return err
	}
	defer s.close()
	text, err := o.do(ctx, s, progress)
	if text != "" {
		_, printErr := io.WriteString(stdout, markdown.Machine()+text)
		err = errors.Join(err, printErr)
	}
	return err
}

func (o options) do(ctx context.Context, s *stage, progress io.Writer) (string, error) {
	if o.memory > 0 {
		n := crowded
		if o.short {
			n = fewCrowded
		}
		return remember(ctx, s, o.load, n)
	}
	compared, table := ways, comparison
	if o.parts {
		compared, table = parts, partition
	}
	samples, err := compare(ctx, s, compared, o.load, o.rounds, progress)
	if err != nil {
		return "", err
	}
	return table(samples, o.load, o.alg), nil
}

func parse(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.rounds, "rounds", 7, "how often each way is measured")
	flags.DurationVar(&o.lasting, "for", 5*time.Second, "how long a way is measured in each round, in whole seconds")
	flags.IntVar(&o.connections, "connections", 32, "connections that wrk keeps open")
	flags.IntVar(&o.threads, "threads", 1, "threads of wrk")
	flags.StringVar(&o.alg, "alg", "RS256", "RS256 or ES256, the signatures of the tokens; with -memory it is ES256")
	flags.BoolVar(&o.short, "short", false, "do everything once, in a few seconds")
	flags.BoolVar(&o.parts, "parts", false, "instead, tell where the time goes, by gateways that do less and less")
	flags.DurationVar(&o.memory, "memory", 0, "instead, watch the gateway's memory under load for so long, in whole seconds, at least 6s")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.rounds, o.lasting = 1, time.Second // the least that wrk can
	}
	if o.memory > 0 {
		o.lasting, o.alg = o.memory, "ES256"
	}
	return o, o.mistakes(flags.NArg())
}

func (o options) mistakes(rest int) error {
	var all []error
	refuse := func(bad bool, what string) {
		if bad {
			all = append(all, errors.New(what))
		}
	}
	refuse(rest > 0, "arguments are flags only")
	refuse(o.rounds < 1, "-rounds: at least 1")
	refuse(o.lasting < time.Second || o.lasting%time.Second != 0, "-for and -memory: whole seconds, at least 1s")
	refuse(o.parts && o.memory != 0, "-parts and -memory: one of them")
	refuse(o.memory != 0 && o.memory < 6*time.Second, "-memory: at least 6s")
	refuse(o.threads < 1 || o.connections < o.threads, "-threads, -connections: at least one thread, and a connection for each")
	refuse(o.alg != "RS256" && o.alg != "ES256", "-alg: RS256 or ES256")
	return errors.Join(all...)
}
