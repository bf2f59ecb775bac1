package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exchangeRaw sends text on a connection of its own and returns all that comes back until the gateway closes it.
func (w *world) exchangeRaw(text string) string {
	w.t.Helper()
	c, r := w.dial()
	_, err := io.WriteString(c, text)
	require.NoError(w.t, err)
	all, err := io.ReadAll(r)
	require.NoError(w.t, err, "the connection is still open")
	return string(all)
}

func TestNothingAfterABrokenBodyIsTakenForARequest(t *testing.T) {
	const next = "GET /public/next HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
	hasty := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		io.Copy(io.Discard, c)
	})
	for _, tc := range []struct{ name, path, body, status string }{
		{"a chunk's size that is no number", "/public/x", "zz\r\n" + next, "400 Bad Request"},
		{"a chunk's size with a prefix", "/public/x", "0x3\r\n" + next, "400 Bad Request"},
		{"a chunk that goes on after its size", "/public/x", "3\r\nabcdef\r\n" + next, "400 Bad Request"},
		{"a trailer that is none", "/public/x", "0\r\nno trailer\r\n" + next, "400 Bad Request"},
		{"before a rule that refuses", "/x", "zz\r\n" + next, "401 Unauthorized"},
		{"in front of a backend that has already answered", "/hasty", "3\r\nabc\r\n", "200 OK"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.URL.Path == "/public/next" {
					t.Error("the backend got a request that nobody sent")
				}
			}), members{"routes": []any{
				members{"pattern": "/", "all": []string{"orders:read"}},
				members{"pattern": "/public/", "public": true},
				members{"pattern": "/hasty", "public": true, "upstream": "http://" + hasty},
			}})
			got := w.exchangeRaw("POST " + tc.path + " HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n" + tc.body)
			require.True(t, strings.HasPrefix(got, "HTTP/1.1 "+tc.status+"\r\n"), got)
			require.Contains(t, got, "\r\nConnection: close\r\n")
			require.Equal(t, 1, strings.Count(got, "HTTP/1.1 "), got)
			w.requireNoneLeft()
			require.NotContains(t, w.logs.String(), "level=WARN", "it is the client's doing")
		})
	}
}

func TestAnAnswerBeforeTheEndOfTheRequestFreesEverybody(t *testing.T) {
	hasty := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
		io.Copy(io.Discard, c)
	})
	w := newWorld(t, http.NotFoundHandler(), members{"upstream": "http://" + hasty})
	got := w.exchangeRaw("POST /public/x HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 10\r\n\r\nhalf") // and no more
	require.True(t, strings.HasPrefix(got, "HTTP/1.1 413 "), got)
	require.True(t, strings.HasSuffix(got, "\r\n\r\nno"), got)
	w.requireNoneLeft()
	require.NotContains(t, w.logs.String(), "panic")
}

func TestARequestReadToItsEndKeepsItsConnection(t *testing.T) {
	w := newWorld(t, captured(make(chan *http.Request, 2)))
	got := w.exchangeRaw("POST /public/x HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
		"POST /public/y HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")
	require.Equal(t, 2, strings.Count(got, "HTTP/1.1 200 OK\r\n"), got)
}

func TestTheRestOfARefusedRequestIsNotWaitedForLong(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	for _, tc := range []struct{ name, head string }{
		{"a length and no body", "Content-Length: 10\r\n"},
		{"chunks that do not come", "Transfer-Encoding: chunked\r\n"},
		{"a body that waits to be asked for", "Expect: 100-continue\r\nContent-Length: 10\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := w.exchangeRaw("POST /x HTTP/1.1\r\nHost: gateway.test\r\n" + tc.head + "\r\n")
			require.True(t, strings.HasPrefix(got, "HTTP/1.1 401 "), got)
			require.Contains(t, got, "\r\nConnection: close\r\n")
		})
	}
}

// Nor is a client waited for that asks for more refusals than it reads.
func TestRefusalsAreNotKeptForLong(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	c, _ := w.dial()
	many := strings.Repeat("GET /x HTTP/1.1\r\nHost: gateway.test\r\n\r\n", 100)
	for {
		if _, err := io.WriteString(c, many); err != nil {
			require.False(t, isTimeout(err), "the connection is still open")
			return
		}
	}
}

func TestNoOtherProtocolThanWebsocketIsAskedFor(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	for _, tc := range []struct{ name, head string }{
		{"HTTP/2", "Upgrade: h2c\r\n\r\n"},
		{"HTTP/2, beside websocket", "Upgrade: h2c, websocket\r\n\r\n"},
		{"HTTP/2, after websocket", "Upgrade: websocket, h2c\r\n\r\n"},
		{"HTTP/2, in a second line", "Upgrade: websocket;x=y\r\nUpgrade: h2c\r\n\r\n"},
		{"TLS", "Upgrade: TLS/1.3\r\n\r\n"},
		{"websocket, with a body", "Upgrade: websocket\r\nContent-Length: 3\r\n\r\nabc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := w.dial()
			_, err := io.WriteString(c, "GET /public/x HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\n"+tc.head)
			require.NoError(t, err)
			got := (<-requests).Header
			for _, name := range []string{"Connection", "Upgrade", "Http2-Settings"} {
				require.NotContains(t, got, name)
			}
		})
	}
}

func TestABackendCannotSwitchToAProtocolThatNobodyAskedFor(t *testing.T) {
	switcher := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		io.Copy(io.Discard, c)
	})
	w := newWorld(t, http.NotFoundHandler(), members{"upstream": "http://" + switcher})
	require.Equal(t, http.StatusBadGateway, w.raw("GET /public/x HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c").StatusCode)
}
