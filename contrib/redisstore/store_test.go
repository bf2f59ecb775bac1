package redisstore_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/redisstore"
	"github.com/perimeter-go/perimeter/introspect"
)

var _ introspect.Store = (*redisstore.Store)(nil)

func newStore(tb testing.TB, c redis.UniversalClient) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(c, "")
	require.NoError(tb, err)
	return s
}

func TestAStoreKeepsReplacesAndRemoves(t *testing.T) {
	s, ctx := newStore(t, startRedis(t).raw(t)), context.Background()
	got, err := s.Get(ctx, "k")
	require.NoError(t, err, "what is missing is no error")
	require.Nil(t, got)
	require.NoError(t, s.Delete(ctx, "k"))

	value := []byte("\x00\xff\r\n$3\r\n")
	require.NoError(t, s.Set(ctx, "k", value, time.Minute))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, value, got)

	require.NoError(t, s.Set(ctx, "k", []byte("other"), time.Minute))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "other", string(got))

	require.NoError(t, s.Delete(ctx, "k"))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestAValueLivesInWholeMilliseconds(t *testing.T) {
	raw := startRedis(t).raw(t)
	s, ctx := newStore(t, raw), context.Background()
	for _, row := range []struct {
		name string
		ttl  time.Duration
		kept time.Duration // at most; 0 is not kept
	}{
		{"an hour", time.Hour, time.Hour},
		{"whole seconds", 30 * time.Second, 30 * time.Second},
		{"part of a second", 20*time.Second + 500*time.Millisecond, 20*time.Second + 500*time.Millisecond},
		{"part of a millisecond is not rounded up", 20*time.Second + 999*time.Microsecond, 20 * time.Second},
		{"less than a millisecond is not kept for one", 999 * time.Microsecond, 0},
		{"nothing is not for ever", 0, 0},
		{"a nanosecond less than nothing is not as long as before", -1, 0},
		{"less than nothing", -time.Hour, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.NoError(t, raw.Set(ctx, "k", "before", 0).Err())
			require.NoError(t, s.Set(ctx, "k", []byte("v"), row.ttl))
			got, err := s.Get(ctx, "k")
			require.NoError(t, err)
			if row.kept == 0 {
				require.Nil(t, got)
				return
			}
			require.Equal(t, "v", string(got))
			left, err := raw.PTTL(ctx, "k").Result()
			require.NoError(t, err)
			require.LessOrEqual(t, left, row.kept)
			require.Greater(t, left, row.kept-10*time.Second)
		})
	}
}

func TestAValueIsGoneAfterItsTime(t *testing.T) {
	s, ctx := newStore(t, startRedis(t).raw(t)), context.Background()
	set := time.Now()
	require.NoError(t, s.Set(ctx, "k", []byte("v"), 50*time.Millisecond))
	eventually(t, func() bool {
		got, err := s.Get(ctx, "k")
		require.NoError(t, err)
		return got == nil
	}, "it stays")
	require.GreaterOrEqual(t, time.Since(set), 50*time.Millisecond)
}

func TestWhatOthersPutInRedisIsBounded(t *testing.T) {
	raw := startRedis(t).raw(t)
	s, ctx := newStore(t, raw), context.Background()

	require.NoError(t, raw.SetRange(ctx, "k", 64<<20, "x").Err())
	got, err := s.Get(ctx, "k")
	require.NoError(t, err)
	require.Len(t, got, 1<<20, "of a huge value no more is read than ours can have")

	require.Error(t, s.Set(ctx, "k", make([]byte, 1<<20+1), time.Minute), "what could not be read back is not kept")
	require.NoError(t, s.Set(ctx, "k", bytes.Repeat([]byte("v"), 1<<20), time.Minute))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte("v"), 1<<20), got)

	require.NoError(t, raw.Del(ctx, "k").Err())
	require.NoError(t, raw.LPush(ctx, "k", "element").Err())
	got, err = s.Get(ctx, "k")
	require.NoError(t, err, "something that is no string is a foreign value, not a failure of Redis")
	require.NotNil(t, got)
	require.Empty(t, got)
	require.NoError(t, s.Set(ctx, "k", []byte("v"), time.Minute))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "v", string(got))
}

func TestPrefixesKeepEnvironmentsApart(t *testing.T) {
	raw, ctx := startRedis(t).raw(t), context.Background()
	production, err := redisstore.New(raw, "production:")
	require.NoError(t, err)
	staging, err := redisstore.New(raw, "staging:")
	require.NoError(t, err)

	require.NoError(t, production.Set(ctx, "k", []byte("p"), time.Minute))
	require.NoError(t, staging.Delete(ctx, "k"))
	got, err := staging.Get(ctx, "k")
	require.NoError(t, err)
	require.Nil(t, got)
	got, err = production.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "p", string(got))
	require.Equal(t, []string{"production:k"}, raw.Keys(ctx, "*").Val())
}

func TestClientsThatMayReadWhatIsGoneAreRefused(t *testing.T) {
	var none *redis.Client
	for _, row := range []struct {
		name   string
		client redis.UniversalClient
		says   string
	}{
		{"no client", nil, "nil"},
		{"a nil client in the interface", none, "nil"},
		{"a cluster client that reads from replicas", redis.NewClusterClient(&redis.ClusterOptions{ReadOnly: true}), "replicas"},
		{"one that reads from the nearest node", redis.NewClusterClient(&redis.ClusterOptions{RouteByLatency: true}), "replicas"},
		{"one that reads from any node", redis.NewClusterClient(&redis.ClusterOptions{RouteRandomly: true}), "replicas"},
		{
			"a failover client that reads from any node",
			redis.NewFailoverClusterClient(&redis.FailoverOptions{MasterName: "m", RouteRandomly: true}), "replicas",
		},
		{
			"a client with a cache of its own",
			redis.NewClient(&redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}), "cache",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.says != "nil" {
				closed(t, row.client)
			}
			s, err := redisstore.New(row.client, "")
			require.Nil(t, s)
			require.ErrorContains(t, err, row.says)
			require.True(t, strings.HasPrefix(err.Error(), "redisstore: "))
		})
	}
}

func TestAStoreThatNobodyMadeFailsAtEverything(t *testing.T) {
	var none *redisstore.Store
	for _, s := range []*redisstore.Store{none, {}} {
		_, err := s.Get(context.Background(), "k")
		require.Error(t, err)
		require.Error(t, s.Set(context.Background(), "k", nil, time.Minute))
		require.Error(t, s.Set(context.Background(), "k", nil, 0))
		require.Error(t, s.Delete(context.Background(), "k"))
	}
}

func TestAStoreHeedsAContextThatHasEnded(t *testing.T) {
	s := newStore(t, startRedis(t).raw(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Get(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Set(ctx, "k", []byte("v"), time.Minute), context.Canceled)
	require.ErrorIs(t, s.Delete(ctx, "k"), context.Canceled)
}
