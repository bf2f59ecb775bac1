package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestLargeBodiesPassInFlatMemoryBothWays(t *testing.T) {
	const size = 128 << 20
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != size {
			t.Errorf("the backend got %d bytes: %v", n, err)
		}
		w.Header().Set("Content-Length", fmt.Sprint(size))
		io.CopyN(w, zeros{}, size)
	}))
	for _, tc := range []struct {
		name   string
		length int64
	}{{"of known length", size}, {"chunked", -1}} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := w.request(http.MethodPut, "/orders/blob", w.token(), io.LimitReader(zeros{}, size))
			r.ContentLength = tc.length
			res := w.do(r)
			n, err := io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.EqualValues(t, size, n)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "everything allocated meanwhile, freed or not")
		})
	}
}

func TestServerSentEventsArriveOneByOne(t *testing.T) {
	for _, tc := range []struct{ name, kind, length string }{
		{"as events", "text/event-stream", ""},
		{"as events of known length", "text/event-stream; charset=utf-8", "24"},
		{"as an answer of unknown length", "application/octet-stream", ""},
		{"as an answer of known length", "application/octet-stream", "24"},
	} {
		next := make(chan string)
		w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.kind)
			if tc.length != "" {
				w.Header().Set("Content-Length", tc.length)
			}
			for event := range next {
				io.WriteString(w, event)
				http.NewResponseController(w).Flush()
			}
		}))
		t.Run(tc.name, func(t *testing.T) {
			defer close(next)
			go func() { next <- "data: 0\n" }() // the head of the answer comes with it
			res := w.get("/events", w.token())
			lines := bufio.NewReader(res.Body)
			for i := range 3 {
				line, err := lines.ReadString('\n') // the backend sends the next event only after this one has arrived
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
				if i < 2 {
					next <- fmt.Sprintf("data: %d\n", i+1)
				}
			}
		})
	}
}

func TestBothDirectionsFlowAtOnce(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		http.NewResponseController(w).Flush()
		lines := bufio.NewReader(r.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(w, "echo "+line)
			http.NewResponseController(w).Flush()
		}
	}))
	up, sent := io.Pipe()
	res := w.do(w.request(http.MethodPost, "/chat", w.token(), up))
	lines := bufio.NewReader(res.Body)
	for i := range 3 {
		fmt.Fprintf(sent, "%d\n", i)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("echo %d\n", i), line)
	}
	require.NoError(t, sent.Close())
	_, err := lines.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)
}

func TestTheHeadOfAnAnswerDoesNotWaitForABodyThatTakesItsTime(t *testing.T) {
	for _, tc := range []struct{ name, request, answer string }{
		{"events", "GET /public/x HTTP/1.1\r\n", "Content-Type: text/event-stream\r\nContent-Length: 4\r\n\r\n"},
		{"of unknown length", "GET /public/x HTTP/1.1\r\n", "Transfer-Encoding: chunked\r\n\r\n"},
		{"of more than one part", "GET /public/x HTTP/1.1\r\n", "Content-Length: 100000\r\n\r\n"},
		{
			"of a length that is the connection's alone",
			"GET /public/x HTTP/1.1\r\n", "Connection: Content-Length\r\nContent-Length: 4\r\n\r\n",
		},
		{"that waits for the rest of the request", "POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 4\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			slow := rawBackend(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+tc.answer)
				_, _ = io.Copy(io.Discard, c)
			})
			w := newWorld(t, http.NotFoundHandler(), members{"upstream": "http://" + slow})
			c, r := w.dial()
			_, err := io.WriteString(c, tc.request+"Host: gateway.test\r\n\r\n")
			require.NoError(t, err)
			res, err := http.ReadResponse(r, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
		})
	}
}

func TestAnAnswerBeforeTheEndOfTheRequestArrives(t *testing.T) {
	hasty := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	})
	w := newWorld(t, http.NotFoundHandler(), members{"upstream": "http://" + hasty})
	c, r := w.dial()
	io.WriteString(c, "POST /public/x HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
}

// echo upgrades a connection and sends back what it gets.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, "no upgrade", http.StatusBadRequest)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
	io.Copy(c, rw)
}

// upgrade opens a websocket (RFC 6455 section 4.1) as far as a proxy looks at it.
func (w *world) upgrade(credential string) (net.Conn, *bufio.Reader, *http.Response) {
	w.t.Helper()
	c, r := w.dial()
	io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"+credential+"\r\n")
	res, err := http.ReadResponse(r, nil)
	require.NoError(w.t, err)
	return c, r, res
}

