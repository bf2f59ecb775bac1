package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each step is taken under a steady load of tokens of every algorithm, of which none that the issuer vouches for may be refused.
func TestKeysRotateWithoutOneValidTokenRefused(t *testing.T) {
	const maxAge, timeout, minInterval = 2 * time.Second, time.Second, time.Second
	i := startIssuer(t, "")
	g := startGateway(t, i.trusted(members{
		"max_age": maxAge.String(), "timeout": timeout.String(), "min_interval": minInterval.String(),
	}))
	first := i.tokens()
	g.requireAccepted(first...)
	tokens := &valid{tokens: first}
	load := startLoad(t, g, tokens, 100)

	i.rotate("announce")
	took := within(t, maxAge+timeout, "refresh that brings the announced keys", func() bool {
		return len(g.keys().KeyIDs) == 2*len(i.Algorithms)
	})
	t.Logf("announced: known to the gateway after %v (at most max_age %v and timeout %v)", took.Round(time.Millisecond), maxAge, timeout)

	i.rotate("switch")
	fetches := i.requests("/jwks")
	second := i.tokens()
	requireOtherKeys(t, first, second)
	g.requireAccepted(second...)
	tokens.replace(func() []string { return slices.Concat(first, second) })
	within(t, 2*(maxAge+timeout), "two refreshes after the switch", func() bool { return i.requests("/jwks") >= fetches+2 })

	tokens.replace(func() []string { return second })
	i.rotate("drop")
	g.requireRefusedWithin(t, maxAge+timeout, "dropped", first)
	time.Sleep(2 * minInterval) // the bucket, which the refused tokens have emptied, fills again

	var third []string
	tokens.replace(func() []string {
		i.rotate("now")
		third = i.tokens()
		requireOtherKeys(t, second, third)
		began := time.Now()
		g.requireAccepted(third...)
		t.Logf("replaced at once: tokens of %d new keys accepted in their very first requests, all after %v",
			len(third), time.Since(began).Round(time.Millisecond))
		return third
	})
	g.requireRefusedWithin(t, maxAge+timeout, "replaced", second)
	load.requireNoneRefused(t)
	t.Logf("%d fetches of the key set in all", i.requests("/jwks"))
}

// requireRefusedWithin proves that every token is refused once limit has passed, and that it stays so.
func (g *gateway) requireRefusedWithin(t *testing.T, limit time.Duration, what string, tokens []string) {
	t.Helper()
	took := within(t, limit, "refusal of the "+what+" keys", func() bool {
		return !slices.ContainsFunc(tokens, func(token string) bool { return g.get(token).status == http.StatusOK })
	})
	t.Logf("%s: %d keys no longer accepted after %v (at most %v)", what, len(tokens), took.Round(time.Millisecond), limit)
	for _, token := range tokens {
		within(t, limit, "401 for a token of a key that is gone", func() bool {
			status := g.get(token).status
			require.NotEqual(t, http.StatusOK, status)
			return status == http.StatusUnauthorized
		})
	}
}

func requireOtherKeys(t *testing.T, before, after []string) {
	t.Helper()
	require.Len(t, after, len(before))
	for n := range before {
		was, is := headerOf(t, before[n]), headerOf(t, after[n])
		require.Equal(t, was.Alg, is.Alg)
		require.NotEqual(t, was.Kid, is.Kid)
	}
}
