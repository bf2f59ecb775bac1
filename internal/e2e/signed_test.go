package e2e_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// signedBy verifies signed answers to a client by the issuer's keys, as they are at the moment.
func (i *issuer) signedBy(alg, clientID string) func(context.Context, string) ([]byte, error) {
	i.t.Helper()
	keys, err := jwks.NewFromIssuer(i.URL, &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(i.t, err)
	verifier, err := token.NewVerifier(keys, token.Policy{
		Issuer:     i.URL,
		Audiences:  []string{clientID},
		Algorithms: []string{alg},
		Type:       "token-introspection+jwt",
		MaxAge:     time.Minute,
	}, nil)
	require.NoError(i.t, err)
	return func(ctx context.Context, jwt string) ([]byte, error) {
		claims, err := verifier.Verify(ctx, jwt)
		return claims.Payload(), err
	}
}

func TestSignedAnswersAreVerifiedByTheIssuersKeys(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			s := newResourceServer()
			known := s.registered()
			known["introspection_signed_response_alg"] = alg
			i := startIssuer(t, "", known)
			asker := newIntrospector(t, i.introspection(s.auth()), introspect.Options{Verify: i.signedBy(alg, s.id)})

			first := i.opaque()
			result, err := asker.Introspect(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, i.ClientID, result.ClientID())
			requireRefused(t, ask(t, asker, first+"x"), introspect.ReasonInactive)
			requireRefused(t, ask(t, asker, i.tokenFor(i.OtherAPI+"opaque", "orders:read")), introspect.ReasonAudience)
			require.Equal(t, 1, i.requests("/jwks"), "the keys were fetched")

			i.rotate("now")
			require.NoError(t, asker.Forget(t.Context(), first))
			requireAccepted(t, asker, first, i.opaque())
			require.Equal(t, 2, i.requests("/jwks"), "the new keys were fetched when they were met")

			i.revoke(first)
			require.NoError(t, asker.Forget(t.Context(), first))
			requireRefused(t, ask(t, asker, first), introspect.ReasonInactive)
		})
	}
}

func TestAnAnswerWithoutTheSignatureThatWasAskedForIsUndecided(t *testing.T) {
	s := newResourceServer()
	i, stranger := startIssuer(t, "", s.registered()), startIssuer(t, "")
	token := i.opaque()
	through := func(proxy string) introspect.Config {
		c := i.introspection(s.auth())
		c.Endpoint = proxy + "/introspect"
		return c
	}
	d := newDetour(t, i.URL)
	d.meddle(func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Set("Accept", "application/json")
		return false
	})
	inJSON := d.url
	requireAccepted(t, newIntrospector(t, through(inJSON), introspect.Options{}), token)

	for name, asker := range map[string]*introspect.Client{
		"unsigned":          newIntrospector(t, through(inJSON), introspect.Options{Verify: i.signedBy("RS256", s.id)}),
		"another algorithm": newIntrospector(t, i.introspection(s.auth()), introspect.Options{Verify: i.signedBy("ES256", s.id)}),
		"another client's":  newIntrospector(t, i.introspection(s.auth()), introspect.Options{Verify: i.signedBy("RS256", "billing-api")}),
		"another issuer's":  newIntrospector(t, i.introspection(s.auth()), introspect.Options{Verify: stranger.signedBy("RS256", s.id)}),
	} {
		t.Run(name, func(t *testing.T) {
			asked := i.asked()
			requireUndecided(t, ask(t, asker, token), token)
			requireUndecided(t, ask(t, asker, "unknown"), "unknown") // nor is active:false believed
			require.Equal(t, asked+2, i.asked())
		})
	}
}