func (w *world) requireEchoed(c net.Conn, r io.Reader) {
	w.t.Helper()
	_, err := io.WriteString(c, "ping")
	require.NoError(w.t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(r, got)
	require.NoError(w.t, err)
	require.Equal(w.t, "ping", string(got))
}

func TestWebsocketsPassAndEndWithTheIdentity(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(echo))
	_, _, res := w.upgrade("")
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)

	begun := time.Now()
	c, r, res := w.upgrade("Authorization: Bearer " + w.expiring(1500*time.Millisecond) + "\r\n")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	w.requireEchoed(c, r)
	_, err := r.ReadByte() // nothing comes but the end
	require.Error(t, err)
	require.False(t, errors.Is(err, net.ErrClosed) || isTimeout(err), err)
	require.InDelta(t, 1.5, time.Since(begun).Seconds(), 1)
}

func TestWebsocketsOutliveTheIdentityWhenAskedTo(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(echo), members{"stream_past_expiry": true})
	c, r, res := w.upgrade("Authorization: Bearer " + w.expiring(time.Second) + "\r\n")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(2*time.Second)))
	_, err := r.ReadByte()
	require.True(t, isTimeout(err), "it is still open: %v", err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	w.requireEchoed(c, r)
}

// flood answers with as much as the client takes, and reports when it was made to stop.
func flood(stopped chan<- struct{}, head func(http.Header)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		head(w.Header())
		_, _ = io.Copy(w, zeros{})
		close(stopped)
	})
}

func requireSoon(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatal(what)
	}
}

func TestAStreamEndsWithTheIdentityThoughTheClientDoesNotRead(t *testing.T) {
	stopped := make(chan struct{})
	w := newWorld(t, flood(stopped, func(h http.Header) { h.Set("Content-Type", "text/event-stream") }))
	c, _ := w.dial()
	fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", w.expiring(time.Second))
	requireSoon(t, stopped, "the backend still writes")
	w.requireNoneLeft()
}

// requireNoneLeft drains the gateway and holds it to the claim that nobody is left to wait for.
func (w *world) requireNoneLeft() {
	w.t.Helper()
	w.stop()
	require.NoError(w.t, <-w.done)
	require.NotContains(w.t, w.logs.String(), "outlasted")
}

// What goes before an answer is written by another goroutine than the handler's, which waits for it.
func TestHintsEndWithTheIdentityThoughTheClientDoesNotRead(t *testing.T) {
	hinting := rawBackend(t, func(c net.Conn) {
		hint := "HTTP/1.1 103 Early Hints\r\nLink: <" + strings.Repeat("a", 30<<10) + ">\r\n\r\n"
		for {
			if _, err := io.WriteString(c, hint); err != nil {
				return
			}
		}
	})
	w := newWorld(t, http.NotFoundHandler()).strictly(http.NotFoundHandler(), members{"upstream": "http://" + hinting})
	c, _ := w.dial()
	fmt.Fprintf(c, "GET /x HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", w.expiring(time.Second))
	time.Sleep(2 * time.Second) // a drain before the expiry would have to wait for it
	w.requireNoneLeft()
}

// The head of an answer without a body, and what comes after the last part of one of unknown length, are the server's to send.
func TestWhatTheServerSendsIsNotHeldByAClientThatDoesNotRead(t *testing.T) {
	long := "X-Long: " + strings.Repeat("a", 200<<10) + "\r\n"
	for _, tc := range []struct{ name, request, answer string }{
		{"a head that was asked for alone", "HEAD /x HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + long + "\r\n"},
		{"an answer of no length", "GET /x HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + long + "\r\n"},
		{"no content", "GET /x HTTP/1.1\r\n", "HTTP/1.1 204 No Content\r\n" + long + "\r\n"},
		{"nothing modified", "GET /x HTTP/1.1\r\n", "HTTP/1.1 304 Not Modified\r\n" + long + "\r\n"},
		{"a body, for comparison", "GET /x HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + long + "\r\nabcde"},
		{"trailers", "GET /x HTTP/1.1\r\nTE: trailers\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Long\r\n\r\n1\r\na\r\n0\r\n" + "X-Long: " + strings.Repeat("a", 30<<10) + "\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			backend := rawBackend(t, func(c net.Conn) { io.WriteString(c, tc.answer) })
			w := newWorld(t, http.NotFoundHandler()).strictly(http.NotFoundHandler(), members{"upstream": "http://" + backend})
			c, _ := w.dial()
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			request := tc.request + "Host: gateway.test\r\nAuthorization: Bearer " + w.expiring(2*time.Second) + "\r\n\r\n"
			_, err := io.WriteString(c, strings.Repeat(request, 300))
			require.NoError(t, err)
			time.Sleep(4500 * time.Millisecond) // a drain before the expiry would have to wait for it
			w.requireNoneLeft()
		})
	}
}

func TestAStreamIsCutAndNotEnded(t *testing.T) {
	stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 0\n")
		http.NewResponseController(w).Flush()
		if strings.HasPrefix(r.URL.Path, "/public/") {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	})
	t.Run("in chunks", func(t *testing.T) {
		w := newWorld(t, stream)
		res := w.get("/events", w.expiring(time.Second))
		b, err := io.ReadAll(res.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, "data: 0\n", string(b))
	})
	old := func(t *testing.T, c net.Conn, path, token string) {
		t.Helper()
		fmt.Fprintf(c, "GET "+path+" HTTP/1.0\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", token)
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err := io.ReadAll(c)
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	for _, path := range []string{"/orders/7", "/public/which-breaks-off"} {
		t.Run("to the end of an HTTP/1.0 connection, "+path, func(t *testing.T) {
			w := newWorld(t, stream)
			c, _ := w.dial()
			old(t, c, path, w.expiring(time.Second))
		})
		t.Run("to the end of an HTTP/1.0 connection, by TLS, "+path, func(t *testing.T) {
			s := newSecureWorld(t, stream)
			roots := x509.NewCertPool()
			roots.AddCert(s.ca.own.Leaf)
			c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: roots})
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			old(t, c, path, s.expiring(time.Second))
		})
	}
}

