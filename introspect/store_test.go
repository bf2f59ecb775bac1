package introspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

// memory is a Store that two clients can share.
type memory struct {
	mu     sync.Mutex
	values map[string]value
	err    error
	hang   bool // whatever the context says
	asked  int
}

type value struct {
	data  []byte
	until time.Time
}

func newMemory() *memory { return &memory{values: map[string]value{}} }

func (m *memory) begin() error {
	m.mu.Lock()
	m.asked++
	hang, err := m.hang, m.err
	m.mu.Unlock()
	if hang {
		time.Sleep(3 * time.Second)
	}
	return err
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	if err := m.begin(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.values[key]; ok && time.Now().Before(v.until) {
		return v.data, nil
	}
	return nil, nil
}

func (m *memory) Set(_ context.Context, key string, data []byte, ttl time.Duration) error {
	if err := m.begin(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value{data, time.Now().Add(ttl)}
	return nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	if err := m.begin(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

func trusting(_ context.Context, jwt string) ([]byte, error) { return []byte(jwt), nil }

// gateways are two clients of one configuration with a Store between them.
func gateways(t *testing.T, u *endpoint, m *memory, edit ...func(*introspect.Config, *introspect.Options)) (a, b *introspect.Client) {
	t.Helper()
	edit = append([]func(*introspect.Config, *introspect.Options){options(func(o *introspect.Options) {
		o.Store, o.StoreKey = m, bytes.Repeat([]byte{7}, 32)
	})}, edit...)
	return u.client(t, edit...), u.client(t, edit...)
}

// counting is an edit that counts events.
func counting(seen *sync.Map) func(*introspect.Config, *introspect.Options) {
	return options(func(o *introspect.Options) {
		o.Observe = func(event string) {
			n, _ := seen.LoadOrStore(event, new(atomic.Int32))
			n.(*atomic.Int32).Add(1)
		}
	})
}

func count(seen *sync.Map, event string) int {
	n, ok := seen.Load(event)
	if !ok {
		return 0
	}
	return int(n.(*atomic.Int32).Load())
}

func TestATokenAskedAboutAtOneGatewayCostsTheOtherNoCall(t *testing.T) {
	for word, body := range map[string]string{"active": active(`"sub":"alice"`), "inactive": inactive, "audience": `{"active":true}`} {
		t.Run(word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving(body)
				a, b := gateways(t, u, newMemory())
				require.Equal(t, atOnce(word), ask(t.Context(), a, tokenA))
				require.Equal(t, atOnce(word), ask(t.Context(), b, tokenA))
				require.Equal(t, 1, u.calls())
			})
		})
	}
	t.Run("with all that was said", func(t *testing.T) {
		u := serving(active(`"sub":"alice"`, `"tenant":"acme"`))
		a, b := gateways(t, u, newMemory())
		first, err := a.Introspect(t.Context(), tokenA)
		require.NoError(t, err)
		second, err := b.Introspect(t.Context(), tokenA)
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
	t.Run("asked at both at once, one call each", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := serving(active())
			u.delay = time.Second
			a, b := gateways(t, u, newMemory())
			k := newCrowd()
			k.ask(t.Context(), a, 100, same(tokenA))
			k.ask(t.Context(), b, 100, same(tokenA))
			require.Equal(t, map[finding]int{{"active", time.Second}: 200}, k.findings())
			require.Equal(t, 2, u.calls())
		})
	})
}

func TestWhatIsSharedLastsNoLongerThanItsTTL(t *testing.T) {
	for name, row := range map[string]struct {
		body func() string
		ttl  time.Duration
		then string
	}{
		"active":   {func() string { return active() }, 30 * time.Second, "active"},
		"inactive": {func() string { return inactive }, 5 * time.Second, "active"},
		"exp":      {func() string { return active(expiring(10 * time.Second)) }, 10 * time.Second, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, m := serving(row.body()), newMemory()
				a, b := gateways(t, u, m)
				ask(t.Context(), a, tokenA)
				m.forEver()
				time.Sleep(row.ttl - time.Nanosecond)
				ask(t.Context(), b, tokenA)
				require.Equal(t, 1, u.calls())
				time.Sleep(time.Nanosecond)
				u.serve(active())
				require.Equal(t, atOnce(row.then), ask(t.Context(), b, tokenA), "whatever the Store thinks of its TTL")
			})
		})
	}
}

