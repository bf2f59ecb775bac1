package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// The settings of the gateway's own server and proxy (examples/gateway, server.go and proxy.go). A tuned proxy has all of them, so that it does the same
// but for the checks and what they find: the token goes on to the backend, and nothing about who calls. A bare one has the server's and the transport's.
const (
	headerTimeout   = 10 * time.Second
	keepAlive       = 2 * time.Minute
	maxRequestHead  = 64 << 10
	dialTimeout     = 5 * time.Second
	headTimeout     = 60 * time.Second
	continueTimeout = time.Second
	idleTimeout     = 90 * time.Second
	idlePerUpstream = 256
	maxAnswerHead   = 256 << 10
	copyBuffer      = 32 << 10
)

// play is what the command does when it has started itself as one of the parts: it serves until ctx ends or it is killed.
func play(ctx context.Context, args []string) error {
	h, err := part(args)
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	slog.New(slog.NewTextHandler(os.Stderr, nil)).Info("listening", "address", ln.Addr().String())
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: keepAlive, MaxHeaderBytes: maxRequestHead}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return server.Serve(ln)
}

// part is the handler that the arguments name: upstream; or a proxy, bare UPSTREAM or tuned UPSTREAM, and with the least check in front of it if
// ISSUER KEY follow, the key as PKIX in base64.
func part(args []string) (http.Handler, error) {
	switch {
	case len(args) == 1 && args[0] == "upstream":
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }), nil
	case (len(args) == 2 || len(args) == 4) && (args[0] == "bare" || args[0] == "tuned"):
		next, err := bareProxy(args[1])
		if err != nil {
			return nil, err
		}
		if args[0] == "tuned" {
			next.BufferPool = buffers{}
		}
		if len(args) == 2 {
			return next, nil
		}
		der, err := base64.StdEncoding.DecodeString(args[3])
		if err != nil {
			return nil, err
		}
		key, err := x509.ParsePKIXPublicKey(der)
		return least{key: key, issuer: args[2], next: next}, err
	default:
		return nil, fmt.Errorf("no such part: %q", args)
	}
}

// bareProxy is a ReverseProxy with nothing but what it needs, and the gateway's transport.
func bareProxy(upstream string) (*httputil.ReverseProxy, error) {
	target, err := url.Parse(upstream)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  headTimeout,
			ExpectContinueTimeout:  continueTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    idlePerUpstream,
			MaxResponseHeaderBytes: maxAnswerHead,
			DisableCompression:     true,
			WriteBufferSize:        copyBuffer,
			ReadBufferSize:         copyBuffer,
		},
	}, err
}

// buffers lends a proxy what it copies bodies through. Without them it takes 32 KiB for each answer.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func (buffers) Get() []byte  { return bufferPool.Get().(*[copyBuffer]byte)[:] }
func (buffers) Put(b []byte) { bufferPool.Put((*[copyBuffer]byte)(b)) }
