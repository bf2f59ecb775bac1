package quota_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// server is a redis-server of our own.
type server struct {
	addr string
	bin  string
	args []string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// startRedis starts a redis-server that forgets everything with its process, which ends with the test.
func startRedis(tb testing.TB, args ...string) *server {
	tb.Helper()
	dir := tb.TempDir()
	addr := freeAddress(tb)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(tb, err)
	return launch(tb, addr, dir, append([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir,
	}, args...))
}

func launch(tb testing.TB, addr, dir string, args []string) *server {
	tb.Helper()
	bin, err := exec.LookPath("redis-server")
	require.NoError(tb, err, "these tests need redis-server 7: apt-get install redis-server, as .ci/run does")
	s := &server{addr: addr, bin: bin, args: args, log: filepath.Join(dir, "log")}
	s.start(tb)
	tb.Cleanup(s.kill)
	return s
}

// start starts the process, on the same port every time.
func (s *server) start(tb testing.TB) {
	tb.Helper()
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(tb, err)
	defer out.Close()
	s.cmd, s.done = exec.Command(s.bin, s.args...), make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = out, out
	require.NoError(tb, s.cmd.Start())
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
	eventually(tb, func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "redis-server does not listen, see its log", s.logged)
	c := s.raw(tb)
	eventually(tb, func() bool { return c.Ping(context.Background()).Err() == nil }, "redis-server does not start, see its log", s.logged)
}

// kill ends the process without a farewell.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) logged() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// raw is a client for the test's own use: it heeds contexts and does not try again.
func (s *server) raw(tb testing.TB) *redis.Client {
	tb.Helper()
	return closed(tb, redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1}))
}

// closed closes c at the end of the test.
func closed[C io.Closer](tb testing.TB, c C) C {
	tb.Helper()
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return l.Addr().String()
}

// eventually asks until the condition holds, for as long as a loaded machine may need.
func eventually(tb testing.TB, holds func() bool, what string, more ...func() string) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			for _, m := range more {
				what += "\n" + m()
			}
			require.Fail(tb, what)
		}
	}
}
