package middleware_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

const audience = "orders-api"

// answering is an authenticator made of its one method.
type answering func(r *http.Request) (middleware.Identity, error)

func (f answering) Authenticate(r *http.Request) (middleware.Identity, error) { return f(r) }

// as lets everybody be the subject, with these scopes.
func as(subject, scopes string) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) {
		return middleware.Identity{Subject: subject, Issuer: "https://id.example", Scopes: scope.Granted(scopes)}, nil
	})
}

// failing has one answer to everybody.
func failing(err error) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) { return middleware.Identity{}, err })
}

// counting counts how often the authenticator behind it is asked.
func counting(n *int, a middleware.Authenticator) middleware.Authenticator {
	return answering(func(r *http.Request) (middleware.Identity, error) {
		*n++
		return a.Authenticate(r)
	})
}

func newGuard(tb testing.TB, a middleware.Authenticator) *middleware.Guard {
	tb.Helper()
	g, err := middleware.New(a, nil)
	require.NoError(tb, err)
	return g
}

func newRoutes(tb testing.TB, rules ...middleware.Rule) *middleware.Routes {
	tb.Helper()
	routes, err := middleware.NewRoutes(rules...)
	require.NoError(tb, err)
	return routes
}

func newVerifier(tb testing.TB, i *localissuer.Issuer) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(i, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, nil)
	require.NoError(tb, err)
	return v
}

// reached is a handler that says who came, so that a response of 200 proves that it ran.
var reached = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, ok := middleware.IdentityFrom(r.Context())
	if !ok {
		_, _ = io.WriteString(w, "nobody")
		return
	}
	_, _ = io.WriteString(w, id.Subject)
})

var errBroken = errors.New("secret detail of the database")

func get(path string, headers ...string) *http.Request {
	return request(http.MethodGet, path, headers...)
}

// request makes a request with headers given as "Name: value".
func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// overTheWire sends bytes to a server of h and returns the status of the answer.
func overTheWire(t *testing.T, h http.Handler, raw string) int {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.DisableGeneralOptionsHandler = true // or the server answers "OPTIONS *" itself
	server.Start()
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, raw)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}
