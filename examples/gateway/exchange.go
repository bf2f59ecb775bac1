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
	upload  *upload // nil: none
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

// answered is told of the head of the backend's answer before it goes to the client. An answer that comes as the identity expires is none:
// nobody would free the exchange of a client that does not read it.
func answered(res *http.Response) error {
	x := exchangeOf(res.Request)
	if x == nil {
		closeAfter(res, uploadOf(res.Request))
		return nil
	}
	closeAfter(res, x.upload)
	if !x.begin() {
		return errExpired
	}
	if isStream(res) && time.Until(x.expiry) > 0 {
		x.watch.move(x, x.expiry)
	}
	return nil
}

// begin notes that an answer begins, of the backend or of the gateway. It reports false if the exchange has been cut; an answer that had begun then
// is still one for end to break off. A nil exchange is never cut.
func (x *exchange) begin() bool {
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.began = x.began || !x.cut
	return !x.cut
}

func closeAfter(res *http.Response, u *upload) {
	if u.unfinished() {
		res.Header.Set("Connection", "close")
	}
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

// isStream reports an answer that may go on for as long as both sides like.
func isStream(res *http.Response) bool {
	if res.StatusCode == http.StatusSwitchingProtocols || res.ContentLength < 0 {
		return true
	}
	kind := strings.TrimSpace(res.Header.Get("Content-Type"))
	return len(kind) >= len(eventStream) && strings.EqualFold(kind[:len(eventStream)], eventStream)
}
