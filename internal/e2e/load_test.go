package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
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
	refused  int // whatever is not 200
	examples []string
	statuses map[int]int // 0 for no answer, and for a 503 that does not say when to come again
	took     []time.Duration
}

// percentile returns how long p of 100 requests took at most.
func (f figures) percentile(p int) time.Duration {
	if len(f.took) == 0 {
		return 0
	}
	slices.Sort(f.took)
	return f.took[(len(f.took)-1)*p/100]
}

func (f figures) String() string {
	return fmt.Sprintf("%d valid requests in %.1f s, %d refused, slowest %v",
		f.sent, f.lasted.Seconds(), f.refused, f.slowest.Round(100*time.Microsecond))
}

// A sender is where a load goes: a gateway or a service.
type sender interface {
	send(method, path, token string, edits ...func(*http.Request)) (response, error)
}

// A load sends valid requests at an even pace, whether those before were answered or not, until it is stopped.
type load struct {
	to        sender
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

func startLoad(t *testing.T, to sender, tokens *valid, perSecond int) *load {
	t.Helper()
	l := &load{to: to, tokens: tokens, perSecond: perSecond, began: time.Now(), stopped: make(chan struct{})}
	l.figures.statuses = map[int]int{}
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
	res, err := l.to.send(http.MethodGet, "/orders/1", token)
	took := time.Since(began)
	status := res.status
	if err != nil || status == http.StatusServiceUnavailable && res.retryAfter == "" {
		status = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.sent++
	l.figures.statuses[status]++
	l.figures.took = append(l.figures.took, took)
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
