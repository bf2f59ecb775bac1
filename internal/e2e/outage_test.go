package e2e_test

import (
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outage is how long an issuer stays away: E2E_FULL asks for the long form.
func outage(short, full time.Duration) time.Duration {
	if os.Getenv("E2E_FULL") == "1" {
		return full
	}
	return short
}

// Keys of this age are overdue, twice as old as they should get, early in each outage.
const outageMaxAge = 3 * time.Second

func outageKeys() members { return members{"max_age": outageMaxAge.String(), "timeout": "5s"} }

// requireThrough sends 100 valid requests a second while the issuer is away, and fails if one is refused or takes a second. A
// second gateway, whose issuer is well, gets the same meanwhile, and the log says how it fared: so a busy machine is told from a slow
// gateway.
func (g *gateway) requireThrough(t *testing.T, away time.Duration, tokens []string, takeDown func()) {
	t.Helper()
	const perSecond = 100
	well := startIssuer(t, "")
	other := startGateway(t, well.trusted(outageKeys()))
	otherTokens := well.tokens()
	other.requireAccepted(otherTokens...)
	g.requireAccepted(tokens...)

	control := startLoad(t, other, &valid{tokens: otherTokens}, perSecond)
	load := startLoad(t, g, &valid{tokens: tokens}, perSecond)
	takeDown()
	time.Sleep(away)
	state := g.keys()
	figures := load.requireNoneRefused(t)
	t.Logf("away for %v: keys %.1f s old (max_age %v), %d attempts failed", away, state.AgeSeconds, outageMaxAge, state.Failures)
	t.Log("meanwhile, with an issuer that is well:")
	control.requireNoneRefused(t)
	require.Less(t, figures.slowest, time.Second)
	require.Greater(t, float64(figures.sent), 0.9*perSecond*away.Seconds(), "the load has not kept its pace")
	require.Greater(t, state.AgeSeconds, (2 * outageMaxAge).Seconds(), "the keys have not become overdue")
	require.Positive(t, state.Failures, "nobody has noticed the outage")
}

func TestAKilledIssuerCostsNobodyTheirAccess(t *testing.T) {
	port := ownPort(t)
	i := startIssuer(t, port)
	g := startGateway(t, i.trusted(outageKeys()))
	old := i.tokens()
	g.requireThrough(t, outage(20*time.Second, 3*time.Minute), old, i.kill)

	i = startIssuer(t, port)
	back := time.Now() // its line says that the key set can be reached
	fresh := i.token("RS256")
	requireOtherKeys(t, old[:1], []string{fresh})
	asked := 0
	within(t, 2*time.Second-time.Since(back), "acceptance of the first new token", func() bool {
		asked++
		return g.get(fresh).status == http.StatusOK
	})
	t.Logf("back with new keys: the first new token accepted %v after the key set could be reached, by request number %d",
		time.Since(back).Round(time.Millisecond), asked)
	g.requireAccepted(i.tokens()...)
	g.requireRefusedWithin(t, outageMaxAge, "former", old)
}

// A frozen issuer is worse than a dead one: it takes connections, and never answers.
func TestAFrozenIssuerCostsNobodyTheirAccess(t *testing.T) {
	i := startIssuer(t, "")
	g := startGateway(t, i.trusted(outageKeys()))
	tokens := i.tokens()
	g.requireThrough(t, outage(12*time.Second, time.Minute), tokens, func() {
		require.NoError(t, i.cmd.Process.Signal(syscall.SIGSTOP))
	})
	require.NoError(t, i.cmd.Process.Signal(syscall.SIGCONT))
	took := within(t, 2*time.Minute, "refresh once the issuer goes on", func() bool { return g.keys().Failures == 0 })
	t.Logf("goes on: keys refreshed after %v", took.Round(time.Millisecond))
	g.requireAccepted(tokens...)
}

func TestAGatewayMayStartBeforeItsIssuer(t *testing.T) {
	port := ownPort(t)
	i := startIssuer(t, port) // to learn what it will be like
	trusted, early := i.trusted(members{}), i.token("ES256")
	i.kill()
	g := startGateway(t, trusted)

	res := g.get(early)
	require.Equal(t, http.StatusServiceUnavailable, res.status, "%s", res)
	require.NotEmpty(t, res.retryAfter)
	require.Empty(t, res.challenges, "nobody is told to log in again because of an outage")
	require.Equal(t, http.StatusServiceUnavailable, g.ready())

	i = startIssuer(t, port)
	token := i.token("ES256")
	const backoff = 4 * time.Second // after the few attempts that the issuer's start leaves time for
	took := within(t, 2*backoff, "acceptance once the issuer is there", func() bool { return g.get(token).status == http.StatusOK })
	t.Logf("accepted %v after the issuer was there", took.Round(time.Millisecond))
	require.Equal(t, http.StatusOK, g.ready())
}
