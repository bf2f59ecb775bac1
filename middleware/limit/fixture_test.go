package limit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

var (
	limited   = middleware.ErrLimited
	errBroken = errors.New("secret detail of the database")
)

// answering is an authenticator made of its one method.
type answering func(r *http.Request) (middleware.Identity, error)

func (f answering) Authenticate(r *http.Request) (middleware.Identity, error) { return f(r) }

// telling takes "good..." for a good credential of a subject of that name, refuses "bad...", and cannot decide on anything
// else.
var telling = answering(func(r *http.Request) (middleware.Identity, error) {
	credential := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case credential == "":
		return middleware.Identity{}, middleware.ErrNoCredentials
	case strings.HasPrefix(credential, "good"):
		return middleware.Identity{Subject: credential}, nil
	case strings.HasPrefix(credential, "bad"):
		return middleware.Identity{}, fmt.Errorf("%w: by telling", middleware.ErrRefused)
	default:
		return middleware.Identity{}, errBroken
	}
})

// failing has one answer to everybody.
func failing(err error) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) { return middleware.Identity{}, err })
}

// newLimiter returns a limiter of three guesses a minute, unless told otherwise.
func newLimiter(tb testing.TB, edits ...func(*limit.Config)) *limit.Limiter {
	tb.Helper()
	c := limit.Config{PerMinute: 3, Burst: 3}
	for _, edit := range edits {
		edit(&c)
	}
	l, err := limit.New(c)
	require.NoError(tb, err)
	return l
}

// from makes a request of a peer, with headers given as "Name: value".
func from(peer string, headers ...string) *http.Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, RemoteAddr: peer}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func bearer(peer, credential string) *http.Request {
	return from(peer, "Authorization: Bearer "+credential)
}

const alice, bob = "192.0.2.1:1001", "192.0.2.2:1002"

func send(l *limit.Limiter, peer, credential string) error {
	_, err := l.Authenticate(bearer(peer, credential), telling)
	return err
}

// guess has the peer send n different wrong credentials, all of which are examined.
func guess(t *testing.T, l *limit.Limiter, peer string, n int) {
	t.Helper()
	for i := range n {
		require.ErrorIs(t, send(l, peer, fmt.Sprintf("bad-%s-%d-%d", peer, i, time.Now().UnixNano())), middleware.ErrRefused, i)
	}
}

func v4(i int) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(1 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)}), 4711).String()
}

func v6(site, host int) string {
	return fmt.Sprintf("[2001:db8:%x:%x::1]:4711", site, host)
}
