package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkProxy measures one request over loopback, keep-alive, by four ways to the same backend: a bare ReverseProxy; one
// behind the least check of an ES256 token that the standard library can do; the gateway on a public route; the gateway with
// the same token, which it remembers. The least and the gateway are measured with tokens that are new each time as well. The
// gateway over the bare proxy is what protection costs; with new tokens, the least check is its floor.
func BenchmarkProxy(b *testing.B) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	w := newWorld(b, backend)
	fresh := make([]string, 30_000) // as signatures are randomised, no two are the same
	for n := range fresh {
		fresh[n] = w.token()
	}
	again, next := []string{w.token()}, 0
	up := httptest.NewServer(backend)
	b.Cleanup(up.Close)
	target, err := url.Parse(up.URL)
	require.NoError(b, err)
	bare := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: newTransport(),
	}
	bareServer := httptest.NewServer(bare)
	b.Cleanup(bareServer.Close)
	leastServer := httptest.NewServer(leastCheck(b, w, bare))
	b.Cleanup(leastServer.Close)
	for _, way := range []struct {
		name, url string
		tokens    []string
	}{
		{"bare", bareServer.URL + "/orders/7", again},
		{"least", leastServer.URL + "/orders/7", again},
		{"least-new", leastServer.URL + "/orders/7", fresh},
		{"public", "http://" + w.address + "/public/x", again},
		{"gateway", "http://" + w.address + "/orders/7", again},
		{"gateway-new", "http://" + w.address + "/orders/7", fresh},
	} {
		b.Run(way.name, func(b *testing.B) {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, way.url, nil)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				r.Header.Set("Authorization", "Bearer "+way.tokens[next%len(way.tokens)])
				next++
				res, err := w.client.Do(r)
				if err != nil || res.StatusCode != http.StatusOK {
					b.Fatal(err, res)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
}

// leastCheck verifies the signature, the issuer and the expiry of a token, and nothing else.
func leastCheck(b *testing.B, w *world, next http.Handler) http.Handler {
	b.Helper()
	keys, err := w.issuer.PublicKeys(context.Background(), "", "ES256")
	require.NoError(b, err)
	key := keys[0].(*ecdsa.PublicKey)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		dot := strings.LastIndexByte(raw, '.')
		sig, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
		sum := sha256.Sum256([]byte(raw[:dot]))
		if err != nil || len(sig) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			http.Error(rw, "signature", http.StatusUnauthorized)
			return
		}
		_, payload, _ := strings.Cut(raw[:dot], ".")
		text, err := base64.RawURLEncoding.DecodeString(payload)
		var claims struct {
			Iss string
			Exp int64
		}
		if err != nil || json.Unmarshal(text, &claims) != nil || claims.Iss != w.issuer.URL() || time.Now().Unix() > claims.Exp {
			http.Error(rw, "claims", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// canned answers every request itself.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: 2, Request: r,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}, "Content-Length": {"2"}},
		Body:   io.NopCloser(strings.NewReader("ok")),
	}, nil
}

// BenchmarkHandler is BenchmarkProxy without the network: what the gateway itself does for a request whose token it remembers, beside
// what a bare ReverseProxy does.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b, http.NotFoundHandler())
	target, err := url.Parse("http://upstream.test")
	require.NoError(b, err)
	for _, p := range w.server.gateway.proxies {
		p.reverse.Transport = canned{}
	}
	bare := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: canned{}, BufferPool: buffers{},
	}
	var open openLines
	ctx, cancel := context.WithCancel(open.begin(b.Context(), nil)) // as a server makes it
	b.Cleanup(cancel)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/orders/7", nil)
	r.Header.Set("Authorization", "Bearer "+w.token())
	r.Header.Set("User-Agent", "bench")
	for _, way := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"gateway", w.server}} {
		b.Run(way.name, func(b *testing.B) {
			answer := httptest.NewRecorder()
			way.handler.ServeHTTP(answer, r)
			require.Equal(b, "ok", answer.Body.String())
			b.ReportAllocs()
			for b.Loop() {
				rec := deaf{http.Header{}}
				way.handler.ServeHTTP(rec, r)
			}
		})
	}
}

// deaf is a ResponseWriter that keeps nothing.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header         { return d.header }
func (d deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d deaf) WriteHeader(int)             {}
func (d deaf) FlushError() error           { return nil }
