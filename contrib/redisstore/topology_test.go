package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// shares is what two gateways are worth over any Redis: what one was told the other knows, and forgets within 2 seconds.
func shares(t *testing.T, client func() redis.UniversalClient) {
	t.Helper()
	u := startIssuer(t)
	a, b := u.gateway(t, closed(t, client())), u.gateway(t, closed(t, client()))
	tokens := make([]string, 30) // in a cluster, each node has some
	for i := range tokens {
		tokens[i] = newToken()
		require.Equal(t, "active", a.ask(tokens[i]))
		require.Equal(t, "active", b.ask(tokens[i]))
		require.Equal(t, 1, u.calls(tokens[i]))
	}
	for _, tok := range tokens {
		u.revoke(tok)
		require.NoError(t, a.Forget(context.Background(), tok))
	}
	end := time.Now().Add(2 * time.Second)
	eventually(t, func() bool { return b.ask(tokens[0]) == "inactive" }, "not forgotten")
	until(end, func() {})
	for _, tok := range tokens {
		require.Equal(t, "inactive", b.ask(tok))
	}
	require.Zero(t, a.counted("store_failed")+b.counted("store_failed")+a.counted("store_foreign")+b.counted("store_foreign"))
}

func TestGatewaysShareThroughOneRedis(t *testing.T) {
	s := startRedis(t)
	shares(t, func() redis.UniversalClient {
		return redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{s.addr}, ContextTimeoutEnabled: true})
	})
}

func TestGatewaysShareThroughARing(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	shares(t, func() redis.UniversalClient {
		return redis.NewRing(&redis.RingOptions{
			Addrs:                 map[string]string{"one": one.addr, "two": two.addr},
			HeartbeatFn:           func(context.Context, *redis.Client) bool { return true },
			ContextTimeoutEnabled: true,
		})
	})
	require.NotEmpty(t, kept(t, one.raw(t)))
	require.NotEmpty(t, kept(t, two.raw(t)))
}

func TestARingThatKeepsItsKeysInPlaceSaysWhenItCannotForget(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	s := newStore(t, closed(t, redis.NewRing(&redis.RingOptions{
		Addrs:       map[string]string{"one": one.addr, "two": two.addr},
		HeartbeatFn: func(context.Context, *redis.Client) bool { return true },
		DialTimeout: storeTimeout, DialerRetries: 1,
	})))
	ctx := context.Background()
	for i := range 20 {
		require.NoError(t, s.Set(ctx, strconv.Itoa(i), []byte("v"), time.Minute))
	}
	there, gone := kept(t, one.raw(t)), kept(t, two.raw(t))
	require.Len(t, gone, 20-len(there))
	require.NotEmpty(t, gone)
	two.kill()
	for k := range gone {
		require.Error(t, s.Delete(ctx, k))
	}
	for k := range there {
		require.NoError(t, s.Delete(ctx, k))
	}
}

// sentinel starts a Sentinel that watches master under the name main.
func sentinel(tb testing.TB, master *server) *server {
	tb.Helper()
	host, port, err := net.SplitHostPort(master.addr)
	require.NoError(tb, err)
	addr, dir := freeAddress(tb), tb.TempDir()
	_, own, err := net.SplitHostPort(addr)
	require.NoError(tb, err)
	conf := filepath.Join(dir, "sentinel.conf") // Sentinel writes to it
	require.NoError(tb, os.WriteFile(conf, fmt.Appendf(nil, `port %s
bind 127.0.0.1
dir %q
sentinel monitor main %s %s 1
sentinel down-after-milliseconds main 300
sentinel failover-timeout main 2000
`, own, dir, host, port), 0o600))
	return launch(tb, addr, dir, []string{conf, "--sentinel"})
}

func TestGatewaysShareThroughSentinelAndGoOnAfterAFailover(t *testing.T) {
	master := startRedis(t)
	host, port, err := net.SplitHostPort(master.addr)
	require.NoError(t, err)
	replica := startRedis(t, "--replicaof", host+" "+port)
	watch, ctx := sentinel(t, master), context.Background()
	client := func() redis.UniversalClient {
		return redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "main", Addrs: []string{watch.addr}, ContextTimeoutEnabled: true})
	}
	shares(t, client)

	u := startIssuer(t)
	a, b := u.gateway(t, closed(t, client()), hasty), u.gateway(t, closed(t, client()), hasty)
	eventually(t, func() bool { return share(u, a, b) }, "they do not share")
	knows := closed(t, redis.NewSentinelClient(&redis.Options{Addr: watch.addr}))
	eventually(t, func() bool {
		replicas, err := knows.Replicas(ctx, "main").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	}, "Sentinel does not know the replica", watch.logged)
	master.kill()
	require.Equal(t, "active", a.ask(newToken()), "the issuer decides meanwhile")
	eventually(t, func() bool { return share(u, a, b) && share(u, b, a) }, "they do not share again", watch.logged)
	require.NotEmpty(t, kept(t, replica.raw(t)))
}

