package redisstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestATokenAskedAboutAtOneGatewayIsKnownAtTheOther(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	tok := newToken()
	require.Equal(t, "active", a.ask(tok))
	require.Equal(t, "active", b.ask(tok))
	require.Equal(t, 1, u.calls(tok))
	require.Equal(t, 1, b.counted("store_hit"))

	bad := newToken()
	u.revoke(bad)
	require.Equal(t, "inactive", a.ask(bad))
	require.Equal(t, "inactive", b.ask(bad))
	require.Equal(t, 1, u.calls(bad))
}

func TestATokenAskedAboutAtBothGatewaysAtOnceCostsEachOneCallAtMost(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	u.slow(20 * time.Millisecond)
	for range 20 {
		tok := newToken()
		var all sync.WaitGroup
		var active atomic.Int32
		for range 25 {
			for _, g := range []*gateway{a, b} {
				all.Go(func() {
					if g.ask(tok) == "active" {
						active.Add(1)
					}
				})
			}
		}
		all.Wait()
		require.Equal(t, int32(50), active.Load())
		require.LessOrEqual(t, u.calls(tok), 2)
		require.GreaterOrEqual(t, u.calls(tok), 1)
	}
	require.LessOrEqual(t, a.counted("asked"), 20)
	require.LessOrEqual(t, b.counted("asked"), 20)
}

// What A was told to forget, B asks about again in each request that begins 2 seconds later, however busy it is with that token.
func TestWhatOneGatewayForgetsTheOtherForgetsWithinTwoSeconds(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	var all sync.WaitGroup
	var worst atomic.Int64
	for i := range 16 { // each Forget falls into another moment of the time that B remembers
		all.Go(func() {
			tok := newToken()
			if a.ask(tok) != "active" || b.ask(tok) != "active" {
				t.Error("not active before")
				return
			}
			until(time.Now().Add(time.Duration(i)*150*time.Millisecond), func() { b.ask(tok) })
			if b.ask(tok) != "active" || u.calls(tok) != 1 {
				t.Error("not shared before")
				return
			}
			u.revoke(tok)
			if err := a.Forget(context.Background(), tok); err != nil {
				t.Error(err)
				return
			}
			took, late := seen(b, tok)
			if late {
				t.Error("still active after 2 seconds")
			}
			raise(&worst, int64(took))
			if a.ask(tok) != "inactive" {
				t.Error("A itself has not forgotten")
			}
		})
	}
	all.Wait()
	t.Logf("seen after %v at most", time.Duration(worst.Load()).Round(time.Millisecond))
	require.Positive(t, worst.Load())
}

// seen asks g without a break for 3 seconds: when the first request began that saw the revocation, and whether one that began after
// 2 seconds did not.
func seen(g *gateway, tok string) (after time.Duration, late bool) {
	forgotten := time.Now()
	until(forgotten.Add(3*time.Second), func() {
		began := time.Since(forgotten)
		switch g.ask(tok) {
		case "inactive":
			if after == 0 {
				after = began
			}
		default:
			late = late || began >= 2*time.Second
		}
	})
	return after, late
}

// until does something every millisecond or so.
func until(end time.Time, do func()) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(end) {
		do()
		<-tick.C
	}
}

// kept is what is in Redis.
func kept(t *testing.T, raw *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range keys(t, raw) {
		v, err := raw.Get(context.Background(), key).Result()
		if err != redis.Nil { // it has just expired
			require.NoError(t, err)
			all[key] = v
		}
	}
	return all
}

func keys(t *testing.T, raw *redis.Client) []string {
	t.Helper()
	all, err := raw.Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	return all
}

// put asks g about tok and returns what it has put into Redis.
func put(t *testing.T, raw *redis.Client, g *gateway, tok string) (key, value string) {
	t.Helper()
	before := keys(t, raw)
	g.ask(tok)
	added := slices.DeleteFunc(keys(t, raw), func(k string) bool { return slices.Contains(before, k) })
	require.Len(t, added, 1, "one value for one token")
	value, err := raw.Get(context.Background(), added[0]).Result()
	require.NoError(t, err)
	return added[0], value
}

func TestAValueThatIsNotOursForThisTokenIsAMiss(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	raw, ctx := s.raw(t), context.Background()
	_, otherValue := put(t, raw, u.gateway(t, s.raw(t)), newToken())
	stranger := u.gateway(t, s.raw(t), func(_ *introspect.Config, o *introspect.Options) { o.StoreKey = []byte(rand32()) })
	_, foreignValue := put(t, raw, stranger, newToken())

	type change struct {
		name string
		to   func(value string) string
	}
	rows := []change{
		{"random bytes", func(string) string { return rand32() + rand32() }},
		{"one byte", func(string) string { return "\x01" }},
		{"the answer in clear", func(string) string { return `{"active":true,"aud":"` + audience + `","sub":"` + subject + `"}` }},
		{"without the last byte", func(v string) string { return v[:len(v)-1] }},
		{"without the first byte", func(v string) string { return v[1:] }},
		{"the first half", func(v string) string { return v[:len(v)/2] }},
		{"the nonce alone", func(v string) string { return v[:12] }},
		{"with a byte more", func(v string) string { return v + "\x00" }},
		{"twice", func(v string) string { return v + v }},
		{"of another token", func(string) string { return otherValue }},
		{"sealed under another StoreKey", func(string) string { return foreignValue }},
		{"larger than any of ours", func(v string) string { return v + string(make([]byte, 2<<20)) }},
	}
	_, sample := put(t, raw, u.gateway(t, s.raw(t)), newToken())
	for i := range len(sample) {
		rows = append(rows, change{fmt.Sprintf("byte %d changed", i), func(v string) string { return v[:i] + string(v[i]^1) + v[i+1:] }})
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
			tok := newToken()
			key, value := put(t, raw, a, tok)
			require.NoError(t, raw.Set(ctx, key, row.to(value), redis.KeepTTL).Err())
			u.revoke(tok)
			require.Equal(t, "inactive", b.ask(tok), "the issuer decides, not what stands in Redis")
			require.Equal(t, 2, u.calls(tok))
			require.Equal(t, 1, b.counted("store_foreign"))
			require.Zero(t, b.counted("store_hit")+b.counted("store_failed"))
		})
	}
}

