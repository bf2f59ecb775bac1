package redisrevocation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/redisrevocation"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

const issuer = "https://id.example.com"

func newStore(tb testing.TB, s *server) *redisrevocation.Store {
	tb.Helper()
	store, err := redisrevocation.New(s.raw(tb), "test:")
	require.NoError(tb, err)
	return store
}

func entry(subject string) revocation.Entry {
	return revocation.Entry{Issuer: issuer, Subject: subject}
}

func TestWhatIsSavedIsReadOnce(t *testing.T) {
	s := startRedis(t)
	a, b := newStore(t, s), newStore(t, s)
	got, changed, err := b.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed, "that there is nothing is news at first")
	require.Empty(t, got)

	now := time.Now().Truncate(time.Second)
	saved := []revocation.Entry{
		{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(123 * time.Nanosecond)},
		{Issuer: issuer, TokenID: "t1", Until: now.Add(time.Hour)},
		{Issuer: issuer, SessionID: "s\"1\n", Until: now.Add(time.Minute)},
		{Issuer: issuer, ClientID: "web"},
		{Issuer: issuer, IssuedBefore: now},
		{Subject: "spiffe://example.com/api"},
	}
	require.NoError(t, a.Save(t.Context(), saved))
	require.NoError(t, a.Save(t.Context(), saved), "twice does no harm")
	require.NoError(t, a.Save(t.Context(), nil))
	got, changed, err = b.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	require.ElementsMatch(t, saved, got)
	_, changed, err = b.Read(t.Context())
	require.NoError(t, err)
	require.False(t, changed)
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	s := startRedis(t)
	store := newStore(t, s)
	old := entry("old")
	old.Until = time.Now().Add(-time.Minute)
	require.NoError(t, store.Save(t.Context(), []revocation.Entry{old}))
	require.NoError(t, store.Save(t.Context(), []revocation.Entry{entry("new")}))
	got, _, err := store.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, []revocation.Entry{entry("new")}, got)
	require.EqualValues(t, 1, s.raw(t).ZCard(t.Context(), "test:{perimeter:revocation}").Val())
}

func TestMoreThanAPageIsRead(t *testing.T) {
	store := newStore(t, startRedis(t))
	const n = 25_000
	var saved []revocation.Entry
	for i := range n {
		saved = append(saved, entry(fmt.Sprint(i)))
	}
	require.NoError(t, store.Save(t.Context(), saved))
	got, _, err := store.Read(t.Context())
	require.NoError(t, err)
	require.Len(t, got, n)
	seen := map[string]bool{}
	for _, e := range got {
		seen[e.Subject] = true
	}
	require.Len(t, seen, n)
}

// A forgetful client sees what is over removed after the first command whose name begins so.
type forgetful struct {
	prefix string
	forget func()
}

func (f *forgetful) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *forgetful) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (f *forgetful) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), f.prefix) && f.forget != nil {
			f.forget()
			f.forget = nil
		}
		return err
	}
}

func TestWhatIsForgottenBetweenPagesHidesNobodyElse(t *testing.T) {
	s := startRedis(t)
	const n, over = 12_000, 10
	var saved []revocation.Entry
	for i := range n {
		e := entry(fmt.Sprint(i))
		e.Until = time.Now().Add(time.Hour)
		if i < over {
			e.Until = time.Now().Add(time.Minute)
		}
		saved = append(saved, e)
	}
	require.NoError(t, newStore(t, s).Save(t.Context(), saved))
	client, other := s.raw(t), s.raw(t)
	client.AddHook(&forgetful{prefix: "zr", forget: func() {
		require.EqualValues(t, over, other.ZRemRangeByRank(t.Context(), "test:{perimeter:revocation}", 0, over-1).Val())
	}})
	store, err := redisrevocation.New(client, "test:")
	require.NoError(t, err)
	got, _, err := store.Read(t.Context())
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, e := range got {
		seen[e.Subject] = true
	}
	for i := over; i < n; i++ {
		require.True(t, seen[fmt.Sprint(i)], i)
	}
}

func TestARedisThatHasLostEverythingIsNoListWithoutEntries(t *testing.T) {
	s := startRedis(t)
	store := newStore(t, s)
	require.NoError(t, store.Save(t.Context(), []revocation.Entry{entry("alice")}))
	_, _, err := store.Read(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.raw(t).FlushAll(t.Context()).Err())
	for range 2 {
		_, changed, err := store.Read(t.Context())
		require.ErrorContains(t, err, "lost")
		require.False(t, changed)
	}
}

