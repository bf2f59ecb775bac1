package introspect_test

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestOverARealConnection(t *testing.T) {
	says := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
	for name, row := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"an answer": {func(w http.ResponseWriter, _ *http.Request) { says(w, active()) }, "active"},
		"early hints before it": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			says(w, active())
		}, "active"},
		"compressed, which the caller's transport asks for": {func(w http.ResponseWriter, _ *http.Request) {
			zip(w, active())
		}, "active"},
		"compressed, and much larger than it seems": {func(w http.ResponseWriter, _ *http.Request) {
			zip(w, active()+strings.Repeat(" ", 8<<20))
		}, "undecided"},
		"a redirect to itself": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/again" {
				says(w, active())
				return
			}
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}, "undecided"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			says(w, active())
		}, "undecided"},
		"headers of 2 MiB": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2<<20))
			says(w, active())
		}, "undecided"},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				s := httptest.NewUnstartedServer(row.serve)
				s.EnableHTTP2 = http2
				s.StartTLS()
				defer s.Close()
				transport := &http.Transport{
					ForceAttemptHTTP2:      http2,
					MaxResponseHeaderBytes: 1 << 20,
					TLSClientConfig:        &tls.Config{RootCAs: roots(s), MinVersion: tls.VersionTLS12},
				}
				defer transport.CloseIdleConnections()
				cfg := config()
				cfg.Endpoint = s.URL
				c, err := introspect.New(cfg, &introspect.Options{HTTPClient: &http.Client{Transport: transport}})
				require.NoError(t, err)
				require.Equal(t, row.want, ask(t.Context(), c, tokenA).word)
			})
		}
	}
}

func TestAnEndpointThatDoesNotFinishItsHandshakeHoldsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	const calls = 4
	closed := make(chan struct{}, calls)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, conn) // until the other side ends it
				_ = conn.Close()
				closed <- struct{}{}
			}()
		}
	}()
	cfg := config()
	cfg.Endpoint = "https://" + l.Addr().String()
	c, err := introspect.New(cfg, &introspect.Options{Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	for i := range calls {
		require.Equal(t, "undecided", ask(t.Context(), c, fmt.Sprint("t", i)).word)
	}
	late := time.After(20 * time.Second)
	for range calls {
		select {
		case <-closed:
		case <-late:
			require.Fail(t, "a connection is still open, long after its call")
		}
	}
}

// relay passes bytes on, until it is told to pass none on any more over the connections that there are.
type relay struct {
	net.Listener

	to    string
	dead  atomic.Int64 // how many connections, from the first
	count atomic.Int64
}

func (p *relay) run() {
	for {
		from, err := p.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.to)
		if err != nil {
			return
		}
		n := p.count.Add(1)
		go p.pipe(n, from, to)
		go p.pipe(n, to, from)
	}
}

func (p *relay) pipe(n int64, from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		got, err := from.Read(b)
		if err != nil {
			return
		}
		if n <= p.dead.Load() {
			continue
		}
		if _, err := to.Write(b[:got]); err != nil {
			return
		}
	}
}

func TestAConnectionThatIsSilentlyDeadIsReplaced(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, active(fmt.Sprintf(`"sub":"%d"`, r.ProtoMajor)))
			}))
			s.EnableHTTP2 = http2
			s.StartTLS()
			defer s.Close()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			p := &relay{Listener: l, to: s.Listener.Addr().String()}
			go p.run()

			const timeout = 500 * time.Millisecond
			transport := introspect.NewTransport(timeout)
			transport.TLSClientConfig = &tls.Config{RootCAs: roots(s), MinVersion: tls.VersionTLS12}
			defer transport.CloseIdleConnections()
			cfg := config()
			cfg.Endpoint = "https://" + l.Addr().String()
			c, err := introspect.New(cfg, &introspect.Options{HTTPClient: &http.Client{Transport: transport}, Timeout: timeout})
			require.NoError(t, err)
			first, err := c.Introspect(t.Context(), tokenA)
			require.NoError(t, err)
			require.Equal(t, map[bool]string{false: "1", true: "2"}[http2], first.Subject())

			p.dead.Store(p.count.Load())
			deadline := time.Now().Add(20 * time.Second)
			for i := 0; ask(t.Context(), c, fmt.Sprint("t", i)).word != "active"; i++ {
				require.True(t, time.Now().Before(deadline), "calls still go over the dead connection")
			}
		})
	}
}

// zip compresses body as the reader asked for.
func zip(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}
