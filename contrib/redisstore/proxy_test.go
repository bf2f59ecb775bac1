package redisstore_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a gateway and Redis, and is the network at its worst. What it holds up it delivers later, as TCP does.
type proxy struct {
	addr   string
	target string
	ln     net.Listener

	mu     sync.Mutex
	change *sync.Cond
	weather
	conns map[net.Conn]struct{}
	sent  []byte // all that gateways have sent
	over  bool
}

type weather struct {
	delay time.Duration // of all that goes to Redis
	hang  bool          // nothing goes to Redis
	reset bool          // connections are reset, new ones too
}

func startProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{addr: ln.Addr().String(), target: target, ln: ln, conns: map[net.Conn]struct{}{}}
	p.change = sync.NewCond(&p.mu)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(c.(*net.TCPConn)) })
		}
	})
	tb.Cleanup(func() {
		ln.Close()
		p.set(func(p *proxy) { p.over = true; p.closeAll() })
		serving.Wait()
	})
	return p
}

func (p *proxy) serve(in *net.TCPConn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = in.SetLinger(0)
		return
	}
	defer out.Close()
	if !p.enter(in, out) {
		_ = in.SetLinger(0)
		return
	}
	defer p.set(func(p *proxy) { delete(p.conns, in); delete(p.conns, out) })
	var replies sync.WaitGroup
	replies.Go(func() { _, _ = io.Copy(in, out); in.Close() })
	defer replies.Wait()
	defer out.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 && p.pass(buf[:n]) {
			_, _ = out.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) enter(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.reset {
		return false
	}
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return true
}

// pass waits as the weather demands. It is false when there is no point in going on.
func (p *proxy) pass(data []byte) bool {
	p.mu.Lock()
	p.sent = append(p.sent, data...)
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hang && !p.over {
		p.change.Wait()
	}
	return !p.over
}

func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
	p.change.Broadcast()
}

// turn changes the weather.
func (p *proxy) turn(w weather) {
	p.set(func(p *proxy) {
		p.weather = w
		if w.reset {
			p.closeAll()
		}
	})
}

func (p *proxy) closeAll() {
	for c := range p.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

func (p *proxy) seen() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}
