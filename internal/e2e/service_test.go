package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

var invalidToken = []string{`Bearer error="invalid_token"`}

// A service is what somebody builds on the packages: orders behind a guard.
type service struct {
	handler http.Handler
	url     string
	reached atomic.Int64                // requests that the handler behind the guard got
	arrived atomic.Pointer[http.Header] // of the last request that the guard got
}

// startService serves GET /orders/{id} for orders:read, POST /orders/ for orders:write, and GET /whoami for everybody who is known.
func startService(t *testing.T, a middleware.Authenticator) *service {
	t.Helper()
	s := newService(t, a, nil)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// newService is startService but for a network. The body of an answer is who asks.
func newService(t *testing.T, a middleware.Authenticator, o *middleware.Options) *service {
	t.Helper()
	guard, err := middleware.New(a, o)
	require.NoError(t, err)
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "POST /orders/", Scope: scope.All("orders:write")},
		middleware.Rule{Pattern: "GET /whoami"},
	)
	require.NoError(t, err)
	s := &service{}
	guarded := guard.Routes(routes)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reached.Add(1)
		id, _ := middleware.IdentityFrom(r.Context())
		_ = json.NewEncoder(w).Encode(identity{id.Subject, id.ClientID, id.Issuer, id.Scopes.String(), id.Peer.Name(), string(id.Peer.Kind())})
	}))
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		s.arrived.Store(&h)
		guarded.ServeHTTP(w, r)
	})
	return s
}

// An identity is whom a service took its client for.
type identity struct{ Subject, Client, Issuer, Scopes, Peer, PeerKind string }

// identity is what the service says about the client of an exchange that reached it.
func (r response) identity(t *testing.T) (id identity) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, "%s", r)
	require.NoError(t, json.Unmarshal([]byte(r.body), &id))
	return id
}

func (s *service) send(method, path, token string, edits ...func(*http.Request)) (response, error) {
	return send(method, s.url+path, token, edits...)
}

// jwtsOf verifies the issuer's JWTs for the resources that algorithms name.
func (i *issuer) jwtsOf(resources ...string) *token.Mux {
	i.t.Helper()
	keys, err := jwks.NewFromIssuer(i.URL, &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(i.t, err)
	audiences := []string{}
	for _, name := range resources {
		audiences = append(audiences, i.API+name)
	}
	policy := token.AccessTokenPolicy(i.URL, audiences...)
	policy.Leeway = time.Second
	verifier, err := token.NewVerifier(keys, policy, nil)
	require.NoError(i.t, err)
	mux, err := token.NewMux(verifier)
	require.NoError(i.t, err)
	return mux
}

func TestAGuardAsksTheIssuerOnlyAboutWhatIsNoJWT(t *testing.T) {
	i, asker := startAsked(t, introspect.Options{})
	s := startService(t, middleware.FirstOf(middleware.JWT(i.jwtsOf("RS256", "ES256", "brief")), middleware.Introspect(asker)))
	brief := i.tokenFor(i.API+"brief", "orders:read")
	expires := int64(payloadOf(t, brief)["exp"].(float64))
	opaque, writer := i.opaque(), i.tokenFor(i.API+"opaque", "orders:read orders:write")
	jwt := i.token("RS256")
	within(t, 10*time.Second, "moment at which the token is over", func() bool { return time.Now().Unix() > expires+1 })

	insufficient := []string{`Bearer error="insufficient_scope", scope="orders:write"`}
	for _, row := range []struct {
		name, method, token string
		calls, status       int
		challenges          []string
	}{
		{name: "a JWT", method: http.MethodGet, token: jwt, status: 200},
		{name: "a JWT whose scopes do not cover", method: http.MethodPost, token: jwt, status: 403, challenges: insufficient},
		{name: "an opaque token", method: http.MethodGet, token: opaque, calls: 1, status: 200},
		{name: "the same again", method: http.MethodGet, token: opaque, status: 200},
		{name: "the same where its scopes do not cover", method: http.MethodPost, token: opaque, status: 403, challenges: insufficient},
		{name: "one whose scopes cover both", method: http.MethodGet, token: writer, calls: 1, status: 200},
		{name: "and it is remembered for the other", method: http.MethodPost, token: writer, status: 200},
		{name: "an expired JWT", method: http.MethodGet, token: brief, status: 401, challenges: invalidToken},
		{name: "a JWT for another service", method: http.MethodGet, token: i.tokenFor(i.OtherAPI+"RS256", "orders:read"), status: 401, challenges: invalidToken},
		{name: "a JWT that nobody signed", method: http.MethodGet, token: resign(t, jwt, headerOf(t, jwt), nil, randomSignature), status: 401, challenges: invalidToken},
		{name: "an opaque token for another service", method: http.MethodGet, token: i.tokenFor(i.OtherAPI+"opaque", "orders:read"), calls: 1, status: 401, challenges: invalidToken},
		{name: "garbage", method: http.MethodGet, token: "garbage", calls: 1, status: 401, challenges: invalidToken},
		{name: "garbage again", method: http.MethodGet, token: "garbage", status: 401, challenges: invalidToken},
		{name: "garbage with the dots and the eyJ of a JWT", method: http.MethodGet, token: "eyJ.garbage.dots", calls: 1, status: 401, challenges: invalidToken},
		{name: "nothing", method: http.MethodGet, status: 401, challenges: []string{"Bearer"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked, reached := i.asked(), s.reached.Load()
			res, err := s.send(row.method, "/orders/1", row.token)
			require.NoError(t, err)
			require.Equal(t, row.status, res.status, "%s", res)
			require.Equal(t, row.challenges, res.challenges)
			require.Equal(t, row.calls, i.asked()-asked, "calls to the introspection endpoint")
			require.Equal(t, res.status == http.StatusOK, s.reached.Load() > reached)
		})
	}
}

func TestAJWTThatTheIssuerDoesNotTellAboutIsAnsweredWith503(t *testing.T) {
	i, asker := startAsked(t, introspect.Options{})
	s := startService(t, middleware.Introspect(asker))
	for range 3 {
		res, err := s.send(http.MethodGet, "/orders/1", i.token("ES256"))
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, res.status)
		require.NotEmpty(t, res.retryAfter)
		require.Empty(t, res.challenges)
	}
	require.Equal(t, 3, i.asked())
}

