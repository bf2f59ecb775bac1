package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

const (
	endpointURL = "https://issuer.test/introspect"
	issuerURL   = "https://issuer.test"
	audience    = "https://api.test"
	secret      = "s3cr3t" // part of every value that must not show in an error
	tokenA      = "s3cr3t-token-a"
	tokenB      = "s3cr3t-token-b"
	inactive    = `{"active":false}`
)

// endpoint is an introspection endpoint in memory: time in a bubble passes for it as for its callers.
type endpoint struct {
	mu       sync.Mutex
	status   int
	header   http.Header
	body     string            // what is said of every token
	bodies   map[string]string // what is said of one token
	delay    time.Duration
	hang     bool // until the request's context ends
	err      error
	respond  func(*http.Request, url.Values) (*http.Response, error)
	requests []*http.Request
	forms    []url.Values
	tokens   []string
	under    int // way
	most     int // under way at once
}

func serving(body string) *endpoint {
	return &endpoint{status: 200, body: body, header: http.Header{"Content-Type": {"application/json"}}, bodies: map[string]string{}}
}

func (u *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	u.requests, u.forms, u.tokens = append(u.requests, r), append(u.forms, form), append(u.tokens, form.Get("token"))
	delay, hang, respond := u.delay, u.hang, u.respond
	u.under++
	u.most = max(u.most, u.under)
	u.mu.Unlock()
	defer u.set(func(u *endpoint) { u.under-- })
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err := pass(r.Context(), delay); err != nil {
		return nil, err
	}
	if respond != nil {
		return respond(r, form)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return nil, u.err
	}
	body, ok := u.bodies[form.Get("token")]
	if !ok {
		body = u.body
	}
	return answer(r, u.status, u.header, body), nil
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func answer(r *http.Request, status int, h http.Header, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: h.Clone(), Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1}
}

func (u *endpoint) set(change func(*endpoint)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
}

func (u *endpoint) serve(body string) {
	u.set(func(u *endpoint) { u.status, u.body, u.hang, u.err, u.delay, u.respond = 200, body, false, nil, 0, nil })
}

func (u *endpoint) fail(status int) {
	u.set(func(u *endpoint) { u.status, u.body, u.hang = status, secret, false })
}

func (u *endpoint) calls() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.requests)
}

func (u *endpoint) mostAtOnce() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.most
}

func (u *endpoint) lastRequest() (*http.Request, url.Values) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests[len(u.requests)-1], u.forms[len(u.forms)-1]
}

func config() introspect.Config {
	return introspect.Config{
		Endpoint:  endpointURL,
		Auth:      introspect.Auth{Method: "client_secret_basic", ClientID: "gateway", Secret: always(secret)},
		Issuer:    issuerURL,
		Audiences: []string{audience},
	}
}

func always(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

// client is a Client over u with default options, but for what edit changes.
func (u *endpoint) client(tb testing.TB, edit ...func(*introspect.Config, *introspect.Options)) *introspect.Client {
	tb.Helper()
	c, o := config(), &introspect.Options{HTTPClient: &http.Client{Transport: u}}
	for _, e := range edit {
		e(&c, o)
	}
	made, err := introspect.New(c, o)
	require.NoError(tb, err)
	return made
}

// options is an edit of the options alone.
func options(edit func(*introspect.Options)) func(*introspect.Config, *introspect.Options) {
	return func(_ *introspect.Config, o *introspect.Options) { edit(o) }
}

// active is an answer with the members that a good one needs, and more of them.
func active(more ...string) string {
	return fmt.Sprintf(`{"active":true,"aud":%q%s}`, audience, strings.Join(append([]string{""}, more...), ","))
}

func expiring(in time.Duration) string { return fmt.Sprintf(`"exp":%d`, time.Now().Add(in).Unix()) }

// finding is the outcome of a call in one word, and how long it took.
type finding struct {
	word string // active, a reason, or left
	took time.Duration
}

func ask(ctx context.Context, c *introspect.Client, tok string, have ...introspect.Proof) finding {
	start := time.Now()
	r, err := c.Introspect(ctx, tok, have...)
	f := finding{"active", time.Since(start)}
	switch {
	case (err == nil) != (r != nil):
		f.word = "both or neither"
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		f.word = "left"
	case err != nil:
		f.word = string(introspect.ReasonOf(err))
		if (f.word != "undecided") != errors.Is(err, introspect.ErrRefused) || strings.Contains(err.Error(), secret) {
			f.word = "a bad error: " + err.Error()
		}
	}
	return f
}

// atOnce is a finding that took no time.
func atOnce(word string) finding { return finding{word, 0} }

// landing stands at the end of a bubble, which then fails if a goroutine outlives the timeouts of the call that it belongs to.
func landing() { time.Sleep(10 * time.Second) }

// newQuiet is an endpoint that keeps no record of what it was asked.
type quiet struct{ body string }

func newQuiet(body string) quiet { return quiet{body} }

func (q quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	return answer(r, 200, http.Header{"Content-Type": {"application/json"}}, q.body), nil
}

func (q quiet) client(tb testing.TB, edit ...func(*introspect.Config, *introspect.Options)) *introspect.Client {
	tb.Helper()
	cfg, o := config(), &introspect.Options{HTTPClient: &http.Client{Transport: q}}
	for _, e := range edit {
		e(&cfg, o)
	}
	c, err := introspect.New(cfg, o)
	require.NoError(tb, err)
	return c
}
