package main

import (
	"net/http"
	"strconv"
)

// A prompt writer sends every part of an answer of known length at once, like ReverseProxy those of unknown length. ReverseProxy.FlushInterval would
// do it by a timer for each answer, which costs more than all of the rest. The last part is sent by end, and not when the handler has
// returned: until then the exchange sees to it that a client which does not read cannot hold it up for ever.
//
// The head waits for the first part of the body, which nearly always comes with it. It does not wait where that may take its time: for a body
// that does not fit into one part, and for one that the client's own may have to go before.
type prompt struct {
	http.ResponseWriter

	upload *upload // nil: none
	left   int64   // bytes; below 0: ReverseProxy sees to it
	last   bool    // the last part has been written
}

// Unwrap is for [http.ResponseController].
func (p *prompt) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *prompt) WriteHeader(status int) {
	if status >= http.StatusOK { // others go before the answer
		p.left = lengthOf(p.Header())
	}
	p.ResponseWriter.WriteHeader(status)
	if p.left > copyBuffer || p.left > 0 && p.upload.unfinished() {
		_ = http.NewResponseController(p.ResponseWriter).Flush() // Write says it if the client has left
	}
}

func (p *prompt) Write(part []byte) (int, error) {
	n, err := p.ResponseWriter.Write(part)
	p.left -= int64(n)
	p.last = p.left == 0 && err == nil
	if p.left > 0 && err == nil {
		err = http.NewResponseController(p.ResponseWriter).Flush()
	}
	return n, err
}

// end sends the last part, and panics like ReverseProxy if that fails. It is called on a stack that is not deep: what writes the head of an answer takes
// much of it.
func (p *prompt) end() {
	if p.last && http.NewResponseController(p.ResponseWriter).Flush() != nil {
		panic(http.ErrAbortHandler)
	}
}

// restate has an answer count as one of unknown length if the client is not told its length, which a backend can take out by naming it in
// Connection.
func restate(res *http.Response) {
	if res.ContentLength > 0 && lengthOf(res.Header) < 0 {
		res.ContentLength = -1
	}
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
