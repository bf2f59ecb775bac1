package e2e_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// valid holds the tokens that the issuer's current keys vouch for.
type valid struct {
	mu     sync.RWMutex
	tokens []string
}

// replace makes change's result the valid tokens. No request with one of the old ones is under way while change runs, and none
// starts until it has returned: what a change at the issuer invalidates is never counted as refused.
func (v *valid) replace(change func() []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = change()
}

// use calls f with the n-th token.
func (v *valid) use(n int, f func(token string)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f(v.tokens[n%len(v.tokens)])
}

// figures is what a load came to.
type figures struct {
	sent     int
	lasted   time.Duration
	slowest  time.Duration
	refused  int
	examples []string // of refusals
}

func (f figures) String() string {
	return fmt.Sprintf("%d valid requests in %.1f s, %d refused, slowest %v",
		f.sent, f.lasted.Seconds(), f.refused, f.slowest.Round(100*time.Microsecond))
}

// A load sends valid requests at an even pace, whether those before were answered or not, until it is stopped.
type load struct {
	gateway   *gateway
	tokens    *valid
	perSecond int
	began     time.Time
	stopped   chan struct{}
	running   sync.WaitGroup

	mu      sync.Mutex
	figures figures
}

// loadWorkers bounds the requests under way: more than any rate here needs while each is answered within a second.
const loadWorkers = 120

func startLoad(t *testing.T, g *gateway, tokens *valid, perSecond int) *load {
	t.Helper()
	l := &load{gateway: g, tokens: tokens, perSecond: perSecond, began: time.Now(), stopped: make(chan struct{})}
	due := make(chan int)
	l.running.Go(func() { l.pace(due) })
	for range loadWorkers {
		l.running.Go(func() {
			for n := range due {
				l.tokens.use(n, l.sendOne)
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *load) pace(due chan<- int) {
	defer close(due)
	for n := 0; ; n++ {
		at := l.began.Add(time.Duration(n) * time.Second / time.Duration(l.perSecond))
		select {
		case <-l.stopped:
			return
		case <-time.After(time.Until(at)):
		}
		select {
		case <-l.stopped:
			return
		case due <- n:
		}
	}
}

func (l *load) sendOne(token string) {
	began := time.Now()
	res, err := l.gateway.send(http.MethodGet, "/orders/1", token)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.sent++
	l.figures.slowest = max(l.figures.slowest, took)
	if err == nil && res.status == http.StatusOK {
		return
	}
	l.figures.refused++
	if len(l.figures.examples) < 5 {
		l.figures.examples = append(l.figures.examples, fmt.Sprintf("after %v: %v %v", began.Sub(l.began), res, err))
	}
}

// stop ends the load, waits for what is under way, and says what it came to. Later calls say the same.
func (l *load) stop() figures {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
		l.running.Wait()
		l.figures.lasted = time.Since(l.began)
	}
	return l.figures
}

// requireNoneRefused stops the load.
func (l *load) requireNoneRefused(t *testing.T) figures {
	t.Helper()
	f := l.stop()
	t.Log(f)
	require.Zero(t, f.refused, "%q", f.examples)
	return f
}