// The issuer's answer is held back until everybody is there and half of them have left.
func TestAThousandRequestsWithOneNewTokenAreOneCall(t *testing.T) {
	const requests = 1000
	s := newResourceServer()
	i := startIssuer(t, "", s.registered())
	d := newDetour(t, i.URL)
	config := i.introspection(s.auth())
	config.Endpoint = d.url + "/introspect"
	orders := startService(t, middleware.Introspect(newIntrospector(t, config, introspect.Options{Timeout: time.Minute})))
	token := i.opaque()

	release := d.hold(t)
	var patient, leaving crowd
	impatient, leave := context.WithCancel(t.Context())
	for range requests / 2 {
		patient.join(t.Context(), orders, token)
		leaving.join(impatient, orders, token)
	}
	within(t, startLimit, "call to the issuer", func() bool { return d.calls.Load() > 0 })
	within(t, startLimit, "crowd", func() bool { return patient.begun.Load()+leaving.begun.Load() == requests })
	began := time.Now()
	leave()
	leaving.running.Wait()
	left := time.Since(began)
	require.Zero(t, patient.over.Load(), "the others still wait")
	release()
	patient.running.Wait()

	t.Logf("%d requests with one new token: %d call; the %d that left did so within %v", requests, d.calls.Load(), requests/2, left)
	require.EqualValues(t, requests/2, patient.accepted.Load())
	require.EqualValues(t, requests/2, leaving.undecided.Load())
	require.EqualValues(t, 1, d.calls.Load())
	require.Equal(t, 1, i.asked())
}

// A crowd is requests that are made in process, each by a goroutine of its own.
type crowd struct {
	running     sync.WaitGroup
	begun, over atomic.Int64
	accepted    atomic.Int64
	undecided   atomic.Int64
}

func (c *crowd) join(ctx context.Context, s *service, token string) {
	c.running.Go(func() {
		c.begun.Add(1)
		switch s.serve(ctx, "192.0.2.1:1024", token) {
		case http.StatusOK:
			c.accepted.Add(1)
		case http.StatusServiceUnavailable:
			c.undecided.Add(1)
		}
		c.over.Add(1)
	})
}

// serve is GET /orders/1 by the client at addr, without a network between: it returns the status.
func (s *service) serve(ctx context.Context, addr, token string) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/orders/1", nil)
	r.RemoteAddr = addr
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code
}
