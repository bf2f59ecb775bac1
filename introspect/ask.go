package introspect

import (
	"bytes"
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
		c.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    maxCalls,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		}
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the credentials do not follow; the redirect itself is then an answer that is not 200
	}
	return &asker{settings: s, client: &c, clientID: a.ClientID, credentials: a.compile(s.issuer)}
}

// ask makes one call. Its error is a *failure.
func (a *asker) ask(tok string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout) // it belongs to none of those who wait for it
	defer cancel()
	got, err := contain(ctx, func(ctx context.Context) (answer, error) { return a.call(ctx, tok) })
	switch f, ok := errors.AsType[*failure](err); {
	case err == nil:
		return got, nil
	case ok:
		return answer{}, f
	case errors.Is(err, errPanic):
		return answer{}, &failure{class: "panic"}
	default:
		return answer{}, &failure{class: "timeout", outage: true}
	}
}

// call is ask without a guard around the caller's functions.
func (a *asker) call(ctx context.Context, tok string) (answer, error) {
	r, err := a.request(ctx, tok)
	if err != nil {
		return answer{}, err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return answer{}, transportFailure(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusBadRequest {
		return a.readRejection(ctx, resp)
	}
	if err := acceptable(resp); err != nil {
		return answer{}, err
	}
	body, err := readBody(ctx, resp)
	if err != nil {
		return answer{}, err
	}
	return a.read(ctx, resp.Header.Get("Content-Type"), body)
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

// acceptable judges the head of an answer that is not a 400.
func acceptable(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 500:
		return &failure{class: "status", status: resp.StatusCode, outage: true}
	case resp.StatusCode != http.StatusOK: // a redirect, and a 401 to our own client, are no word about the token
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

func readBody(ctx context.Context, resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(until{ctx, resp.Body}, maxAnswer+1))
	switch {
	case err != nil:
		return nil, transportFailure(err)
	case len(body) > maxAnswer:
		return nil, &failure{class: "size", well: true}
	}
	return bytes.Clone(body), nil // to its own size: it may be kept
}

// errShape is an answer of the right type that cannot be taken for a yes or a no.
var errShape = &failure{class: "answer", well: true}

// read takes the verdict from a 200.
func (a *asker) read(ctx context.Context, contentType string, body []byte) (answer, error) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	wanted := "application/json"
	if a.verify != nil {
		wanted = "application/" + signedType
	}
	if err != nil || mediaType != wanted {
		return answer{}, &failure{class: "content_type"} // a login page, or an answer without the signature that was asked for
	}
	if a.verify != nil {
		if body, err = a.unwrap(ctx, string(body)); err != nil {
			return answer{}, err
		}
	}
	got, ok := readAnswer(body, a.issuer)
	if !ok {
		return answer{}, errShape
	}
	return got, nil
}

// readRejection tells a 400 about this very token, such as oidc-provider's unsupported_token_type for a JWT, from one about
// ourselves, which RFC 6749 section 5.2 allows instead of a 401.
func (a *asker) readRejection(ctx context.Context, resp *http.Response) (answer, error) {
	body, err := readBody(ctx, resp)
	if f, ok := errors.AsType[*failure](err); ok && !f.well {
		return answer{}, err
	}
	code := ""
	_ = strictjson.Object(body, func(name string, value []byte) error {
		if name == "error" {
			code, _ = strictjson.String(value)
		}
		return nil
	})
	if code == "invalid_client" || code == "unauthorized_client" {
		return answer{}, &failure{class: "status", status: resp.StatusCode}
	}
	return answer{verdict: rejected}, nil
}
