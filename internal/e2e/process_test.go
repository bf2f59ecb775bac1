package e2e_test

import (
	"bytes"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const startLimit = 30 * time.Second // for a program to say that it is there, on a busy machine

// A process is a program that a test started. It is killed when the test ends, and by the kernel should the test die first.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *log
	ended chan struct{} // closed when it is gone
}

// start runs cmd. What it writes goes to the process's log, but for a Stdout that the caller has set.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, log: &log{}, ended: make(chan struct{})}
	cmd.Stderr = p.log
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	dieWithParent(cmd)
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait() // killed: there is no other end
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of what %s wrote:\n%s", cmd.Path, p.log.tail(4000))
		}
	})
	return p
}

// kill ends the process without a warning and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.ended
}

// waitForLog returns the submatches of the first line that matches.
func (p *process) waitForLog(line *regexp.Regexp) (found []string) {
	p.t.Helper()
	within(p.t, startLimit, "a log line "+line.String(), func() bool {
		p.requireAlive()
		found = line.FindStringSubmatch(p.log.tail(-1))
		return found != nil
	})
	return found
}

func (p *process) requireAlive() {
	p.t.Helper()
	select {
	case <-p.ended:
		require.FailNow(p.t, "the process has ended", "%s:\n%s", p.cmd.Path, p.log.tail(4000))
	default:
	}
}

// within asks again until ok is true, and returns how long that took. It fails after limit.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		asked := time.Since(began)
		if ok() {
			return time.Since(began)
		}
		require.LessOrEqual(t, asked, limit, "no %s", what)
	}
}

// A log keeps what a program writes.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// tail is the last n bytes, all of them if n is negative.
func (l *log) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.text.Bytes()
	if n >= 0 && len(b) > n {
		b = b[len(b)-n:]
	}
	return string(b)
}

// ownPort is a free port below those that the system gives to outgoing connections (RFC 6056, and 32768 on Linux): while an issuer
// is down, no client of anybody's may come to sit on its port.
func ownPort(t *testing.T) string {
	t.Helper()
	for port := 20000 + time.Now().Nanosecond()/1000%10000; port < 32768; port++ {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			require.NoError(t, ln.Close())
			return strconv.Itoa(port)
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

// client talks to everything in these tests. It follows no redirect and keeps enough connections for the load.
var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 200, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       startLimit,
}