func TestAListInThePlaceOfAValueIsAMiss(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	raw, ctx := s.raw(t), context.Background()
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	tok := newToken()
	key, value := put(t, raw, a, tok)
	require.NoError(t, raw.Del(ctx, key).Err())
	require.NoError(t, raw.RPush(ctx, key, value).Err())
	require.Equal(t, "active", b.ask(tok))
	require.Equal(t, 2, u.calls(tok))
	require.Equal(t, 1, b.counted("store_foreign"))
	require.Zero(t, b.counted("store_failed"))
}

func TestTheAnswerAboutOneTokenNeverSpeaksForAnother(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	raw, ctx := s.raw(t), context.Background()
	a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t))
	good, bad := newToken(), newToken()
	u.revoke(bad)
	_, active := put(t, raw, a, good)
	key, _ := put(t, raw, a, bad)
	require.NoError(t, raw.Set(ctx, key, active, time.Minute).Err())
	require.Equal(t, "inactive", b.ask(bad))
	require.Equal(t, 1, b.counted("store_foreign"))
	require.Equal(t, 2, u.calls(bad))
}

func TestGatewaysThatDifferNeverShare(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	other := startIssuer(t)
	for _, row := range []struct {
		name string
		edit func(*introspect.Config, *introspect.Options)
	}{
		{"in the StoreKey", func(_ *introspect.Config, o *introspect.Options) { o.StoreKey = []byte(rand32()) }},
		{"in the endpoint", func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = u.URL + "/other" }},
		{"in the endpoint's host", func(c *introspect.Config, o *introspect.Options) {
			c.Endpoint, o.HTTPClient = other.URL+"/introspect", other.Client()
		}},
		{"in who they are to the issuer", func(c *introspect.Config, _ *introspect.Options) { c.Auth.ClientID = "other" }},
		{"in how they prove it", func(c *introspect.Config, _ *introspect.Options) { c.Auth.Method = "client_secret_post" }},
		{"in the issuer", func(c *introspect.Config, _ *introspect.Options) { c.Issuer = "https://other.test" }},
		{"in the audiences", func(c *introspect.Config, _ *introspect.Options) {
			c.Audiences = append(c.Audiences, "https://other.test")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, b := u.gateway(t, s.raw(t)), u.gateway(t, s.raw(t), row.edit)
			tok := newToken()
			require.Equal(t, "active", a.ask(tok))
			require.Equal(t, "active", b.ask(tok))
			require.Equal(t, 2, u.calls(tok)+other.calls(tok))
			require.Zero(t, b.counted("store_hit")+b.counted("store_foreign")+b.counted("store_failed"))
			require.NoError(t, b.Forget(context.Background(), tok))
			require.Equal(t, "active", u.gateway(t, s.raw(t)).ask(tok))
			require.Equal(t, 2, u.calls(tok)+other.calls(tok), "what the one forgets, the other keeps")
		})
	}
}

func TestNothingOfATokenIsInRedisOrOnTheWayToIt(t *testing.T) {
	s, u := startRedis(t), startIssuer(t)
	p := startProxy(t, s.addr)
	c := closed(t, redis.NewClient(&redis.Options{Addr: p.addr, ContextTimeoutEnabled: true}))
	a, b := u.gateway(t, c), u.gateway(t, c)
	good, bad, gone := newToken(), newToken(), newToken()
	u.revoke(bad)
	for _, tok := range []string{good, bad, gone} {
		a.ask(tok)
		b.ask(tok)
	}
	require.NoError(t, b.Forget(context.Background(), gone))

	var text bytes.Buffer
	all := kept(t, s.raw(t))
	require.Len(t, all, 3, "two answers and a mark")
	for k, v := range all {
		text.WriteString(k + "\n" + v + "\n")
	}
	text.Write(p.seen())
	for _, tok := range []string{good, bad, gone} {
		hash := sha256.Sum256([]byte(tok))
		for _, form := range []string{
			tok, string(hash[:]), hex.EncodeToString(hash[:]), base64.RawURLEncoding.EncodeToString(hash[:]),
			hex.EncodeToString([]byte(tok)), base64.StdEncoding.EncodeToString([]byte(tok)), subject, audience,
		} {
			for i := range len(form) - 7 {
				require.NotContains(t, text.String(), form[i:i+8])
			}
		}
	}
}