func TestWhatIsNoEntryIsAnError(t *testing.T) {
	s := startRedis(t)
	for _, garbage := range []string{"", "hello", `{"iss":"a","sub":7}`, `{"iss":"a","subject":"b"}`, `{"iss":"a","sub":"b"} {}`, `[]`} {
		t.Run(garbage, func(t *testing.T) {
			store := newStore(t, s)
			require.NoError(t, s.raw(t).ZAdd(t.Context(), "test:{perimeter:revocation}", redis.Z{Score: 1e12, Member: garbage}).Err())
			_, changed, err := store.Read(t.Context())
			require.Error(t, err)
			require.False(t, changed)
			require.NoError(t, s.raw(t).Del(t.Context(), "test:{perimeter:revocation}").Err())
		})
	}
	require.NoError(t, s.raw(t).Set(t.Context(), "test:{perimeter:revocation}", "a string", 0).Err())
	_, _, err := newStore(t, s).Read(t.Context())
	require.Error(t, err)
	require.Error(t, newStore(t, s).Save(t.Context(), []revocation.Entry{entry("a")}))
}

// A pair is two gateways that share a Redis.
func pair(t *testing.T, s *server) (a *redisrevocation.Store, list *revocation.List) {
	t.Helper()
	a, b := newStore(t, s), newStore(t, s)
	list, err := revocation.New(revocation.Config{Sources: []revocation.Source{b}, Every: time.Second, MaxStale: time.Minute})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- list.Run(ctx) }()
	go func() { ended <- b.Follow(ctx, list) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	eventually(t, func() bool {
		n := s.raw(t).PubSubNumSub(t.Context(), "test:{perimeter:revocation}").Val()["test:{perimeter:revocation}"]
		return n == 1 && !list.Status()[0].LastSuccess.IsZero()
	}, "the other gateway does not follow")
	return a, list
}

func cutOff(t *testing.T, list *revocation.List, subject string) bool {
	t.Helper()
	cut, err := list.Revoked(t.Context(), middleware.Identity{Issuer: issuer, Subject: subject})
	require.NoError(t, err)
	return cut
}

func TestAnotherGatewayHearsOfAnEntryAtOnce(t *testing.T) {
	a, list := pair(t, startRedis(t))
	var slowest time.Duration
	for i := range 50 {
		subject := fmt.Sprint("user-", i)
		require.False(t, cutOff(t, list, subject))
		require.NoError(t, a.Save(t.Context(), []revocation.Entry{entry(subject)}))
		saved := time.Now()
		eventually(t, func() bool { return cutOff(t, list, subject) }, "not cut off at the other gateway")
		slowest = max(slowest, time.Since(saved))
	}
	t.Logf("refused at the other gateway at most %v after it was saved at this one", slowest)
}

func TestWhatIsMissedWhileRedisIsGoneIsReadLater(t *testing.T) {
	s := startRedis(t)
	a, list := pair(t, s)
	for range 5 {
		require.NoError(t, a.Save(t.Context(), []revocation.Entry{entry("alice")}))
	}
	eventually(t, func() bool { return cutOff(t, list, "alice") }, "not cut off")
	s.kill()
	require.Error(t, a.Save(t.Context(), []revocation.Entry{entry("bob")}))
	require.True(t, cutOff(t, list, "alice"))
	s.start(t) // without what it held
	require.NoError(t, a.Save(t.Context(), []revocation.Entry{entry("bob")}))
	eventually(t, func() bool { return cutOff(t, list, "bob") }, "not cut off after Redis is back")
	require.True(t, cutOff(t, list, "alice"))
}

func TestWhatNobodyMadeFails(t *testing.T) {
	_, err := redisrevocation.New(nil, "")
	require.Error(t, err)
	_, err = redisrevocation.New((*redis.Client)(nil), "")
	require.Error(t, err)
	for _, s := range []*redisrevocation.Store{nil, {}} {
		require.Error(t, s.Save(t.Context(), []revocation.Entry{entry("a")}))
		_, _, err := s.Read(t.Context())
		require.Error(t, err)
		require.Error(t, s.Follow(t.Context(), nil))
	}
}

func TestTheLeastRightsAreEnough(t *testing.T) {
	s := startRedis(t)
	require.NoError(t, s.raw(t).Do(t.Context(), "ACL", "SETUSER", "gateway", "on", ">password", "~production:{perimeter:revocation}*",
		"&production:{perimeter:revocation}", "+mget", "+set", "+incr", "+zadd", "+zrevrangebyscore", "+zremrangebyscore", "+publish", "+subscribe", "+multi", "+exec").Err())
	c := closed(t, redis.NewClient(&redis.Options{Addr: s.addr, Username: "gateway", Password: "password", MaxRetries: -1}))
	store, err := redisrevocation.New(c, "production:")
	require.NoError(t, err)
	require.NoError(t, store.Save(t.Context(), []revocation.Entry{entry("alice")}))
	got, _, err := store.Read(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Error(t, c.Get(t.Context(), "production:other").Err())
}
