package quota_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware"
)

// patient waits for Redis for as long as a loaded machine may need.
func patient(s *quota.Shared) { s.Timeout = 10 * time.Second }

// crowd sends n requests of id by 50 at once, in turn to each of the gateways, and says how many came through.
func crowd(n int, id middleware.Identity, gateways ...http.Handler) int {
	var count atomic.Int64
	var all sync.WaitGroup
	next := make(chan int)
	for range 50 {
		all.Go(func() {
			for i := range next {
				if send(gateways[i%len(gateways)], as(id)).Code == http.StatusTeapot {
					count.Add(1)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return int(count.Load())
}

// What is admitted is exact, but for what comes back while the crowd is there.
func TestExactlyTheLimitPassesUnderAnyConcurrency(t *testing.T) {
	s := startRedis(t)
	const limit = 500
	day := allow(limit, 24*time.Hour)
	gateway := func() http.Handler {
		return newLimiter(t, day, share(s.raw(t), quota.Closed, patient)).Handler(teapot)
	}
	for _, tc := range []struct {
		name     string
		gateways []http.Handler
	}{
		{"in process", []http.Handler{newLimiter(t, day).Handler(teapot)}},
		{"one gateway by Redis", []http.Handler{gateway()}},
		{"two gateways by Redis", []http.Handler{gateway(), gateway()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			passed := crowd(4*limit, named(tc.name), tc.gateways...)
			back := int(time.Since(began) * limit / (24 * time.Hour))
			t.Logf("%d of %d requests passed, %d allowed", passed, 4*limit, limit)
			require.GreaterOrEqual(t, passed, limit)
			require.LessOrEqual(t, passed, limit+back+1)
		})
	}
}

func TestWhoCountsTogether(t *testing.T) {
	s := startRedis(t)
	first := newLimiter(t, share(s.raw(t), quota.Closed, patient)).Handler(teapot)
	require.Equal(t, 3, passed(first, alice, 5))
	for _, tc := range []struct {
		name   string
		change []func(*quota.Config)
		want   int
	}{
		{"another gateway", nil, 0},
		{"another name", []func(*quota.Config){func(c *quota.Config) { c.Name = "reports" }}, 3},
		{"another limit", []func(*quota.Config){allow(2, time.Minute)}, 2},
		{"another window", []func(*quota.Config){allow(3, time.Hour)}, 3},
		{"another key", []func(*quota.Config){func(c *quota.Config) { c.Shared.Key = []byte(strings.Repeat("k", 32)) }}, 3},
		{"another prefix", []func(*quota.Config){func(c *quota.Config) { c.Shared.Prefix = "test:" }}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := append([]func(*quota.Config){share(s.raw(t), quota.Closed, patient)}, tc.change...)
			require.Equal(t, tc.want, passed(newLimiter(t, change...).Handler(teapot), alice, 5))
		})
	}
}

func TestRedisLearnsNoNames(t *testing.T) {
	s := startRedis(t)
	require.Equal(t, 1, passed(newLimiter(t, share(s.raw(t), quota.Closed, patient)).Handler(teapot), alice, 1))
	keys := s.raw(t).Keys(t.Context(), "*").Val()
	require.Len(t, keys, 1)
	require.True(t, strings.HasPrefix(keys[0], "rate:production:perimeter:quota:"))
	for _, name := range []string{"alice", "orders", "id.example"} {
		require.NotContains(t, keys[0], name)
	}
	ttl := s.raw(t).TTL(t.Context(), keys[0]).Val()
	require.True(t, ttl > 0 && ttl <= time.Minute, "a quota that is full is forgotten: %v", ttl)
}

func TestWhenRedisIsGoneThePolicyDecides(t *testing.T) {
	for _, tc := range []struct {
		down quota.StoreDown
		want []int // of five requests
	}{
		{quota.Closed, []int{503, 503, 503, 503, 503}},
		{quota.Local, []int{418, 418, 418, 429, 429}},
		{quota.Open, []int{418, 418, 418, 418, 418}},
	} {
		t.Run(fmt.Sprint(tc.down), func(t *testing.T) {
			s := startRedis(t)
			var calls atomic.Int64
			h := newLimiter(t, share(s.raw(t), tc.down, patient, func(s *quota.Shared) { s.OnError = func(error) { calls.Add(1) } })).Handler(teapot)
			require.Equal(t, []int{418, 418}, statuses(h, named("before"), 2))
			s.kill()
			require.Equal(t, tc.want, statuses(h, alice, 5))
			require.LessOrEqual(t, calls.Load(), int64(4), "after three failures Redis is left alone for a moment")
			w := send(h, as(alice))
			if tc.down == quota.Closed {
				require.NotEmpty(t, w.Header().Get("Retry-After"))
			}
			s.start(t)
			fresh := 0
			eventually(t, func() bool {
				fresh++
				id := named(fmt.Sprint("after", fresh))
				return fmt.Sprint(statuses(h, id, 4)) == "[418 418 418 429]"
			}, "Redis is not asked again")
		})
	}
}

// A Redis that takes connections and says nothing costs a few requests their Timeout, and then none.
func TestARedisThatHangsCostsNoMoreThanTheTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	client := closed(t, redis.NewClient(&redis.Options{Addr: l.Addr().String(), ContextTimeoutEnabled: true, MaxRetries: -1}))
	var calls atomic.Int64
	h := newLimiter(t, share(client, quota.Open, func(s *quota.Shared) {
		s.Timeout = 50 * time.Millisecond
		s.OnError = func(error) { calls.Add(1) }
	})).Handler(teapot)
	began := time.Now()
	require.Equal(t, 200, passed(h, alice, 200))
	waited := time.Since(began)
	require.Less(t, calls.Load(), int64(100))
	require.Less(t, waited, 200*50*time.Millisecond/2, "most of them did not wait")
}

func TestTheLeastRightsAreEnough(t *testing.T) {
	s := startRedis(t)
	require.NoError(t, s.raw(t).Do(t.Context(), "ACL", "SETUSER", "gateway", "on", ">password",
		"~rate:production:perimeter:quota:*", "+evalsha", "+eval", "+time", "+get", "+set").Err())
	client := closed(t, redis.NewClient(&redis.Options{Addr: s.addr, Username: "gateway", Password: "password", ContextTimeoutEnabled: true, MaxRetries: -1}))
	var failed error
	h := newLimiter(t, share(client, quota.Closed, patient, func(s *quota.Shared) { s.OnError = func(err error) { failed = err } })).Handler(teapot)
	require.Equal(t, []int{418, 418, 418, 429}, statuses(h, alice, 4), "%v", failed)
}

// BenchmarkAccuracy: how many of a crowd's requests pass, against how many are allowed, on one gateway and on two.
func BenchmarkAccuracy(b *testing.B) {
	s := startRedis(b)
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("gateways=%d", n), func(b *testing.B) {
			const limit = 1000
			passed, rounds := 0, 0
			for b.Loop() {
				rounds++
				gateways := make([]http.Handler, n)
				for i := range gateways {
					gateways[i] = newLimiter(b, allow(limit, 24*time.Hour), share(s.raw(b), quota.Closed, patient)).Handler(teapot)
				}
				passed += crowd(3*limit, named(fmt.Sprint(n, "-", rounds, time.Now().UnixNano())), gateways...)
			}
			b.ReportMetric(float64(passed)/float64(rounds)/limit, "passed/allowed")
		})
	}
}
