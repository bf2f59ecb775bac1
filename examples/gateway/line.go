package main

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// A line is the connection of a client, and the context of what it carries. One of HTTP/1 carries one exchange at a time, and none after one that
// was cut. So what cuts the exchange ends the context of the line, and finds it by the line: no request needs a context of its own for either.
//
// The fields below the context are for the goroutine that serves the line, which on HTTP/1 is that of its handlers.
type line struct {
	context.Context //nolint:containedctx // it is a context

	conn     net.Conn
	cancel   context.CancelCauseFunc
	exchange *exchange // under way
	forwards bool      // the request is one for a backend, whose answer leaves nothing for the server to send
	answer   *prompt   // to the request that is being forwarded, or nil
	taken    bool      // a handler has taken the line from the server
}

type lineKey struct{}

// Value finds the line itself, the exchange on it, and everything else where it was.
func (l *line) Value(key any) any {
	switch key.(type) {
	case lineKey:
		return l
	case exchangeKey:
		return l.exchange
	}
	return l.Context.Value(key)
}

// lineOf returns nil for a request that came by no server of this program, such as one that a test makes up, and for one of HTTP/2, whose lines carry
// several exchanges at a time.
func lineOf(r *http.Request) *line {
	if r.ProtoMajor != 1 {
		return nil
	}
	l, _ := r.Context().Value(lineKey{}).(*line)
	return l
}

// release ends the forwarding of a request, and the context of a line that was taken from the server, which lets go of the others itself: what
// forwards defers it.
func (l *line) release() {
	l.answer = nil
	if l.taken {
		l.cancel(nil)
	}
}

// reset ends the connection in a way that is an error to the client, also by TLS, whose own end would come too late for that.
func (l *line) reset() {
	c := l.conn
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	if c, ok := c.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
		_ = c.Close() // as the server does again
	}
}

// openLines are the lines of a server. Each ends with the server, with its connection, or with the handler that has taken it.
type openLines struct{ open sync.Map } // *line by net.Conn

// begin is a server's ConnContext.
func (all *openLines) begin(ctx context.Context, c net.Conn) context.Context {
	l := &line{conn: c}
	l.Context, l.cancel = context.WithCancelCause(ctx)
	all.open.Store(c, l)
	return l
}

// changed is a server's ConnState.
func (all *openLines) changed(c net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	l, ok := all.open.LoadAndDelete(c)
	switch {
	case !ok:
	case state == http.StateHijacked: // the handler is doing it
		l.(*line).taken = true
	default:
		l.(*line).cancel(nil)
	}
}
