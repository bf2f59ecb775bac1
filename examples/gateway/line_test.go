package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// On one connection, the end of one identity is not the end of what comes after it.
func TestALineOutlivesTheIdentitiesOnIt(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler()).strictly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-time.After(1500 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		io.WriteString(w, r.URL.Path)
	}))
	c, r := w.dial()
	ask := func(path, token string) *http.Response {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		res, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		return res
	}
	first := ask("/first", w.expiring(time.Second))
	require.Equal(t, "/first", body(t, first))
	slow := ask("/slow", w.token()) // the first one's identity expires meanwhile
	require.Equal(t, "/slow", body(t, slow))

	began := time.Now()
	cut := ask("/slow", w.expiring(time.Second))
	require.Equal(t, http.StatusGatewayTimeout, cut.StatusCode)
	require.Less(t, time.Since(began), 1400*time.Millisecond)
	require.Equal(t, "Gateway Timeout", body(t, cut))
	require.True(t, cut.Close, "the line goes with the exchange")
	_, err := r.ReadByte()
	require.Error(t, err)
	require.False(t, isTimeout(err), err)
}

// strictly starts another gateway for the tokens of w, with next to no leeway.
func (w *world) strictly(backend http.Handler, edits ...members) *world {
	w.t.Helper()
	again := &world{t: w.t, issuer: w.issuer, logs: w.logs, done: make(chan error, 1)}
	again.start(w.config(backend, append([]members{{"issuers": []any{members{
		"issuer": w.issuer.URL(), "audiences": []string{audience}, "insecure_allow_http": true, "leeway": "1ms",
	}}}}, edits...)...))
	require.NoError(w.t, again.server.gateway.issuers[0].keys.Refresh(w.t.Context()))
	return again
}

// On a connection of HTTP/2, an exchange ends alone.
func TestAnExchangeOfHTTP2LeavesTheOthers(t *testing.T) {
	s := newSecureWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 0\n")
		http.NewResponseController(w).Flush()
		select {
		case <-time.After(2500 * time.Millisecond):
			io.WriteString(w, "data: 1\n")
		case <-r.Context().Done():
		}
	}))
	client := s.as()
	open := func(token string) *http.Response {
		r := s.request(http.MethodGet, "/orders/7", token, nil)
		r.URL.Scheme = "https"
		res, err := client.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { res.Body.Close() })
		require.Equal(t, 2, res.ProtoMajor)
		return res
	}
	stays, goes := open(s.token()), open(s.expiring(time.Second))
	got, err := io.ReadAll(goes.Body)
	require.Error(t, err)
	require.Equal(t, "data: 0\n", string(got))
	require.Equal(t, "data: 0\ndata: 1\n", body(t, stays))
}

// Nor does it take the connection with it when it ends before its answer.
func TestATimeoutOfHTTP2LeavesTheConnection(t *testing.T) {
	s := newSecureWorld(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/orders/slow" {
			<-r.Context().Done()
		}
	}))
	for _, p := range s.server.gateway.proxies {
		clear(p.leeway)
	}
	client := s.as()
	get := func(path, token string, status int) (reused bool) {
		r := s.request(http.MethodGet, path, token, nil)
		r.URL.Scheme = "https"
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}))
		res, err := client.Do(r)
		require.NoError(t, err)
		body(t, res)
		require.Equal(t, 2, res.ProtoMajor)
		require.Equal(t, status, res.StatusCode)
		return reused
	}
	require.False(t, get("/orders/7", s.token(), http.StatusOK))
	require.True(t, get("/orders/slow", s.expiring(time.Second), http.StatusGatewayTimeout))
	require.True(t, get("/orders/7", s.token(), http.StatusOK))
}

// What a server notes of a line is gone when the line is, whoever had it last.
func TestLinesAreForgotten(t *testing.T) {
	var all openLines
	entered := make(chan context.Context, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := lineOf(r)
		defer l.release()
		entered <- r.Context()
		if r.URL.Path == "/taken" {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil || r.Context().Err() != nil {
				panic("the line is over while it is used")
			}
			c.Close()
		}
	}))
	s.Config.ConnContext, s.Config.ConnState = all.begin, all.changed
	s.Start()
	t.Cleanup(s.Close)
	number := func() (n int) {
		all.open.Range(func(any, any) bool { n++; return true })
		return n
	}
	for _, path := range []string{"/kept", "/taken"} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: gateway.test\r\n\r\n", path)
		ctx := <-entered
		l := ctx.Value(lineKey{}).(*line)
		if path == "/kept" {
			_, err = http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			require.Equal(t, 1, number())
			require.NoError(t, l.Err(), "another request may come")
			require.NoError(t, c.Close())
		}
		requireSoon(t, l.Done(), "the context of a line that is gone")
		require.Eventually(t, func() bool { return number() == 0 }, 10*time.Second, time.Millisecond)
		c.Close()
	}
}
