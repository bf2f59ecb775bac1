package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"sync"
	"time"
)

const startTimeout = 20 * time.Second

// A process is one part of what is measured. It is killed by stop, and when the context ends under which it was started.
type process struct {
	cmd     *exec.Cmd
	address string // where it listens
	log     *log
	done    chan struct{} // closed when it has ended
}

// start runs a program and waits until it has logged where it listens.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{
		cmd: exec.CommandContext(ctx, program, args...), //nolint:gosec // programs of the stage alone
		log: &log{found: make(chan string, 1)}, done: make(chan struct{}),
	}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // it is killed, or its log says why it ended
		close(p.done)
	}()
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case p.address = <-p.log.found:
		return p, nil
	case <-p.done:
		return nil, errors.Join(p.failed(errors.New("ended before it listened")), ctx.Err())
	case <-timeout.C:
		p.stop()
		return nil, p.failed(errors.New("does not listen"))
	}
}

// stop kills the process and waits until it is gone.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// failed adds what the process has logged to an error about it.
func (p *process) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; the log of %v:\n%s", err, p.cmd.Args, p.log)
}

// A log keeps the beginning of what a process writes, and finds where it says that it listens.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	told  bool
	found chan string
}

const keptLog = 4 << 10

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p[:min(len(p), max(0, keptLog-l.text.Len()))])
	if whole := l.text.Bytes()[:bytes.LastIndexByte(l.text.Bytes(), '\n')+1]; !l.told {
		if m := listening.FindSubmatch(whole); m != nil {
			l.told = true
			l.found <- string(m[1])
		}
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
