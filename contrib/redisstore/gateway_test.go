package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

const (
	audience = "https://api.test"
	subject  = "the-subject-of-all-tokens"
)

// issuer is an introspection endpoint (RFC 7662) that counts. Tokens are active until they are revoked.
type issuer struct {
	*httptest.Server

	mu      sync.Mutex
	asked   map[string]int
	revoked map[string]bool
	delay   time.Duration
	hold    chan struct{} // closed, lets the answers go
}

func startIssuer(tb testing.TB) *issuer {
	tb.Helper()
	u := &issuer{asked: map[string]int{}, revoked: map[string]bool{}}
	u.Server = httptest.NewTLSServer(http.HandlerFunc(u.answer))
	u.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 100
	tb.Cleanup(u.Close)
	return u
}

func (u *issuer) answer(w http.ResponseWriter, r *http.Request) {
	tok := r.PostFormValue("token")
	u.mu.Lock()
	u.asked[tok]++
	revoked, delay, hold := u.revoked[tok], u.delay, u.hold
	u.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	if hold != nil {
		<-hold
	}
	w.Header().Set("Content-Type", "application/json")
	if revoked {
		fmt.Fprint(w, `{"active":false}`)
		return
	}
	fmt.Fprintf(w, `{"active":true,"aud":%q,"sub":%q,"exp":%d}`, audience, subject, time.Now().Add(time.Hour).Unix())
}

func (u *issuer) calls(tok string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[tok]
}

func (u *issuer) revoke(tok string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revoked[tok] = true
}

// holds keeps all answers until the channel is closed.
func (u *issuer) holds(until chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hold = until
}

func (u *issuer) slow(d time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.delay = d
}

// gateway is one of several that share what they were told.
type gateway struct {
	*introspect.Client

	mu     sync.Mutex
	events map[string]int
}

var storeKey = []byte(rand.Text() + rand.Text())

// gateway makes one that asks u and shares by way of c, with time for a loaded machine, unless it is hasty.
func (u *issuer) gateway(tb testing.TB, c redis.UniversalClient, edit ...func(*introspect.Config, *introspect.Options)) *gateway {
	tb.Helper()
	g := &gateway{events: map[string]int{}}
	conf := introspect.Config{
		Endpoint: u.URL + "/introspect",
		Auth: introspect.Auth{
			Method: "client_secret_basic", ClientID: "gateway",
			Secret: func(context.Context) (string, error) { return "secret", nil },
		},
		Issuer:    u.URL,
		Audiences: []string{audience},
	}
	opts := &introspect.Options{
		HTTPClient: u.Client(), Store: newStore(tb, c), StoreKey: storeKey, StoreTimeout: 10 * time.Second, Observe: g.count,
	}
	for _, e := range edit {
		e(&conf, opts)
	}
	made, err := introspect.New(conf, opts)
	require.NoError(tb, err)
	g.Client = made
	return g
}

// hasty has introspect's own StoreTimeout.
func hasty(_ *introspect.Config, o *introspect.Options) { o.StoreTimeout = 0 }

func (g *gateway) count(event string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events[event]++
}

func (g *gateway) counted(event string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.events[event]
}

// ask returns what the gateway makes of a token in one word.
func (g *gateway) ask(tok string) string {
	r, err := g.Introspect(context.Background(), tok)
	switch {
	case (r == nil) == (err == nil):
		return "both or neither"
	case err == nil && r.Subject() != subject:
		return "somebody else"
	case err == nil:
		return "active"
	case errors.Is(err, introspect.ErrRefused):
		return string(introspect.ReasonOf(err))
	}
	return "undecided: " + err.Error()
}

func newToken() string { return rand.Text() }

// rand32 is 32 random bytes, as text.
func rand32() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return string(b)
}