// forEver makes a Store that forgets to forget.
func (m *memory) forEver() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.values {
		v.until = v.until.Add(time.Hour)
		m.values[k] = v
	}
}

func TestOnesForgetIsSeenByTheOtherWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		a, b := gateways(t, u, newMemory())
		require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
		time.Sleep(10 * time.Second)
		require.Equal(t, atOnce("active"), ask(t.Context(), b, tokenA))
		require.Equal(t, 1, u.calls())
		u.serve(inactive)
		require.NoError(t, a.Forget(t.Context(), tokenA))
		require.Equal(t, atOnce("inactive"), ask(t.Context(), a, tokenA))
		time.Sleep(2*time.Second - time.Nanosecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), b, tokenA), "what it has in memory")
		time.Sleep(time.Nanosecond)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA))
	})
}

func TestForgetOvertakesAnAnswerThatAnotherGatewayWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = 4 * time.Second
		a, b := gateways(t, u, newMemory())
		k := newCrowd()
		k.ask(t.Context(), a, 1, same(tokenA)) // asked before the token was revoked
		synctest.Wait()
		time.Sleep(time.Second)
		require.NoError(t, b.Forget(t.Context(), tokenA))
		require.Equal(t, map[finding]int{{"active", 4 * time.Second}: 1}, k.findings())
		u.serve(inactive)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA), "it is not in the Store")
		require.Equal(t, atOnce("inactive"), ask(t.Context(), a, tokenA), "nor still in memory")
	})
}

// lagging is a Store that carries out what it is told to Set a while after it has said that it did.
type lagging struct{ *memory }

func (l lagging) Set(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if strings.Contains(key, ":v:") {
		go func() { time.Sleep(time.Second); _ = l.memory.Set(context.WithoutCancel(ctx), key, data, ttl) }()
		return nil
	}
	return l.memory.Set(ctx, key, data, ttl)
}

func TestWhatReachesTheStoreAfterForgetIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u, m := serving(active()), newMemory()
		a, b := gateways(t, u, m, options(func(o *introspect.Options) { o.Store = lagging{m} }))
		require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
		u.serve(inactive)
		require.NoError(t, b.Forget(t.Context(), tokenA))
		time.Sleep(3 * time.Second)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA), "by the one that forgot")
		time.Sleep(6 * time.Second)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA))
		require.Equal(t, atOnce("inactive"), ask(t.Context(), a, tokenA), "and by the others")
	})
}

func TestAnOldValueThatIsPutBackAfterForgetIsAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, m := serving(active()), newMemory()
		a, b := gateways(t, u, m)
		require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
		before := m.copied()
		require.NoError(t, a.Forget(t.Context(), tokenA))
		m.set(func(m *memory) { maps.Copy(m.values, before) })
		u.serve(inactive)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA))
		require.Equal(t, atOnce("inactive"), ask(t.Context(), a, tokenA))
	})
}

func (m *memory) copied() map[string]value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.values)
}

