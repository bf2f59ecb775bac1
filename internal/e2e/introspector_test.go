package e2e_test

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

// A resourceServer is a client of the introspection endpoint that authenticates by a secret, which can be replaced at any time.
type resourceServer struct {
	id      string
	correct string // as the issuer knows it
	secret  atomic.Pointer[string]
}

func newResourceServer() *resourceServer {
	s := &resourceServer{id: "orders-api", correct: rand.Text()}
	s.secret.Store(&s.correct)
	return s
}

// registered is how the issuer knows it.
func (s *resourceServer) registered() members {
	return members{"client_id": s.id, "client_secret": s.correct, "token_endpoint_auth_method": "client_secret_basic"}
}

func (s *resourceServer) auth() introspect.Auth {
	return introspect.Auth{
		Method:   "client_secret_basic",
		ClientID: s.id,
		Secret:   func(context.Context) (string, error) { return *s.secret.Load(), nil },
	}
}

// introspection asks the issuer about tokens for its opaque resource, authenticated by auth.
func (i *issuer) introspection(auth introspect.Auth) introspect.Config {
	return introspect.Config{Endpoint: i.URL + "/introspect", Auth: auth, Issuer: i.URL, Audiences: []string{i.API + "opaque"}}
}

// asked is how often the introspection endpoint was reached.
func (i *issuer) asked() int {
	i.t.Helper()
	return i.requests("/introspect")
}

func newIntrospector(t *testing.T, c introspect.Config, o introspect.Options) *introspect.Client {
	t.Helper()
	o.InsecureAllowHTTP = true
	asker, err := introspect.New(c, &o)
	require.NoError(t, err)
	return asker
}

// startAsked starts an issuer and a client of its introspection endpoint.
func startAsked(t *testing.T, o introspect.Options) (*issuer, *introspect.Client) {
	t.Helper()
	s := newResourceServer()
	i := startIssuer(t, "", s.registered())
	return i, newIntrospector(t, i.introspection(s.auth()), o)
}

// ask is Introspect for those who look at the error only.
func ask(t *testing.T, c *introspect.Client, token string) error {
	t.Helper()
	result, err := c.Introspect(t.Context(), token)
	require.Equal(t, err == nil, result != nil)
	return err
}

func requireAccepted(t *testing.T, c *introspect.Client, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		require.NoError(t, ask(t, c, token))
	}
}

// requireUndecided proves that err says nothing about the token, neither that it is good nor that it is not, and nothing of it.
func requireUndecided(t *testing.T, err error, secrets ...string) {
	t.Helper()
	require.Error(t, err)
	require.NotErrorIs(t, err, introspect.ErrRefused)
	require.Equal(t, introspect.ReasonUndecided, introspect.ReasonOf(err))
	for _, secret := range secrets {
		require.NotContains(t, err.Error(), secret)
	}
}

func requireRefused(t *testing.T, err error, reason introspect.Reason) {
	t.Helper()
	require.ErrorIs(t, err, introspect.ErrRefused)
	require.Equal(t, reason, introspect.ReasonOf(err))
}
