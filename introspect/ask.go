package introspect

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// asker makes a call to the endpoint, and remembers nothing.
type asker struct {
	*settings

	client      *http.Client
	clientID    string
	credentials credentials
}

// newAsker returns an asker with a copy of the caller's client, or one of its own, that obeys the rules of this package.
func newAsker(s *settings, a Auth, caller *http.Client) *asker {
	c := http.Client{}
	if caller != nil {
		c = *caller
	}
	if c.Transport == nil {
		c.Transport = newTransport(s.timeout)
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the credentials do not follow; the redirect itself is then an answer that is not 200
	}
	return &asker{settings: s, client: &c, clientID: a.ClientID, credentials: a.compile(s.issuer)}
}

// newTransport bounds what net/http goes on with after a call has ended: to connect, for a later call.
func newTransport(timeout time.Duration) *http.Transport {
	alive := max(timeout, time.Second) // after so long without a byte, a connection must answer a ping, within as long
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: alive, PingTimeout: alive},
		MaxIdleConnsPerHost:    maxCalls,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// ask makes one call. Its error is a *failure.
//
// Only what the endpoint does, or fails to do, is an outage: not that our own credentials cannot be had, nor that a signed answer,
// which is there, cannot be verified.
func (a *asker) ask(tok string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout) // it belongs to none of those who wait for it
	defer cancel()
	r, err := stage(ctx, false, func(ctx context.Context) (*http.Request, error) { return a.request(ctx, tok) })
	if err != nil {
		return answer{}, err
	}
	got, err := stage(ctx, true, func(ctx context.Context) (reply, error) { return a.exchange(ctx, r) })
	if err != nil {
		return answer{}, err
	}
	if got.status == http.StatusBadRequest {
		return readRejection(got)
	}
	return stage(ctx, false, func(ctx context.Context) (answer, error) { return a.read(ctx, got) })
}

// stage is a part of a call, with a guard around the caller's functions.
func stage[T any](ctx context.Context, outage bool, part func(context.Context) (T, error)) (T, error) {
	got, err := contain(ctx, part)
	switch f, ok := errors.AsType[*failure](err); {
	case err == nil:
		return got, nil
	case ok:
		err = f
	case errors.Is(err, errPanic):
		err = &failure{class: "panic"}
	default:
		err = &failure{class: "timeout", outage: outage}
	}
	var none T
	return none, err
}

// reply is what the endpoint says, before it is understood.
type reply struct {
	status      int
	contentType string // "" if there are several
	body        []byte // nil if it is too large
}

func (a *asker) exchange(ctx context.Context, r *http.Request) (reply, error) {
	resp, err := a.client.Do(r)
	if err != nil {
		return reply{}, transportFailure(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := acceptable(resp); err != nil {
		return reply{}, err
	}
	got := reply{status: resp.StatusCode}
	if types := resp.Header.Values("Content-Type"); len(types) == 1 {
		got.contentType = types[0]
	}
	got.body, err = readBody(ctx, resp)
	return got, err
}

// request puts the token into the body: URLs are logged (RFC 7662 section 4).
func (a *asker) request(ctx context.Context, tok string) (*http.Request, error) {
	form := url.Values{"token": {tok}, "token_type_hint": {"access_token"}}
	h := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if a.verify != nil {
		h.Set("Accept", "application/"+signedType) // RFC 9701 section 4
	}
	if err := a.credentials(ctx, form, h); err != nil {
		return nil, &failure{class: "credentials"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &failure{class: "request"}
	}
	r.Header = h
	return r, nil
}

// transportFailure names why there is no answer. The text of err is not passed on: it may quote what the other side sent.
func transportFailure(err error) *failure {
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return &failure{class: "timeout", outage: true}
	}
	return &failure{class: "transport", outage: true}
}

// acceptable judges the head of an answer: only a 200, and a 400, may be a word about the token.
func acceptable(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 500:
		return &failure{class: "status", status: resp.StatusCode, outage: true}
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest: // a redirect, and a 401 to our own client, are no word about the token
		return &failure{class: "status", status: resp.StatusCode}
	case resp.Request != nil && resp.Request.Response != nil: // a RoundTripper that follows redirects by itself
		return &failure{class: "redirect"}
	}
	return nil
}

// until ends the reading of a body with ctx, whatever the caller's RoundTripper makes of it.
type until struct {
	ctx context.Context
	io.Reader
}

func (r until) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// readBody returns nil for a body that is too large.
func readBody(ctx context.Context, resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(until{ctx, resp.Body}, maxAnswer+1))
	switch {
	case err != nil:
		return nil, transportFailure(err)
	case len(body) > maxAnswer:
		return nil, nil
	}
	return append(make([]byte, 0, len(body)), body...), nil // of its own size: it may be kept
}

// What a 200 may say that is neither a yes nor a no. Both may be the doing of whoever sent the token.
var (
	errSize  = &failure{class: "size", well: true}
	errShape = &failure{class: "answer", well: true}
)

// read takes the verdict from a 200.
func (a *asker) read(ctx context.Context, got reply) (answer, error) {
	if got.body == nil {
		return answer{}, errSize
	}
	mediaType, _, err := mime.ParseMediaType(got.contentType)
	wanted := "application/json"
	if a.verify != nil {
		wanted = "application/" + signedType
	}
	if err != nil || mediaType != wanted {
		return answer{}, &failure{class: "content_type"} // a login page, or an answer without the signature that was asked for
	}
	body := got.body
	if a.verify != nil {
		if body, err = a.unwrap(ctx, string(body)); err != nil {
			return answer{}, err
		}
	}
	said, ok := readAnswer(body, a.issuer)
	if !ok {
		return answer{}, errShape
	}
	return said, nil
}

// readRejection tells a 400 about this very token, such as oidc-provider's unsupported_token_type for a JWT, from one about
// ourselves, which RFC 6749 section 5.2 allows instead of a 401.
func readRejection(got reply) (answer, error) {
	code := ""
	_ = strictjson.Object(got.body, func(name string, value []byte) error {
		if name == "error" {
			code, _ = strictjson.String(value)
		}
		return nil
	})
	if code == "invalid_client" || code == "unauthorized_client" {
		return answer{}, &failure{class: "status", status: got.status}
	}
	return answer{verdict: rejected}, nil
}
