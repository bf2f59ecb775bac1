package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

const audience = "orders-api"

// A world is a gateway between an issuer and a backend, all on loopback, for one test.
type world struct {
	t       testing.TB
	issuer  *localissuer.Issuer
	address string // of the gateway
	admin   string
	server  *server
	logs    *logBuffer
	stop    context.CancelFunc // what SIGTERM does
	done    chan error         // what serve returned
	client  *http.Client
}

type members = map[string]any

// newWorld starts a gateway whose configuration has one route, GET /, that asks for orders:read, with edits on top.
func newWorld(tb testing.TB, backend http.Handler, edits ...members) *world {
	tb.Helper()
	issuer, err := localissuer.Start()
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, issuer.Close()) })
	w := &world{t: tb, issuer: issuer, logs: &logBuffer{}, done: make(chan error, 1)}
	w.start(w.config(backend, edits...))
	require.NoError(tb, w.server.gateway.issuers[0].keys.Refresh(tb.Context()))
	return w
}

func (w *world) config(backend http.Handler, edits ...members) *config {
	up := httptest.NewServer(backend)
	w.t.Cleanup(up.Close)
	text := members{
		"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "upstream": up.URL,
		"issuers": []any{members{
			"issuer": w.issuer.URL(), "audiences": []string{audience}, "access_token_profile": true, "insecure_allow_http": true,
		}},
		"routes": []any{
			members{"pattern": "/", "all": []string{"orders:read"}},
			members{"pattern": "/public/", "public": true},
		},
		"identity_headers": members{},
	}
	for _, edit := range edits {
		maps.Copy(text, edit)
	}
	maps.DeleteFunc(text, func(_ string, v any) bool { return v == nil })
	data, err := json.Marshal(text)
	require.NoError(w.t, err)
	c, err := parseConfig(data)
	require.NoError(w.t, err)
	return c
}

func (w *world) start(c *config) {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	g, err := build(c, log)
	require.NoError(w.t, err)
	ln, admin, err := openListeners(c.listen, c.adminListen)
	require.NoError(w.t, err)
	w.address, w.admin = ln.Addr().String(), admin.Addr().String()
	w.server = &server{gateway: g, log: log, drainFor: 5 * time.Second, restFor: time.Second}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.done <- w.server.serveOn(ctx, ln, admin); close(w.done) }()
	transport := &http.Transport{DisableCompression: true}
	w.client = &http.Client{Timeout: 20 * time.Second, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.t.Cleanup(func() { require.NoError(w.t, g.close()) })
	w.t.Cleanup(func() {
		transport.CloseIdleConnections()
		w.stop()
		for err := range w.done {
			require.NoError(w.t, err)
		}
	})
}

func (w *world) token(edits ...members) string { return w.issuer.AccessToken(audience, edits...) }

// expiring is a token that lives for d, to the millisecond.
func (w *world) expiring(d time.Duration) string {
	return w.token(members{"exp": float64(time.Now().Add(d).UnixMilli()) / 1000})
}

func (w *world) request(method, path, token string, body io.Reader) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.address+path, body)
	require.NoError(w.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (w *world) do(r *http.Request) *http.Response {
	w.t.Helper()
	res, err := w.client.Do(r)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { res.Body.Close() })
	return res
}

func (w *world) get(path, token string) *http.Response {
	w.t.Helper()
	return w.do(w.request(http.MethodGet, path, token, nil))
}

// dial opens a connection on which a test writes its own bytes. It is no test that waits for more than ten seconds.
func (w *world) dial() (net.Conn, *bufio.Reader) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	require.NoError(w.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c, bufio.NewReader(c)
}

// raw sends a request line and header lines as they are, without a body.
func (w *world) raw(lines ...string) *http.Response {
	w.t.Helper()
	c, r := w.dial()
	_, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\nHost: gateway.test\r\n\r\n")
	require.NoError(w.t, err)
	res, err := http.ReadResponse(r, nil)
	require.NoError(w.t, err)
	return res
}

func body(tb testing.TB, res *http.Response) string {
	tb.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(tb, err)
	return string(b)
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// captured is a backend that hands over what it received.
func captured(requests chan<- *http.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests <- r
	})
}
