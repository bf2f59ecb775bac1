package redisstore_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/redisstore"
)

const keyName = "perimeter:introspect:v:k"

// leastRights are those that the package comment tells an operator to grant.
func leastRights(more ...string) []string {
	return append([]string{"reset", "on", ">password", "~production:perimeter:introspect:*", "+getrange", "+set", "+del"}, more...)
}

func production(t *testing.T, c redis.UniversalClient) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, "production:")
	require.NoError(t, err)
	return s
}

func (s *server) user(t *testing.T) *redis.Client {
	t.Helper()
	return closed(t, redis.NewClient(&redis.Options{Addr: s.addr, Username: "gateway", Password: "password"}))
}

func TestTheLeastRightsAreEnoughAndAllowNothingElse(t *testing.T) {
	srv, ctx := startRedis(t), context.Background()
	require.NoError(t, srv.raw(t).ACLSetUser(ctx, "gateway", leastRights()...).Err())
	c := srv.user(t)
	s := production(t, c)
	require.NoError(t, s.Set(ctx, keyName, []byte("v"), time.Minute))
	require.NoError(t, s.Set(ctx, keyName, []byte("v"), time.Minute+time.Millisecond))
	got, err := s.Get(ctx, keyName)
	require.NoError(t, err)
	require.Equal(t, "v", string(got))
	require.NoError(t, s.Delete(ctx, keyName))
	denied, err := srv.raw(t).ACLLog(ctx, 10).Result()
	require.NoError(t, err)
	require.Empty(t, denied, "the client asks for nothing more")

	for _, cmd := range [][]any{
		{"get", "production:" + keyName},
		{"keys", "*"},
		{"scan", 0},
		{"flushall"},
		{"config", "get", "*"},
		{"monitor"},
		{"eval", "return 1", 0},
		{"getrange", keyName, 0, -1},
		{"set", "staging:" + keyName, "v"},
		{"del", "staging:" + keyName},
	} {
		require.ErrorContains(t, c.Do(ctx, cmd...).Err(), "NOPERM", "%v", cmd)
	}
}

func TestNoneOfTheLeastRightsCanBeLeftOut(t *testing.T) {
	srv, ctx := startRedis(t), context.Background()
	s := production(t, srv.user(t))
	for right, op := range map[string]func() error{
		"+getrange": func() error { _, err := s.Get(ctx, keyName); return err },
		"+set":      func() error { return s.Set(ctx, keyName, []byte("v"), time.Minute) },
		"+del":      func() error { return s.Delete(ctx, keyName) },
	} {
		less := slices.DeleteFunc(leastRights(), func(r string) bool { return r == right })
		require.NoError(t, srv.raw(t).ACLSetUser(ctx, "gateway", less...).Err())
		require.ErrorContains(t, op(), "NOPERM")
	}
}

func TestTheLeastRightsInAClusterAreTwoMore(t *testing.T) {
	nodes, ctx := cluster(t), context.Background()
	for _, n := range nodes {
		require.NoError(t, n.raw(t).ACLSetUser(ctx, "gateway", leastRights("+cluster|slots", "+command")...).Err())
	}
	s := production(t, closed(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses(nodes), Username: "gateway", Password: "password"})))
	for i := range 20 {
		key := keyName + strconv.Itoa(i)
		require.NoError(t, s.Set(ctx, key, []byte("v"), time.Minute))
		got, err := s.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, "v", string(got))
		require.NoError(t, s.Delete(ctx, key))
	}
	for _, n := range nodes {
		denied, err := n.raw(t).ACLLog(ctx, 10).Result()
		require.NoError(t, err)
		require.Empty(t, denied, "the client asks for nothing more")
	}
}