// cluster starts three masters and gives each a third of the slots.
func cluster(tb testing.TB) [3]*server {
	tb.Helper()
	ctx := context.Background()
	var nodes [3]*server
	var bus [3]string
	for i := range nodes {
		_, port, err := net.SplitHostPort(freeAddress(tb))
		require.NoError(tb, err)
		bus[i] = port
		nodes[i] = startRedis(tb, "--cluster-enabled", "yes", "--cluster-port", port, "--cluster-node-timeout", "2000")
	}
	for i, n := range nodes {
		c := n.raw(tb)
		require.NoError(tb, c.ClusterAddSlotsRange(ctx, i*16384/3, (i+1)*16384/3-1).Err())
		require.NoError(tb, c.Do(ctx, "cluster", "set-config-epoch", i+1).Err())
		for j, other := range nodes[:i] {
			host, port, err := net.SplitHostPort(other.addr)
			require.NoError(tb, err)
			require.NoError(tb, c.Do(ctx, "cluster", "meet", host, port, bus[j]).Err())
		}
	}
	for _, n := range nodes {
		c := n.raw(tb)
		eventually(tb, func() bool {
			shards, err := c.ClusterShards(ctx).Result()
			return err == nil && len(shards) == 3 && strings.Contains(c.ClusterInfo(ctx).Val(), "cluster_state:ok")
		}, "the cluster does not come together", n.logged)
	}
	return nodes
}

func addresses(nodes [3]*server) (list []string) {
	for _, n := range nodes {
		list = append(list, n.addr)
	}
	return list
}

func TestGatewaysShareThroughACluster(t *testing.T) {
	nodes := cluster(t)
	shares(t, func() redis.UniversalClient {
		return redis.NewUniversalClient(&redis.UniversalOptions{Addrs: addresses(nodes), ContextTimeoutEnabled: true})
	})
	for _, n := range nodes {
		require.NotEmpty(t, kept(t, n.raw(t)))
	}
}

func TestAStoreFollowsASlotThatMoves(t *testing.T) {
	nodes, ctx := cluster(t), context.Background()
	c := closed(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses(nodes), ContextTimeoutEnabled: true}))
	s := newStore(t, c)
	require.NoError(t, s.Set(ctx, "k", []byte("before"), time.Minute))
	require.NoError(t, s.Delete(ctx, "k"))

	slot := c.ClusterKeySlot(ctx, "k").Val()
	from, to := nodes[slot*3/16384], nodes[(slot*3/16384+1)%3]
	id := to.raw(t).ClusterMyID(ctx).Val()
	for _, n := range []*server{to, from} {
		require.NoError(t, n.raw(t).Do(ctx, "cluster", "setslot", slot, "node", id).Err())
	}
	require.ErrorContains(t, from.raw(t).Get(ctx, "k").Err(), "MOVED")

	require.NoError(t, s.Set(ctx, "k", []byte("after"), time.Minute))
	got, err := s.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "after", string(got))
	require.Equal(t, "after", to.raw(t).Get(ctx, "k").Val())
	require.NoError(t, s.Delete(ctx, "k"))
	got, err = s.Get(ctx, "k")
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestWithoutOneNodeOfAClusterTheIssuerDecides(t *testing.T) {
	nodes := cluster(t)
	u := startIssuer(t)
	client := func() redis.UniversalClient {
		return closed(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses(nodes), ContextTimeoutEnabled: true}))
	}
	a, b := u.gateway(t, client(), hasty), u.gateway(t, client(), hasty)
	eventually(t, func() bool { return share(u, a, b) }, "they do not share")
	calm := load(t, time.Now().Add(200*time.Millisecond), a, b)
	nodes[1].kill()
	l := load(t, time.Now().Add(time.Second), a, b)
	require.Less(t, l.longest(), calm.longest()+patience/2)
	require.Positive(t, a.counted("store_failed"))
	nodes[1].start(t)
	eventually(t, func() bool { return share(u, a, b) && share(u, b, a) && share(u, a, b) }, "they do not share again", nodes[1].logged)
}
