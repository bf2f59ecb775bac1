package main

import (
	"net/http"
	"strconv"
)

// A prompt writer tells the exchange of the answer.
//
// It sends every part of an answer of known length at once, like ReverseProxy those of unknown length. ReverseProxy.FlushInterval would
// do it by a timer for each answer, which costs more than all of the rest. The last part is sent by end, and not when the handler has
// returned: until then the exchange sees to it that a client which does not read cannot hold it up for ever. Where the server has something to send
// after that, end says so, and the client has a time for it.
//
// The head waits for the first part of the body, which nearly always comes with it. It does not wait where that may take its time: for a body
// that does not fit into one part, and for one that the client's own may have to go before.
type prompt struct {
	http.ResponseWriter

	exchange *exchange // nil: none
	upload   *upload   // nil: none
	left     int64     // bytes; below 0: ReverseProxy sees to it
	begun    bool      // there is an answer, on a connection that was not taken
	parts    bool      // a part has been written
	keeps    bool      // the connection, whatever the answer: that of HTTP/2 carries others
}

// Unwrap is for [http.ResponseController].
func (p *prompt) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *prompt) WriteHeader(status int) {
	if status < http.StatusOK { // it goes before the answer
		p.ResponseWriter.WriteHeader(status)
		return
	}
	h := p.Header()
	p.begun, p.left = true, lengthOf(h)
	if isAlive := p.exchange.begin(); !p.keeps && (!isAlive || p.upload.unfinished()) {
		h.Set("Connection", "close")
	}
	if status != http.StatusNoContent && status != http.StatusNotModified && isStream(h, p.left) {
		p.exchange.streams()
	}
	p.ResponseWriter.WriteHeader(status)
	if p.left > copyBuffer || p.left > 0 && p.upload.unfinished() {
		_ = http.NewResponseController(p.ResponseWriter).Flush() // Write says it if the client has left
	}
}

func (p *prompt) Write(part []byte) (int, error) {
	n, err := p.ResponseWriter.Write(part)
	p.left -= int64(n)
	p.parts = true
	if p.left > 0 && err == nil {
		err = http.NewResponseController(p.ResponseWriter).Flush()
	}
	return n, err
}

// end sends the last part, or the head of an answer that has none, and panics like ReverseProxy if that fails. It is called on a stack that is not
// deep: what writes the head of an answer takes much of it.
//
// It reports false if the server has something to send after that, such as a last chunk and trailers.
func (p *prompt) end() bool {
	if !p.begun || p.left < 0 {
		return !p.begun
	}
	if (p.left == 0 || !p.parts) && http.NewResponseController(p.ResponseWriter).Flush() != nil {
		panic(http.ErrAbortHandler)
	}
	return true
}

// answered is told of the head of a backend's answer, but for hints. An answer counts as one of unknown length if the client is not told its length,
// which a backend can take out by naming it in Connection. One that comes when the exchange has ended is none.
func answered(res *http.Response) error {
	if res.ContentLength > 0 && len(res.Header["Content-Length"]) == 0 {
		res.ContentLength = -1
	}
	if res.StatusCode == http.StatusSwitchingProtocols { // of others, a prompt writer will be told
		return exchangeOf(res.Request).switches()
	}
	if err := res.Request.Context().Err(); err != nil {
		return err
	}
	if l := lineOf(res.Request); l != nil && l.answer != nil && !isStream(res.Header, res.ContentLength) {
		l.answer.take(res)
	}
	return nil
}

// take moves the head of a backend's answer into that to the client. ReverseProxy would copy it value by value, and read its media type to find out
// whether it is a stream.
func (p *prompt) take(res *http.Response) {
	h := p.Header()
	for name, values := range res.Header {
		if have := h[name]; len(have) > 0 {
			values = append(have, values...)
		}
		h[name] = values
	}
	res.Header = nil
}

// lengthOf is below 0 if h does not say it.
func lengthOf(h http.Header) int64 {
	value := h["Content-Length"]
	if len(value) != 1 {
		return -1
	}
	n, err := strconv.ParseInt(value[0], 10, 64)
	if err != nil {
		return -1
	}
	return n
}
