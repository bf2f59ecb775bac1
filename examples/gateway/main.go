// Command gateway is a reverse proxy that lets through what Perimeter admits.
//
//	gateway -config FILE          serve what the file describes
//	gateway -config FILE -check   say what is wrong with it, and exit
//	gateway                       serve a demonstration with an issuer and a backend of its own
//
// It exits with status 0 after a signal has drained it, with 1 if it could not serve, and with 2 if the command line or the
// configuration is wrong. Addresses and events are logged to standard error; no credential ever is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const (
	exitServed = iota
	exitFailed
	exitMisused
)

func main() {
	stdlog.SetOutput(io.Discard)           // only net/http's client writes there, and quotes what a backend has sent
	redis.SetLogger(&logging.VoidLogger{}) // it writes a line for each failure; what matters is logged where it is used
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		<-ctx.Done()
		stop() // a second signal does not wait for the drain
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: what it prints goes to the two writers, and it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "configuration file (JSON); without it, a demonstration is served")
	check := flags.Bool("check", false, "check the configuration and exit")
	demo := flags.String("listen", "127.0.0.1:8080", "address of the demonstration")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitServed
	} else if err != nil {
		return exitMisused
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if flags.NArg() > 0 || (*file == "" && (*check || given["config"])) || (*file != "" && given["listen"]) {
		flags.Usage()
		return exitMisused
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if *file == "" {
		return status(log, serveDemo(ctx, *demo, stdout, log))
	}
	c, err := loadConfig(*file)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return exitMisused
	}
	if *check {
		_, _ = fmt.Fprintln(stdout, "the configuration is good")
		return exitServed
	}
	return status(log, serveConfig(ctx, *file, c, log))
}

func serveConfig(ctx context.Context, file string, c *config, log *slog.Logger) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	defer signal.Stop(asked)
	g, err := build(c, log)
	if err != nil {
		return err
	}
	defer func() { _ = g.close() }() // nothing is lost with it
	s := &server{gateway: g, log: log, drainFor: drainTimeout, restFor: restTimeout}
	s.file, s.config, s.asked = file, c, asked
	return s.serve(ctx, c.listen, c.adminListen)
}

func status(log *slog.Logger, err error) int {
	if err != nil {
		log.Error("not served", "error", err.Error())
		return exitFailed
	}
	return exitServed
}
