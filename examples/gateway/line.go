package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A line is the connection of a client, and the context of what it carries. One of HTTP/1 carries one exchange at a time, and none after one that
// was cut: what cuts the exchange ends the context of the line, and no request needs one of its own that can be ended. Nor does it
// need one to be found by.
type line struct {
	context.Context //nolint:containedctx // it is a context

	cancel   context.CancelCauseFunc
	exchange *exchange // of HTTP/1, under way; for the goroutine of its handler
	hijacked atomic.Bool
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

// lineOf returns nil for a request that came by no server of this program, such as one that a test makes up, and for one of HTTP/2.
func lineOf(r *http.Request) *line {
	if r.ProtoMajor != 1 {
		return nil
	}
	l, _ := r.Context().Value(lineKey{}).(*line)
	return l
}

// release ends the context of a line that its handler has taken over from the server, now that the handler is done. A server lets go of the
// others when they close.
func (l *line) release() {
	if l != nil && l.hijacked.Load() {
		l.cancel(nil)
	}
}

// openLines are those that a server has. They end with the context that it gives them, and with their connection.
type openLines struct{ open sync.Map } // *line by net.Conn

// begin is a server's ConnContext.
func (all *openLines) begin(ctx context.Context, c net.Conn) context.Context {
	l := &line{}
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
	case state == http.StateHijacked:
		l.(*line).hijacked.Store(true)
	default:
		l.(*line).cancel(nil)
	}
}
