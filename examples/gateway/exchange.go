package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// lastWords is how long a client may take to read that its identity has expired.
const lastWords = time.Second

// errExpired is the cause with which an exchange ends when the identity behind it has expired.
var errExpired = errors.New("the identity behind this exchange has expired")

// An exchange ends a proxied request when the identity behind it expires, whatever it is doing then: waiting for the
// backend, waiting for a client that neither reads nor writes, or carrying an upgraded connection. It does so by the context of its line. On
// HTTP/2, and where there is no line, it is the request's own context.
//
// A stream (server-sent events, an answer of unknown length, an upgraded connection) ends at the expiry itself. Any other
// exchange may finish within the issuer's leeway, that is, until the credential would be refused if it came again; so does
// a stream that was admitted within the leeway.
type exchange struct {
	context.Context //nolint:containedctx // it is a context

	line    *line // nil: none
	cancel  context.CancelCauseFunc
	expiry  time.Time
	control http.ResponseController
	watch   *watch
	waiting waiting // for its end

	mu    sync.Mutex
	began bool // the answer is on its way: a status can no longer be sent
	cut   bool
	over  bool
}

type exchangeKey struct{}

// Value finds the exchange itself, and everything else where it was.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// beginExchange returns r with a context that ends with the identity: that of its line, or one of its own if that is nil. The caller defers end.
func beginExchange(w http.ResponseWriter, r *http.Request, on *line, by *watch, expiry time.Time, leeway time.Duration) (*exchange, *http.Request) {
	x := &exchange{Context: r.Context(), line: on, expiry: expiry, control: *http.NewResponseController(w), watch: by}
	if x.line != nil {
		x.line.exchange, x.cancel = x, x.line.cancel
	} else {
		x.Context, x.cancel = context.WithCancelCause(r.Context())
		r = r.WithContext(x)
	}
	by.add(x, expiry.Add(leeway))
	return x, r
}

// exchangeOf returns nil for a request that no identity is behind whose expiry would end it.
func exchangeOf(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// switches is told that the backend takes the connection for another protocol, which is a stream. A nil exchange is not cut.
func (x *exchange) switches() error {
	if !x.begin() {
		return errExpired
	}
	x.streams()
	return nil
}

// streams notes that the answer has no end of its own. One that begins within the leeway may finish in it. A nil exchange has no end either.
func (x *exchange) streams() {
	if x != nil && time.Until(x.expiry) > 0 {
		x.watch.move(x, x.expiry)
	}
}

// begin notes that an answer begins, of the backend or of the gateway. It reports false if the exchange has been cut: then the client has its last words'
// time to read the answer, and the connection ends with it. An answer that had begun before is one for end to break off. A nil exchange is never cut.
func (x *exchange) begin() bool {
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.began = x.began || !x.cut
	return !x.cut
}

// expire cancels the exchange and frees whoever waits for the client's end of the connection.
func (x *exchange) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	x.cut = true
	x.cancel(errExpired)
	past := time.Unix(1, 0)
	_ = x.control.SetReadDeadline(past) // an upload must not hold it open
	if x.began {
		_ = x.control.SetWriteDeadline(past) // nor a client that does not read
	} else { // something may be on its way that goes before an answer, and the answer that it has expired has to be
		_ = x.control.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// end releases the exchange. If its answer was cut, the connection goes with it: a client must not take half an answer for
// a whole one.
func (x *exchange) end() {
	x.mu.Lock()
	x.over = true
	cut := x.cut && x.began
	x.mu.Unlock()
	x.watch.remove(x)
	if x.line != nil {
		x.line.exchange = nil
	} else {
		x.cancel(nil)
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

const eventStream = "text/event-stream"

// isStream reports an answer that may go on for as long as both sides like, by its head and its length, which is below 0 if it is unknown.
func isStream(h http.Header, length int64) bool {
	if length < 0 {
		return true
	}
	kind := strings.TrimSpace(h.Get("Content-Type"))
	return len(kind) >= len(eventStream) && strings.EqualFold(kind[:len(eventStream)], eventStream)
}
