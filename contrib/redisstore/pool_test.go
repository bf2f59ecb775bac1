package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// A caller leaves when its context ends, whatever the Redis client does. What it leaves behind is bounded by the client's pool, and
// goes when the client itself loses patience.
func TestWhatIsLeftBehindInAHangingRedisIsBoundedByThePool(t *testing.T) {
	const callers, poolSize, readTimeout = 200, 4, 2 * time.Second
	for _, row := range []struct {
		heeds bool
		left  int64 // operations that may outlive their callers
	}{{true, 0}, {false, poolSize}} {
		t.Run(fmt.Sprintf("the client heeds contexts: %v", row.heeds), func(t *testing.T) {
			p := startProxy(t, startRedis(t).addr)
			s := newStore(t, closed(t, redis.NewClient(&redis.Options{
				Addr: p.addr, ContextTimeoutEnabled: row.heeds, PoolSize: poolSize, ReadTimeout: readTimeout, PoolTimeout: time.Minute,
			})))
			_, err := s.Get(context.Background(), "k")
			require.NoError(t, err)
			p.turn(weather{hang: true})

			var under, failed atomic.Int64
			var all sync.WaitGroup
			began := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), storeTimeout) // of all, or who begins late would dial after who began early has left
			defer cancel()
			for range callers {
				under.Add(1)
				all.Go(func() {
					defer under.Add(-1)
					if _, err := s.Get(ctx, "k"); err != nil {
						failed.Add(1)
					}
				})
			}
			eventually(t, func() bool { return under.Load() <= row.left }, "callers stay")
			require.Less(t, time.Since(began), readTimeout, "they leave with their contexts")
			all.Wait()
			require.Equal(t, int64(callers), failed.Load())
			require.LessOrEqual(t, p.connections(), 2*poolSize)

			p.turn(weather{})
			eventually(t, func() bool { _, err := s.Get(context.Background(), "k"); return err == nil }, "it does not come back")
		})
	}
}

func TestAStoreWhosePoolIsTakenByOthersFailsInTime(t *testing.T) {
	srv := startRedis(t)
	c := closed(t, redis.NewClient(&redis.Options{Addr: srv.addr, PoolSize: 1, MaxActiveConns: 1, PoolTimeout: time.Minute}))
	s := newStore(t, c)
	taken, release := context.WithCancel(context.Background())
	var other sync.WaitGroup
	other.Go(func() { _ = c.BLPop(taken, time.Minute, "nothing").Err() })
	raw := srv.raw(t)
	eventually(t, func() bool { return strings.Contains(raw.Info(taken, "clients").Val(), "blocked_clients:1") }, "the connection is not taken")

	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	_, err := s.Get(ctx, "k")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
	require.NoError(t, raw.RPush(context.Background(), "nothing", "x").Err())
	other.Wait()
	_, err = s.Get(context.Background(), "k")
	require.NoError(t, err)
}

func TestConnectionsThatAreNeverMadeHoldUpNobody(t *testing.T) {
	const callers, poolSize = 200, 4
	for _, heeds := range []bool{true, false} {
		t.Run(fmt.Sprintf("the client heeds contexts: %v", heeds), func(t *testing.T) {
			var dials, most atomic.Int64
			s := newStore(t, closed(t, redis.NewClient(&redis.Options{
				Addr: "redis.test:6379", ContextTimeoutEnabled: heeds, PoolSize: poolSize, DialTimeout: patience,
				Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
					raise(&most, dials.Add(1))
					defer dials.Add(-1)
					<-ctx.Done()
					return nil, ctx.Err()
				},
			})))
			began := time.Now()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
					defer cancel()
					if _, err := s.Get(ctx, "k"); err == nil {
						t.Error("no error")
					}
				})
			}
			all.Wait()
			require.Less(t, time.Since(began), patience/2)
			require.Positive(t, most.Load())
			require.LessOrEqual(t, most.Load(), int64(poolSize))
		})
	}
}