func TestForgetReportsAStoreThatCouldNotBeTold(t *testing.T) {
	for name, trouble := range map[string]func(*memory){
		"fails": func(m *memory) { m.err = errors.New(secret) }, "hangs": func(m *memory) { m.hang = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u, m := serving(active()), newMemory()
				a, _ := gateways(t, u, m)
				require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
				m.set(trouble)
				err := a.Forget(t.Context(), tokenA)
				require.Error(t, err)
				require.NotContains(t, err.Error(), secret)
				u.serve(inactive)
				require.Equal(t, "inactive", ask(t.Context(), a, tokenA).word, "forgotten here all the same")
			})
		})
	}
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func TestAValueThatWasTamperedWithIsAMissAndCounted(t *testing.T) {
	for name, tamper := range map[string]func(m *memory, key, other string){
		"one bit, anywhere": nil, // below, for every byte
		"cut short": func(m *memory, k, _ string) {
			m.values[k] = m.changed(k, func(b []byte) []byte { return b[:len(b)-1] })
		},
		"cut to nothing": func(m *memory, k, _ string) { m.values[k] = m.changed(k, func(b []byte) []byte { return b[:0] }) },
		"longer": func(m *memory, k, _ string) {
			m.values[k] = m.changed(k, func(b []byte) []byte { return append(b, 0) })
		},
		"plain text": func(m *memory, k, _ string) {
			m.values[k] = m.changed(k, func([]byte) []byte { return []byte(active()) })
		},
		"another token's value": func(m *memory, k, other string) { m.values[k] = m.values[other] },
		"a foreign key's value": func(m *memory, k, _ string) { m.values[k] = m.changed(k, func([]byte) []byte { return foreign(k) }) },
		"another name's under it": func(m *memory, k, _ string) {
			m.values[k] = m.changed(k, func([]byte) []byte { return sealedAs("x" + k) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen sync.Map
			u, m := serving(inactive), newMemory()
			u.bodies[tokenA], u.bodies[tokenB] = active(), active()
			a, b := gateways(t, u, m, counting(&seen))
			require.Equal(t, "active", ask(t.Context(), a, tokenA).word)
			key := m.keys()[0]
			require.Equal(t, "active", ask(t.Context(), a, tokenB).word)
			other := slices.DeleteFunc(m.keys(), func(k string) bool { return k == key })[0]
			u.serve(inactive)
			clear(u.bodies)
			if tamper != nil {
				tamper(m, key, other)
				require.Equal(t, "inactive", ask(t.Context(), b, tokenA).word, "asked, and never an identity")
				require.Equal(t, 1, count(&seen, "store_foreign"))
				return
			}
			good := m.values[key].data
			for i := range good {
				_, fresh := gateways(t, u, m, counting(&seen))
				m.values[key] = m.changed(key, func([]byte) []byte { bad := bytes.Clone(good); bad[i] ^= 1; return bad })
				require.Equal(t, "inactive", ask(t.Context(), fresh, tokenA).word)
			}
			require.Equal(t, len(good), count(&seen, "store_foreign"))
		})
	}
}

// changed is a value with other data, which does not alias the old.
func (m *memory) changed(key string, change func([]byte) []byte) value {
	v := m.values[key]
	v.data = change(bytes.Clone(v.data))
	return v
}

func (m *memory) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.values))
}

func foreign(name string) []byte {
	return introspect.Seal(bytes.Repeat([]byte{8}, 32), name, []byte(active()))
}

func sealedAs(name string) []byte {
	return introspect.Seal(bytes.Repeat([]byte{7}, 32), name, []byte(active()))
}

func TestWhatIsInTheStoreTellsNothing(t *testing.T) {
	u, m := serving(active(`"sub":"alice"`)), newMemory()
	a, _ := gateways(t, u, m)
	require.Equal(t, "active", ask(t.Context(), a, tokenA).word)
	require.NoError(t, a.Forget(t.Context(), tokenB))
	require.NotEmpty(t, m.values)
	for k, v := range m.values {
		require.NotContains(t, k, b64(a.Key(tokenA)), "nor is a name what the token is remembered under")
		for _, plain := range []string{tokenA, tokenB, "active", "alice", audience} {
			require.NotContains(t, k, plain)
			require.NotContains(t, string(v.data), plain)
		}
	}
}

func TestGatewaysThatDifferShareNothing(t *testing.T) {
	u, m := serving(active()), newMemory()
	a, _ := gateways(t, u, m)
	_, b := gateways(t, u, m, func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{"https://other.test"} })
	require.Equal(t, "active", ask(t.Context(), a, tokenA).word)
	require.Equal(t, "audience", ask(t.Context(), b, tokenA).word)
	require.Equal(t, 2, u.calls())
}

