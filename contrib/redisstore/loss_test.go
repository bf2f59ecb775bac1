package redisstore_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARedisThatLosesEverythingCostsACallAndNoMore(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	good, bad := newToken(), newToken()
	u.revoke(bad)
	a.ask(good)
	a.ask(bad)
	require.NoError(t, s.raw(t).FlushAll(context.Background()).Err())
	require.Equal(t, "active", b.ask(good))
	require.Equal(t, "inactive", b.ask(bad))
	require.Equal(t, 2, u.calls(good))
	require.Equal(t, 2, u.calls(bad))
}

func TestAFullRedisThatEvictsNothingFailsAloud(t *testing.T) {
	s, u := startRedis(t, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction"), startIssuer(t)
	fill(t, s)
	a := u.gateway(t, s.raw(t))
	tok := newToken()
	require.Equal(t, "active", a.ask(tok))
	require.Equal(t, 1, a.counted("store_failed"))
	require.Error(t, a.Forget(context.Background(), tok), "there is no room for the mark, and the caller is told")
	require.NoError(t, newStore(t, s.raw(t)).Delete(context.Background(), "0"))
}

func TestAFullRedisThatEvictsGoesOn(t *testing.T) {
	s, u := startRedis(t, "--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"), startIssuer(t)
	fill(t, s)
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	require.True(t, share(u, a, b))
	require.Zero(t, a.counted("store_failed"))
}

// fill writes until the memory is full.
func fill(t *testing.T, s *server) {
	t.Helper()
	raw, value := s.raw(t), make([]byte, 8<<10)
	for i := range 1000 {
		if raw.Set(context.Background(), strconv.Itoa(i), value, time.Hour).Err() != nil {
			return
		}
	}
	require.Less(t, raw.DBSize(context.Background()).Val(), int64(1000), "it has refused nothing and evicted nothing")
}
