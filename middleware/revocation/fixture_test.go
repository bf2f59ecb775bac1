package revocation_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/token"
)

const (
	issuer   = "https://issuer.test"
	audience = "orders-api"
)

type members = map[string]any

// ofJWT is the identity of a verified JWT with these claims.
func ofJWT(tb testing.TB, claims members) middleware.Identity {
	tb.Helper()
	i := localissuer.New(issuer)
	v, err := token.NewVerifier(i, token.Policy{Issuer: issuer, Audiences: []string{audience}}, nil)
	require.NoError(tb, err)
	c, err := v.Verify(tb.Context(), i.AccessToken(audience, claims))
	require.NoError(tb, err)
	return middleware.Identity{Subject: c.Subject(), Issuer: c.Issuer(), ClientID: c.ClientID(), Expiry: c.Expiry(), Token: c}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// ofOpaque is the identity of an opaque token of which the issuer says this.
func ofOpaque(tb testing.TB, said members) middleware.Identity {
	tb.Helper()
	said["active"], said["aud"] = true, audience
	body, err := json.Marshal(said)
	require.NoError(tb, err)
	c, err := introspect.New(introspect.Config{
		Endpoint: issuer + "/introspect", Issuer: issuer, Audiences: []string{audience},
		Auth: introspect.Auth{Method: "client_secret_basic", ClientID: "api", Secret: func(context.Context) (string, error) { return "s", nil }},
	}, &introspect.Options{HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return answer(http.StatusOK, string(body), http.Header{"Content-Type": {"application/json"}}), nil
	})}})
	require.NoError(tb, err)
	r, err := c.Introspect(tb.Context(), "opaque")
	require.NoError(tb, err)
	return middleware.Identity{Subject: r.Subject(), Issuer: r.Issuer(), ClientID: r.ClientID(), Introspection: r}
}

// saying is a source made of its one method.
type saying func(ctx context.Context) ([]revocation.Entry, bool, error)

func (f saying) Read(ctx context.Context) ([]revocation.Entry, bool, error) { return f(ctx) }

// scripted is a source that says what a test wants it to.
type scripted struct {
	mu      sync.Mutex
	entries []revocation.Entry
	same    bool // from the second time on
	err     error
	reads   int
}

func (s *scripted) Read(context.Context) ([]revocation.Entry, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.entries, !s.same || s.reads == 1, s.err
}

func (s *scripted) say(err error, entries ...revocation.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.err = entries, err
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func newList(tb testing.TB, c revocation.Config) *revocation.List {
	tb.Helper()
	l, err := revocation.New(c)
	require.NoError(tb, err)
	return l
}

func revoked(tb testing.TB, l *revocation.List, id middleware.Identity) bool {
	tb.Helper()
	cut, err := l.Revoked(tb.Context(), id)
	require.NoError(tb, err)
	return cut
}

func at(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
