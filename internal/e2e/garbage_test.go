package e2e_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
)

// verdicts count what became of requests, and how long it took.
type verdicts struct {
	running sync.WaitGroup

	mu       sync.Mutex
	statuses map[int]int
	took     []time.Duration
}

// send makes a request in process and does not wait for it.
func (v *verdicts) send(t *testing.T, s *service, addr, token string) {
	t.Helper()
	v.running.Go(func() {
		began := time.Now()
		status := s.serve(t.Context(), addr, token)
		took := time.Since(began)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.statuses[status]++
		v.took = append(v.took, took)
	})
}

// sendAll sends the requests that next makes, so many a second, whatever becomes of those before. It returns the rate that came of
// it, for next may be slow.
func sendAll(lasts time.Duration, perSecond int, send func(n int)) (rate float64) {
	const tick = time.Millisecond
	began := time.Now()
	n := 0
	for since := time.Duration(0); since < lasts; since = time.Since(began) {
		for ; n < int(since.Seconds()*float64(perSecond)); n++ {
			send(n)
		}
		time.Sleep(tick)
	}
	return float64(n) / time.Since(began).Seconds()
}

// sample is verdicts when all are in.
func (v *verdicts) sample() figures {
	v.running.Wait()
	slices.Sort(v.took)
	f := figures{statuses: v.statuses, took: v.took, sent: len(v.took)}
	if len(v.took) > 0 {
		f.slowest = v.took[len(v.took)-1]
	}
	return f
}

// A flooded service has others' new tokens come steadily, and besides from one address garbage, so much a second.
type flooded struct {
	garbage, others figures
	rate            float64 // of garbage, for the machine may not give what is wanted
	asked           float64 // calls to the issuer a second
}

const floodTimeout = 5 * time.Second // of a call, and of the wait for one

func underGarbage(t *testing.T, perSecond int, from string, lasts time.Duration) flooded {
	t.Helper()
	const othersPerSecond, others = 50, 10
	i, asker := startAsked(t, introspect.Options{Timeout: floodTimeout})
	s := startService(t, middleware.Introspect(asker))
	tokens := i.opaques(othersPerSecond * int(lasts/time.Second+1))
	good, bad := &verdicts{statuses: map[int]int{}}, &verdicts{statuses: map[int]int{}}
	f := flooded{}
	began := time.Now()
	var flooding sync.WaitGroup
	flooding.Go(func() {
		f.rate = sendAll(lasts, perSecond, func(int) { bad.send(t, s, from, rand.Text()) })
	})
	sendAll(lasts, othersPerSecond, func(n int) {
		good.send(t, s, fmt.Sprintf("198.51.100.%d:1024", n%others), tokens[n])
	})
	flooding.Wait()
	f.garbage, f.others = bad.sample(), good.sample()
	f.asked = float64(i.asked()) / time.Since(began).Seconds()
	return f
}

func (f flooded) String() string {
	return fmt.Sprintf("%.0f | %.0f | %v | %.1f%% of %d, %v, %v, %v", f.rate, f.asked, f.garbage.statuses,
		100*float64(f.others.statuses[http.StatusOK])/float64(f.others.sent), f.others.sent,
		round(f.others.percentile(50)), round(f.others.percentile(99)), round(f.others.slowest))
}

// All go through the guard as requests do, but without a network before it, which would slow the flood down.
func TestOneClientsGarbageKeepsNobodyElsesNewTokensFromBeingDecided(t *testing.T) {
	const perSecond = 10_000
	lasts := outage(3*time.Second, 20*time.Second)
	calm := underGarbage(t, 0, "192.0.2.66:4711", lasts)
	named := underGarbage(t, perSecond, "192.0.2.66:4711", lasts)
	unnamed := underGarbage(t, perSecond, "@", lasts) // to compare with: nobody knows that it comes from one
	t.Logf("garbage a second | calls a second | garbage: statuses | others' new tokens: decided, p50, p99, slowest\n"+
		"none: %v\nfrom one client: %v\nfrom nobody knows whom: %v", calm, named, unnamed)

	for _, f := range []flooded{calm, named} {
		require.Equal(t, map[int]int{http.StatusOK: f.others.sent}, f.others.statuses)
		require.Less(t, f.others.percentile(99), floodTimeout)
	}
	for _, f := range []flooded{named, unnamed} {
		require.Positive(t, f.garbage.statuses[http.StatusUnauthorized], "the garbage was not asked about")
		require.Positive(t, f.garbage.statuses[http.StatusServiceUnavailable], "the flood was no flood")
		require.Len(t, f.garbage.statuses, 2)
	}
}
