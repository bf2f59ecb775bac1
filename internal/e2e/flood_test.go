package e2e_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A flood is guesses sent by a fixed number of clients as fast as they are answered.
type flood struct {
	sent, refused, undecided, other atomic.Int64
	ending                          atomic.Bool
	running                         sync.WaitGroup
}

func startFlood(t *testing.T, g *gateway, clients int, guess func() string) *flood {
	t.Helper()
	f := &flood{}
	for range clients {
		f.running.Go(func() {
			for !f.ending.Load() {
				f.sendOne(g, guess())
			}
		})
	}
	t.Cleanup(f.stop)
	return f
}

func (f *flood) sendOne(g *gateway, guess string) {
	res, err := g.send(http.MethodGet, "/orders/1", guess)
	f.sent.Add(1)
	switch {
	case err == nil && res.status == http.StatusUnauthorized:
		f.refused.Add(1)
	case err == nil && res.status == http.StatusServiceUnavailable && res.retryAfter != "":
		f.undecided.Add(1)
	default:
		f.other.Add(1)
	}
}

func (f *flood) stop() {
	f.ending.Store(true)
	f.running.Wait()
}

func TestAFloodOfUnknownKeyIDsCausesNoMoreFetchesThanTheBucketAllows(t *testing.T) {
	const guesses, burst, minInterval = 10_000, 2, 2 * time.Second
	const roundTrip = time.Second // to the issuer and back, with both cores taken by the flood
	i := startIssuer(t, "")
	g := startGateway(t, i.trusted(members{"max_age": "5m", "min_interval": minInterval.String()})) // no refresh is due meanwhile
	known := i.tokens()
	g.requireAccepted(known...)
	before := i.requests("/jwks")
	load := startLoad(t, g, &valid{tokens: known}, 20)

	began := time.Now()
	flood := startFlood(t, g, 32, i.guesses())
	within(t, time.Minute, "half of the guesses sent", func() bool { return flood.sent.Load() >= guesses/2 })
	i.rotate("announce")
	i.rotate("switch")
	token := i.token("ES256")
	asked := 0
	found := within(t, minInterval+roundTrip, "acceptance of a really new key", func() bool {
		asked++
		return g.get(token).status == http.StatusOK
	})
	within(t, time.Minute, "all guesses sent", func() bool {
		return flood.sent.Load() >= guesses && time.Since(began) > 3*minInterval
	})
	flood.stop()
	lasted := time.Since(began)

	fetches, allowed := i.requests("/jwks")-before, burst+int(lasted/minInterval)
	t.Logf("%d guesses in %.1f s: %d refused, %d undecided; %d fetches of the key set, the bucket allows %d",
		flood.sent.Load(), lasted.Seconds(), flood.refused.Load(), flood.undecided.Load(), fetches, allowed)
	t.Logf("a really new key was found after %v, by the request number %d (at most min_interval %v and a round trip)",
		found.Round(time.Millisecond), asked, minInterval)
	load.requireNoneRefused(t)
	require.LessOrEqual(t, fetches, allowed)
	require.GreaterOrEqual(t, fetches, burst, "the guesses have not got as far as the keys")
	require.Zero(t, flood.other.Load(), "a guess was answered by something else than 401 or 503")
	require.LessOrEqual(t, i.requests("/.well-known/openid-configuration"), 1)
}
