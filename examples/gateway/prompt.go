package main

import (
	"net/http"
	"strconv"
)

// A prompt writer sends every part of an answer of known length at once, like ReverseProxy those of unknown length, but for the last: that goes
// out when the handler returns. ReverseProxy.FlushInterval would do it by a timer for each answer, which costs more than all of the rest.
type prompt struct {
	http.ResponseWriter

	left int64 // bytes; below 0: ReverseProxy sees to it
}

// Unwrap is for [http.ResponseController].
func (p *prompt) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *prompt) WriteHeader(status int) {
	if status >= http.StatusOK { // others go before the answer
		p.left = lengthOf(p.Header())
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *prompt) Write(part []byte) (int, error) {
	n, err := p.ResponseWriter.Write(part)
	p.left -= int64(n)
	if p.left > 0 && err == nil {
		err = http.NewResponseController(p.ResponseWriter).Flush()
	}
	return n, err
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
