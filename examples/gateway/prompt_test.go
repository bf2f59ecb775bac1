package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counting counts how often it is flushed.
type counting struct {
	deaf

	flushed int
}

func (c *counting) FlushError() error { c.flushed++; return nil }

func TestAllPartsOfAnAnswerAreSentAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, length string
		parts        []string
		flushed      int
	}{
		{"in one part", "4", []string{"abcd"}, 1},
		{"in three parts", "6", []string{"ab", "cd", "ef"}, 3},
		{"cut off", "6", []string{"ab", "cd"}, 2},
		{"of unknown length, which is ReverseProxy's to send", "", []string{"ab", "cd"}, 0},
		{"of a length that is no number", "x", []string{"ab", "cd"}, 0},
		{"without a body", "0", nil, 1},
		{"of a length, but without the body", "5", nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &counting{deaf: deaf{http.Header{}}}
			p := &prompt{ResponseWriter: c}
			p.WriteHeader(http.StatusEarlyHints)
			if tc.length != "" {
				p.Header().Set("Content-Length", tc.length)
			}
			p.WriteHeader(http.StatusOK)
			for _, part := range tc.parts {
				n, err := p.Write([]byte(part))
				require.NoError(t, err)
				require.Equal(t, len(part), n)
			}
			p.end()
			require.Equal(t, tc.flushed, c.flushed)
		})
	}
}

// What a client gets is what ReverseProxy alone would give it.
func TestTheHeadOfAnAnswerIsThatOfAReverseProxy(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Date"] = []string{"Thu, 01 Jan 1970 00:00:00 GMT"}
		h["Set-Cookie"] = []string{"a=1", "b=2", "a=1"}
		h["Vary"] = []string{"Accept", "Origin, X-Tenant"}
		h["X-Empty"] = []string{""}
		h["WWW-Authenticate"] = []string{`Bearer realm="backend"`}
		h["Connection"] = []string{"X-Hop, Vary"}
		h["X-Hop"] = []string{"1"}
		switch path.Base(r.URL.Path) {
		case "status":
			w.WriteHeader(http.StatusTeapot)
		case "none":
			w.WriteHeader(http.StatusNoContent)
		case "same":
			h.Set("Etag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "events":
			h.Set("Content-Type", "text/event-stream")
			h.Set("Content-Length", "3")
			io.WriteString(w, "ok\n")
		case "chunked":
			io.WriteString(w, "o")
			w.(http.Flusher).Flush()
			io.WriteString(w, "k")
		case "hinted":
			h.Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			h.Del("Link")
			io.WriteString(w, "ok")
		case "trailed":
			h.Set("Trailer", "X-Sum")
			io.WriteString(w, "ok")
			h.Set("X-Sum", "42")
		default:
			h.Set("Content-Type", "text/plain")
			io.WriteString(w, "ok")
		}
	})
	up := httptest.NewServer(backend)
	t.Cleanup(up.Close)
	target, err := url.Parse(up.URL)
	require.NoError(t, err)
	alone := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: newTransport()})
	t.Cleanup(alone.Close)
	w := newWorld(t, backend)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, kind := range []string{"usual", "status", "none", "same", "events", "chunked", "hinted", "trailed"} {
			t.Run(method+" "+kind, func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), method, alone.URL+"/orders/"+kind, nil)
				require.NoError(t, err)
				want := w.do(r)
				for range 2 { // of one connection
					got := w.do(w.request(method, "/orders/"+kind, w.token(), nil))
					require.Equal(t, want.Header, got.Header)
					require.NotContains(t, got.Header, "X-Hop")
					require.Equal(t, []string{"a=1", "b=2", "a=1"}, got.Header["Set-Cookie"])
					require.Equal(t, want.StatusCode, got.StatusCode)
					require.Equal(t, want.ContentLength, got.ContentLength)
					require.Equal(t, want.TransferEncoding, got.TransferEncoding)
					require.Equal(t, body(t, want), body(t, got))
					require.Equal(t, want.Trailer, got.Trailer)
					want = w.do(r.Clone(t.Context()))
				}
			})
		}
	}
}

// What is there already stays, and nothing is written into what is the backend's.
func TestTheHeadOfAnAnswerIsAddedToWhatIsThere(t *testing.T) {
	mine, theirs := make([]string, 1, 2), []string{"Origin"}
	mine[0] = "Accept"
	p := &prompt{ResponseWriter: deaf{http.Header{"Vary": mine, "Date": nil, "X-Mine": {"1"}}}}
	res := &http.Response{Header: http.Header{"Vary": theirs, "Date": {"today"}, "X-Theirs": {"2", "3"}}}
	p.take(res)
	require.Equal(t, http.Header{"Vary": {"Accept", "Origin"}, "Date": {"today"}, "X-Mine": {"1"}, "X-Theirs": {"2", "3"}}, p.Header())
	require.Equal(t, []string{"Origin"}, theirs)
	require.Empty(t, res.Header, "ReverseProxy would add it once more")
}

// The exchange may end between the backend's answer and the first byte of it to the client, who has a moment to read it, and then no connection.
func TestAnAnswerThatIsOvertakenByTheExpiryTakesItsConnectionWithIt(t *testing.T) {
	for _, tc := range []struct {
		name    string
		expires bool
		want    string
	}{{"overtaken", true, "close"}, {"in time", false, ""}} {
		t.Run(tc.name, func(t *testing.T) {
			c := &counting{deaf: deaf{http.Header{}}}
			x, _ := beginExchange(c, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), nil, &watch{}, time.Now().Add(time.Hour), 0)
			if tc.expires {
				x.expire()
			}
			p := &prompt{ResponseWriter: c, exchange: x}
			p.Header().Set("Content-Length", "2")
			p.WriteHeader(http.StatusOK)
			require.Equal(t, tc.want, p.Header().Get("Connection"))
			require.Equal(t, !tc.expires, x.began)
			x.end()
		})
	}
}
