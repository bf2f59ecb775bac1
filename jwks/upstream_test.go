package jwks_test

import (
	"bytes"
	"context"
	"crypto"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

const keysURL = "https://id.example.test/keys"

// upstream is an issuer in memory: time in a bubble passes for it as for its callers.
type upstream struct {
	mu       sync.Mutex
	status   int
	header   http.Header
	body     string
	delay    time.Duration
	hang     bool // until the request's context ends
	respond  func(*http.Request) (*http.Response, error)
	requests []*http.Request
}

func serving(body string) *upstream { return &upstream{status: 200, body: body, header: http.Header{}} }

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	u.mu.Lock()
	u.requests = append(u.requests, r)
	delay, hang, respond := u.delay, u.hang, u.respond
	u.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err := pass(r.Context(), delay); err != nil {
		return nil, err
	}
	if respond != nil {
		return respond(r)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return answer(r, u.status, u.header, u.body), nil
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

// set changes the issuer under its lock.
func (u *upstream) set(change func(*upstream)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
}

func (u *upstream) serve(body string) {
	u.set(func(u *upstream) { u.status, u.body, u.hang, u.delay, u.respond = 200, body, false, 0, nil })
}

func (u *upstream) fail() {
	u.set(func(u *upstream) { u.status, u.body, u.hang = 503, "out of order", false })
}

func (u *upstream) stall() { u.set(func(u *upstream) { u.hang = true }) }

func (u *upstream) slow(d time.Duration) { u.set(func(u *upstream) { u.delay = d }) }

// fetches is how many requests there have been.
func (u *upstream) fetches() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.requests)
}

func (u *upstream) last() *http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests[len(u.requests)-1]
}

// cache is a Cache over u with default options, but for what edit changes.
func (u *upstream) cache(t *testing.T, edit ...func(*jwks.Options)) *jwks.Cache {
	t.Helper()
	o := &jwks.Options{HTTPClient: &http.Client{Transport: u}}
	for _, e := range edit {
		e(o)
	}
	c, err := jwks.New(keysURL, o)
	require.NoError(t, err)
	return c
}

// warm is cache after one good fetch.
func (u *upstream) warm(t *testing.T, edit ...func(*jwks.Options)) *jwks.Cache {
	t.Helper()
	c := u.cache(t, edit...)
	require.NoError(t, c.Refresh(t.Context()))
	return c
}

// verdict is the outcome of a look-up in one word, and how long it took.
type verdict struct {
	word string // found, none, undecided
	took time.Duration
}

func ask(ctx context.Context, c *jwks.Cache, kid string) verdict {
	start := time.Now()
	keys, err := c.PublicKeys(ctx, kid, "ES256")
	v := verdict{"found", time.Since(start)}
	switch {
	case err != nil && len(keys) > 0:
		v.word = "keys and an error"
	case err != nil:
		v.word = "undecided"
	case len(keys) == 0:
		v.word = "none"
	}
	return v
}

// at once is a verdict that took no time.
func atOnce(word string) verdict { return verdict{word, 0} }

// endless is a body that never ends and counts what was read of it.
type endless struct {
	mu   sync.Mutex
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := copy(p, bytes.Repeat([]byte(" "), len(p)))
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }

// landing stands at the end of a bubble, which then fails if a goroutine outlives the Timeout of the fetch that it might belong to.
func landing() { time.Sleep(5 * time.Second) }

func keysOf(t *testing.T, c *jwks.Cache, kid string) []crypto.PublicKey {
	t.Helper()
	keys, err := c.PublicKeys(t.Context(), kid, "ES256")
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	return keys
}
