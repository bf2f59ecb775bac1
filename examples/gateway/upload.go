package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// hurried gives the body of a request the time d, which a proxy lifts for what it forwards: the server reads the rest of a
// refused request before it answers, and would wait for it without an end. It gives the same time to the client for reading what is no backend's
// answer, or the end of one, which the server sends when the handler is done: it may have asked for many refusals that it does not read.
func hurried(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest := d
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) // a server's writer can
			rest += d
		}
		l := lineOf(r)
		if l != nil {
			l.forwards = false
		}
		next.ServeHTTP(w, r)
		if l != nil && !l.forwards {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(rest)) // the server lifts it for the next request
		}
	})
}

// An upload is the body of a request on its way to the backend. An answer may begin before it has ended.
//
// Whoever answers must ask it whether the client's request has been read to its end. Where it has not, the answer closes the
// connection (RFC 9112 section 9.3): what follows on it, such as the bytes after a broken chunk, is not the next request.
type upload struct {
	io.ReadCloser
	control *http.ResponseController
	whole   atomic.Bool // read to its end
	broken  atomic.Bool // cannot be read to its end
}

type uploadKey struct{}

// beginUpload returns r with a body that is watched. The caller defers end.
func beginUpload(w http.ResponseWriter, r *http.Request) (*upload, *http.Request) {
	u := &upload{ReadCloser: r.Body, control: http.NewResponseController(w)}
	_ = u.control.EnableFullDuplex() // or the server would read the rest of the request before the answer begins
	_ = u.control.SetReadDeadline(time.Time{})
	r = r.WithContext(context.WithValue(r.Context(), uploadKey{}, u))
	r.Body = u
	return u, r
}

// uploadOf returns nil for a request without a body.
func uploadOf(r *http.Request) *upload {
	u, _ := r.Context().Value(uploadKey{}).(*upload)
	return u
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		u.whole.Store(true)
	case err != nil:
		u.broken.Store(true)
	}
	return n, err
}

// unfinished reports that the connection is of no use after the answer.
func (u *upload) unfinished() bool { return u != nil && !u.whole.Load() }

// failed reports that it is the client's request that cannot be read.
func (u *upload) failed() bool { return u != nil && u.broken.Load() }

// end frees whoever still waits for the rest of the request. Nobody reads from it after that.
func (u *upload) end() {
	if u.unfinished() {
		_ = u.control.SetReadDeadline(time.Unix(1, 0))
		_ = u.Close()
	}
}
