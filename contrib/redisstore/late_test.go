package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// The network may deliver what A has long given up, after B was told to forget the token and said so to Redis.
func TestAnAnswerThatReachesRedisAfterForgetIsNotBelieved(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	p := startProxy(t, s.addr)
	a := u.gateway(t, closed(t, redis.NewClient(&redis.Options{Addr: p.addr, ContextTimeoutEnabled: true})), hasty)
	b := u.gateway(t, s.raw(t))
	tok, answers, got := newToken(), make(chan struct{}), make(chan string, 1)
	u.holds(answers)
	go func() { got <- a.ask(tok) }()
	eventually(t, func() bool { return u.calls(tok) == 1 }, "A does not ask")
	p.turn(weather{hang: true})
	close(answers)
	require.Equal(t, "active", <-got)
	require.Positive(t, a.counted("store_failed"))

	u.revoke(tok)
	require.NoError(t, b.Forget(context.Background(), tok))
	before := len(kept(t, s.raw(t)))
	p.turn(weather{})
	eventually(t, func() bool { return len(kept(t, s.raw(t))) > before }, "the answer does not arrive")
	require.Equal(t, "inactive", b.ask(tok))
}

func TestAnAnswerThatIsPutBackAfterForgetIsNotBelieved(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	raw, ctx := s.raw(t), context.Background()
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	tok := newToken()
	key, value := put(t, raw, a, tok)
	u.revoke(tok)
	require.NoError(t, a.Forget(ctx, tok))
	require.Equal(t, int64(0), raw.Exists(ctx, key).Val())
	require.NoError(t, raw.Set(ctx, key, value, time.Minute).Err())
	require.Equal(t, "inactive", b.ask(tok))
}