func TestAStoreThatIsDownOrSlowIsDoneWithout(t *testing.T) {
	for name, row := range map[string]struct {
		trouble func(*memory)
		most    time.Duration // for one token
	}{
		"down":                      {func(m *memory) { m.err = errors.New(secret) }, 0},
		"slow, deaf to its context": {func(m *memory) { m.hang = true }, 300 * time.Millisecond},
		"one that panics":           {func(m *memory) { m.values = nil }, 0}, // on a write to the nil map
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u, m := serving(active()), newMemory()
				a, b := gateways(t, u, m)
				m.set(row.trouble)
				for i := range 100 {
					got := ask(t.Context(), a, fmt.Sprint("t", i))
					require.Equal(t, "active", got.word)
					require.LessOrEqual(t, got.took, row.most)
				}
				m.set(func(m *memory) { m.err, m.hang, m.values = nil, false, map[string]value{} })
				time.Sleep(5 * time.Second)
				require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
				before := u.calls()
				require.Equal(t, atOnce("active"), ask(t.Context(), b, tokenA), "back again without a restart")
				require.Equal(t, before, u.calls())
			})
		})
	}
}

func TestAStoreThatFailsRepeatedlyIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, m := serving(active()), newMemory()
		a, _ := gateways(t, u, m)
		m.set(func(m *memory) { m.err = errors.New(secret) })
		for i := range 1_000 {
			require.Equal(t, atOnce("active"), ask(t.Context(), a, fmt.Sprint("t", i)))
		}
		require.Equal(t, 5, m.asked)
	})
}

func TestAnOldAnswerStandsInOnlyIfNoGatewayKnowsBetter(t *testing.T) {
	grace := options(func(o *introspect.Options) { o.StaleIfError = time.Minute })
	for name, row := range map[string]struct {
		meanwhile func(t *testing.T, u *endpoint, b *introspect.Client, m *memory)
		want      string
	}{
		"nothing happened": {func(*testing.T, *endpoint, *introspect.Client, *memory) {}, "active"},
		"the other forgot it": {func(t *testing.T, _ *endpoint, b *introspect.Client, _ *memory) {
			t.Helper()
			require.NoError(t, b.Forget(t.Context(), tokenA))
		}, "undecided"},
		"the other was told active:false": {func(t *testing.T, u *endpoint, b *introspect.Client, _ *memory) {
			t.Helper()
			u.serve(inactive)
			require.Equal(t, atOnce("inactive"), ask(t.Context(), b, tokenA))
			time.Sleep(6 * time.Second)
		}, "undecided"},
		"the store cannot tell": {func(_ *testing.T, _ *endpoint, _ *introspect.Client, m *memory) {
			m.set(func(m *memory) { m.err = errors.New(secret) })
		}, "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, m := serving(active()), newMemory()
				a, b := gateways(t, u, m, grace)
				require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
				time.Sleep(31 * time.Second)
				row.meanwhile(t, u, b, m)
				u.fail(503)
				require.Equal(t, atOnce(row.want), ask(t.Context(), a, tokenA))
			})
		})
	}
}

func TestAnswersFromAClockFarAheadAreForeign(t *testing.T) {
	var seen sync.Map
	u, m := serving(active()), newMemory()
	synctest.Test(t, func(t *testing.T) { // a bubble's clock begins in the year 2000: what it writes is long over for us
		a, _ := gateways(t, u, m)
		require.Equal(t, atOnce("active"), ask(t.Context(), a, tokenA))
	})
	m.forEver()
	_, b := gateways(t, u, m, counting(&seen))
	require.Equal(t, "active", ask(t.Context(), b, tokenA).word)
	require.Equal(t, 2, u.calls(), "over")

	synctest.Test(t, func(t *testing.T) { // and what we have just written is far in its future
		_, c := gateways(t, u, m, counting(&seen))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
	})
	require.Equal(t, 3, u.calls())
	require.Equal(t, 1, count(&seen, "store_foreign"))
}
