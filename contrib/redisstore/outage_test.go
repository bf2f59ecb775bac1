package redisstore_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/goroutines"
)

const (
	storeTimeout = 100 * time.Millisecond // introspect's default
	patience     = 5 * time.Second        // the Redis client's default ReadTimeout
	callers      = 16
)

func TestWithoutRedisTheIssuerDecidesInTime(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		for _, row := range []struct {
			name   string
			begin  func(*proxy, *server)
			usable bool
		}{
			{"slow", func(p *proxy, _ *server) { p.turn(weather{delay: 3 * storeTimeout}) }, false},
			{"a little slow", func(p *proxy, _ *server) { p.turn(weather{delay: 5 * time.Millisecond}) }, true},
			{"hanging", func(p *proxy, _ *server) { p.turn(weather{hang: true}) }, false},
			{"resetting connections", func(p *proxy, _ *server) { p.turn(weather{reset: true}) }, false},
			{"gone", func(_ *proxy, s *server) { s.kill() }, false},
		} {
			t.Run(fmt.Sprintf("Redis is %s, the client heeds contexts: %v", row.name, heeds), func(t *testing.T) {
				s, u := startRedis(t), startIssuer(t)
				u.Client().Transport.(*http.Transport).MaxConnsPerHost = callers // or HTTP, which dials ahead, makes most of the goroutines
				p := startProxy(t, s.addr)
				a, b := u.gateway(t, p.client(t, heeds), hasty), u.gateway(t, p.client(t, heeds), hasty)
				calm := load(t, time.Now().Add(300*time.Millisecond), a, b)

				row.begin(p, s)
				l := load(t, time.Now().Add(2*time.Second), a, b)
				t.Logf("%d tokens, the longest took %v, and %v before; %d goroutines at most, and %d before",
					l.asked.Load(), l.longest().Round(time.Millisecond), calm.longest().Round(time.Millisecond), l.goroutines, calm.goroutines)
				if row.usable {
					eventually(t, func() bool { return share(u, a, b) }, "they do not share")
				} else {
					require.Positive(t, a.counted("store_failed"))
				}
				require.Less(t, l.longest(), calm.longest()+patience/2, "two operations of the Store and the issuer, whatever patience the Redis client has")
				require.Less(t, l.goroutines, calm.goroutines+4*callers)

				p.turn(weather{})
				if row.name == "gone" {
					s.start(t)
				}
				eventually(t, func() bool { return share(u, a, b) && share(u, b, a) }, "they do not share again")
				eventually(t, func() bool { return goroutines.Count() <= calm.goroutines }, "goroutines stay", stacks)
			})
		}
	}
}

// client is what a gateway may have: all is as the Redis client has it by itself, but for fewer connections.
func (p *proxy) client(tb testing.TB, heeds bool) *redis.Client {
	tb.Helper()
	return closed(tb, redis.NewClient(&redis.Options{Addr: p.addr, ContextTimeoutEnabled: heeds, PoolSize: 5}))
}

// share reports whether b knows what a asks.
func share(u *issuer, a, b *gateway) bool {
	tok := newToken()
	return a.ask(tok) == "active" && b.ask(tok) == "active" && u.calls(tok) == 1
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// burden is what a load found out.
type burden struct {
	asked      atomic.Int64
	nanos      atomic.Int64
	goroutines int
}

func (l *burden) longest() time.Duration { return time.Duration(l.nanos.Load()) }

// load asks the gateways about new tokens, all of them active, with all callers at once, until the end.
func load(t *testing.T, end time.Time, gateways ...*gateway) *burden {
	t.Helper()
	l := &burden{}
	var calling, counter sync.WaitGroup
	counter.Go(func() { until(end, func() { l.goroutines = max(l.goroutines, goroutines.Count()) }) })
	for i := range callers {
		calling.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				if got := gateways[i%len(gateways)].ask(newToken()); got != "active" {
					t.Error(got)
					return
				}
				raise(&l.nanos, int64(time.Since(began)))
				l.asked.Add(1)
			}
		})
	}
	calling.Wait()
	counter.Wait()
	return l
}

// raise makes most at least n.
func raise(most *atomic.Int64, n int64) {
	for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
	}
}