func TestAnOrdinaryExchangeMayFinishWithinTheLeeway(t *testing.T) {
	for _, tc := range []struct {
		name   string
		life   time.Duration // of the token, when the request is sent
		answer func(w http.ResponseWriter)
		early  bool // the head of the answer is sent at once
	}{
		{"admitted before the expiry, answered after it", 200 * time.Millisecond, func(w http.ResponseWriter) {
			io.WriteString(w, "whole")
		}, false},
		{"admitted before the expiry, a stream that begins after it", 200 * time.Millisecond, func(w http.ResponseWriter) {
			http.NewResponseController(w).Flush()
			io.WriteString(w, "whole")
		}, false},
		{"admitted after the expiry, within the leeway", -2 * time.Second, func(w http.ResponseWriter) {
			http.NewResponseController(w).Flush()
			io.WriteString(w, "whole")
		}, false},
		{"admitted before the expiry, an answer of known length that begins before it and ends after it", 500 * time.Millisecond, func(w http.ResponseWriter) {
			io.WriteString(w, "whole")
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var expiry time.Time
			w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.early {
					w.Header().Set("Content-Length", "5")
					http.NewResponseController(w).Flush()
				}
				<-time.After(time.Until(expiry) + 100*time.Millisecond)
				tc.answer(w)
			}))
			expiry = time.Now().Add(tc.life)
			res := w.get("/orders/7", w.token(members{"exp": float64(expiry.UnixMilli()) / 1000}))
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.Equal(t, "whole", body(t, res))
		})
	}
}

func TestWhatOutlastsTheLeewayEnds(t *testing.T) {
	stopped := make(chan struct{})
	leeway := func(w *world) members {
		return members{"issuers": []any{members{
			"issuer": w.issuer.URL(), "audiences": []string{audience}, "insecure_allow_http": true, "leeway": "200ms",
		}}}
	}
	restart := func(w *world, backend http.Handler) *world {
		again := &world{t: t, issuer: w.issuer, logs: w.logs, done: make(chan error, 1)}
		again.start(w.config(backend, leeway(w)))
		require.NoError(t, again.server.gateway.issuers[0].keys.Refresh(t.Context()))
		return again
	}
	w := newWorld(t, http.NotFoundHandler())
	t.Run("a download of known length whose client does not read", func(t *testing.T) {
		w := restart(w, flood(stopped, func(h http.Header) { h.Set("Content-Length", "1000000000000") }))
		c, _ := w.dial()
		fmt.Fprintf(c, "GET /blob HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", w.expiring(time.Second))
		requireSoon(t, stopped, "the backend still writes")
		w.requireNoneLeft()
	})
	t.Run("an upload whose client does not write", func(t *testing.T) {
		w := restart(w, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		c, r := w.dial()
		fmt.Fprintf(c, "PUT /blob HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer %s\r\n\r\n4\r\nhalf\r\n", w.expiring(time.Second))
		res, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusGatewayTimeout, res.StatusCode)
		require.Equal(t, "Gateway Timeout", body(t, res))
		_, err = r.ReadByte()
		require.Error(t, err, "the connection is closed")
		require.False(t, isTimeout(err), err)
	})
}

func TestAClientThatLeavesTakesTheBackendsRequestWithIt(t *testing.T) {
	for _, tc := range []struct{ name, head string }{
		{"while it waits for an answer", "GET /public/silent HTTP/1.1\r\nHost: gateway.test\r\n\r\n"},
		{"while it reads a stream", "GET /public/stream HTTP/1.1\r\nHost: gateway.test\r\n\r\n"},
		{"while it uploads", "POST /public/silent HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entered, left := make(chan struct{}), make(chan struct{})
			w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "stream") {
					io.WriteString(w, "data: 0\n")
					http.NewResponseController(w).Flush()
				}
				close(entered)
				if r.Body != http.NoBody {
					io.Copy(io.Discard, r.Body)
				}
				<-r.Context().Done()
				close(left)
			}))
			c, _ := w.dial()
			io.WriteString(c, tc.head)
			requireSoon(t, entered, "the request has not arrived")
			require.NoError(t, c.Close())
			requireSoon(t, left, "the backend still works for nobody")
		})
	}
}
