package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
)

const (
	dialTimeout     = 5 * time.Second
	headTimeout     = 60 * time.Second // for the head of an answer, once the request has been sent; its body may take for ever
	continueTimeout = time.Second
	idleTimeout     = 90 * time.Second
	idlePerUpstream = 256
	maxAnswerHead   = 256 << 10
	copyBuffer      = 32 << 10
)

// A proxy forwards what the guard let through to one upstream.
type proxy struct {
	target     *url.URL
	identity   *forward.Headers
	leeway     map[string]time.Duration // by issuer
	pastExpiry bool
	log        *slog.Logger
	reverse    *httputil.ReverseProxy
	watch      watch
}

// start makes the reverse proxy out of what the fields say.
func (p *proxy) start() {
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      newTransport(),
		ErrorLog:       slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
		BufferPool:     buffers{},
		ModifyResponse: answered,
		ErrorHandler:   p.fail,
	}
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // an upstream is reached directly, whatever HTTP_PROXY says
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headTimeout,
		ExpectContinueTimeout:  continueTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    idlePerUpstream,
		MaxResponseHeaderBytes: maxAnswerHead,
		DisableCompression:     true, // what the client accepts and what the backend sends is between the two
		WriteBufferSize:        copyBuffer,
		ReadBufferSize:         copyBuffer,
	}
}

// ServeHTTP forwards one request. It expects the guard's decision in the context; without one the route is public.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := lineOf(r)
	if l != nil {
		l.forwards = true
		defer l.release()
		if !r.ProtoAtLeast(1, 1) {
			defer func() { breakOff(l, recover()) }()
		}
	}
	var u *upload
	if r.ContentLength != 0 {
		u, r = beginUpload(w, r)
		defer u.end()
	}
	answer := &prompt{ResponseWriter: w, upload: u, keeps: r.ProtoMajor != 1}
	if l != nil {
		l.answer = answer
	}
	if expiry, leeway := p.endOf(r); !expiry.IsZero() {
		answer.exchange, r = beginExchange(w, r, l, &p.watch, expiry, leeway)
		defer answer.exchange.end()
	}
	p.reverse.ServeHTTP(answer, r)
	if all := answer.end(); !all && l != nil {
		l.forwards = false // for a client that does not read what is left, there is a time too
	}
}

// endOf is when the identity behind r expires and what leeway that has, or zero if nothing ends with it.
func (p *proxy) endOf(r *http.Request) (expiry time.Time, leeway time.Duration) {
	id, known := middleware.IdentityFrom(r.Context())
	if !known || p.pastExpiry || id.Expiry.IsZero() {
		return time.Time{}, 0
	}
	return id.Expiry, p.leewayOf(&id)
}

// breakOff lets a panic go on that ends an answer of HTTP/1.0. Where such an answer does not tell its length, the client takes the end of the
// connection for that of the answer, unless it is an error.
func breakOff(l *line, panicked any) {
	if panicked != nil {
		l.reset()
		panic(panicked)
	}
}

// leewayOf is how long after its expiry the credential would still be taken if it came again. There is none once the issuer
// has said when it ends.
func (p *proxy) leewayOf(id *middleware.Identity) time.Duration {
	if !id.Introspection.Expiry().IsZero() {
		return 0
	}
	return p.leeway[id.Issuer]
}

// rewrite addresses the request to the upstream and changes nothing of what was judged: the path goes out byte for byte as
// it came in, and so does the query, which no rule looks at and which is therefore the backend's alone to interpret.
//
// Trailers of the request are dropped (RFC 9110 section 6.5.1 allows it): a backend that merges them into the header would
// take a forged identity from there.
func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.URL.Opaque = p.target.Scheme, p.target.Host, originForm(pr.In)
	out.URL.RawQuery = pr.In.URL.RawQuery
	out.Host = "" // the upstream's own; what the client asked for is in X-Forwarded-Host
	out.Trailer = nil
	dropHearsay(out.Header)
	dropUpgrade(out)
	pr.SetXForwarded()
	p.identity.Rewrite(pr)
}

// fail answers for a backend that did not.
func (p *proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadGateway
	switch {
	case !exchangeOf(r).begin():
		status = http.StatusGatewayTimeout
	case r.Context().Err() != nil: // the client has left, or the gateway is closing: there is no one to tell
		panic(http.ErrAbortHandler)
	case uploadOf(r).failed():
		status = http.StatusBadRequest
	case isTimeout(err):
		status = http.StatusGatewayTimeout
	}
	if status != http.StatusBadRequest { // which is not the upstream's doing
		p.log.LogAttrs(r.Context(), slog.LevelWarn, "upstream", slog.String("host", p.target.Host), slog.String("error", describe(err)))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := http.StatusText(status)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that has left has nobody to tell
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return (ok && timeout.Timeout()) || errors.Is(err, os.ErrDeadlineExceeded)
}

// describe says what happened without a byte of what the backend sent: a parser's error quotes its input.
func describe(err error) string {
	if dial, ok := errors.AsType[*net.OpError](err); ok {
		return dial.Error()
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errExpired):
		return errExpired.Error()
	case isTimeout(err):
		return "no answer in time"
	default:
		return "broke off or is not HTTP"
	}
}

// buffers lends the proxy what it copies bodies through, so that memory does not grow with the number of requests.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func (buffers) Get() []byte  { return bufferPool.Get().(*[copyBuffer]byte)[:] }
func (buffers) Put(b []byte) { bufferPool.Put((*[copyBuffer]byte)(b)) }
