package e2e_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestOfATokenTheIssuerDoesNotTellAboutNobodySaysThatItIsInactive(t *testing.T) {
	const negativeTTL = 2 * time.Second
	i, asker := startAsked(t, introspect.Options{NegativeTTL: negativeTTL})
	jwt := i.token("ES256") // oidc-provider answers 400 unsupported_token_type
	began := time.Now()
	for range 20 {
		requireUndecided(t, ask(t, asker, jwt), jwt)
	}
	require.Equal(t, 1, i.asked(), "undecided is remembered for the negative TTL")
	within(t, negativeTTL+time.Second, "second call, after the negative TTL", func() bool {
		requireUndecided(t, ask(t, asker, jwt), jwt)
		return i.asked() == 2
	})
	require.GreaterOrEqual(t, time.Since(began), negativeTTL)

	for _, other := range i.tokens() { // more than open a pause
		requireUndecided(t, ask(t, asker, other), other)
	}
	requireAccepted(t, asker, i.opaque())
}

func TestWhatIsUnknownOrForOthersIsRefused(t *testing.T) {
	i, asker := startAsked(t, introspect.Options{})
	for _, row := range []struct {
		name   string
		token  string
		reason introspect.Reason
		calls  int
	}{
		{"a token that the issuer never made", rand.Text() + rand.Text()[:17], introspect.ReasonInactive, 1},
		{"garbage with a dot", rand.Text() + "." + rand.Text(), introspect.ReasonInactive, 1},
		{"a token for another service", i.tokenFor(i.OtherAPI+"opaque", "orders:read"), introspect.ReasonAudience, 1},
		{"a byte that no token has", "caf\u00e9", introspect.ReasonMalformed, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := i.asked()
			for range 3 {
				requireRefused(t, ask(t, asker, row.token), row.reason)
			}
			require.Equal(t, row.calls, i.asked()-asked, "a refusal is remembered")
		})
	}
}

func TestARevokedTokenIsRefusedWithinTheTTL(t *testing.T) {
	const ttl, roundTrip = 2 * time.Second, time.Second
	i, asker := startAsked(t, introspect.Options{TTL: ttl})
	token := i.opaque()
	asked := time.Now()
	requireAccepted(t, asker, token)
	i.revoke(token)
	revoked := time.Now()
	accepted := 0
	within(t, ttl+roundTrip, "refusal of the revoked token", func() bool {
		err := ask(t, asker, token)
		if err != nil {
			requireRefused(t, err, introspect.ReasonInactive)
			return true
		}
		accepted++
		return false
	})
	t.Logf("revoked: refused after %v, %v after the last question (TTL %v); accepted %d times meanwhile",
		time.Since(revoked).Round(time.Millisecond), time.Since(asked).Round(time.Millisecond), ttl, accepted)
	require.Positive(t, accepted, "the answer was not remembered: the bound was not put to the test")
	require.Equal(t, 2, i.asked())
}

func TestARevokedTokenIsRefusedAtOnceAfterForget(t *testing.T) {
	i, asker := startAsked(t, introspect.Options{TTL: time.Hour})
	token, other := i.opaque(), i.opaque()
	requireAccepted(t, asker, token, other)
	i.revoke(token)
	requireAccepted(t, asker, token) // nobody has said so
	require.NoError(t, asker.Forget(t.Context(), token))
	requireRefused(t, ask(t, asker, token), introspect.ReasonInactive)
	requireAccepted(t, asker, other)
	require.Equal(t, 3, i.asked())
}

func TestARevokedTokenIsRefusedAtOnceWithTheLeastTTL(t *testing.T) {
	i, asker := startAsked(t, introspect.Options{TTL: time.Millisecond})
	token := i.opaque()
	requireAccepted(t, asker, token)
	i.revoke(token)
	time.Sleep(time.Millisecond)
	requireRefused(t, ask(t, asker, token), introspect.ReasonInactive)
}
