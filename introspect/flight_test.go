package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/goroutines"
	"github.com/perimeter-go/perimeter/introspect"
)

// crowd asks about n tokens at once and counts the findings.
type crowd struct {
	mu    sync.Mutex
	found map[finding]int
	wg    sync.WaitGroup
}

func newCrowd() *crowd { return &crowd{found: map[finding]int{}} }

func (k *crowd) ask(ctx context.Context, c *introspect.Client, n int, token func(int) string) {
	for i := range n {
		k.wg.Go(func() {
			f := ask(ctx, c, token(i))
			k.mu.Lock()
			defer k.mu.Unlock()
			k.found[f]++
		})
	}
}

func (k *crowd) findings() map[finding]int { k.wg.Wait(); return k.found }

func numbered(prefix string) func(int) string {
	return func(i int) string { return fmt.Sprint(prefix, i) }
}

func same(tok string) func(int) string { return func(int) string { return tok } }

func TestAThousandAtOnceAboutOneTokenAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = time.Second
		c := u.client(t)
		k := newCrowd()
		k.ask(t.Context(), c, 1_000, same(tokenA))
		require.Equal(t, map[finding]int{{"active", time.Second}: 1_000}, k.findings())
		require.Equal(t, 1, u.calls())
		require.True(t, c.Idle())
	})
}

func TestEachCallerMayLeaveAndTheCallGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = time.Second
		c := u.client(t)
		first, leave := context.WithCancel(t.Context())
		k, others := newCrowd(), newCrowd()
		k.ask(first, c, 1, same(tokenA))
		synctest.Wait() // it has begun the call
		others.ask(t.Context(), c, 10, same(tokenA))
		synctest.Wait()
		leave()
		require.Equal(t, map[finding]int{atOnce("left"): 1}, k.findings())
		require.Equal(t, map[finding]int{{"active", time.Second}: 10}, others.findings())
		require.Equal(t, 1, u.calls())

		alone, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer leave()
		require.Equal(t, finding{"left", 10 * time.Millisecond}, ask(alone, c, tokenB))
		time.Sleep(time.Second)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenB), "what was asked is remembered, though nobody waited")
		require.Equal(t, 2, u.calls())
	})
}

func TestACallerWhoHasLeftStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		gone, leave := context.WithCancel(t.Context())
		leave()
		require.Equal(t, atOnce("active"), ask(gone, c, tokenA), "what is remembered needs no context")
		_, err := c.Introspect(gone, tokenB)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, introspect.ErrRefused)
		require.Equal(t, 1, u.calls())
	})
}

func TestCallsAndWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(active())
		u.set(func(u *endpoint) { u.hang = true })
		c := u.client(t)
		before := goroutines.InBubble()
		k := newCrowd()
		k.ask(t.Context(), c, 3_000, numbered("t"))
		synctest.Wait()
		require.Equal(t, introspect.MaxCalls, u.mostAtOnce())
		require.Equal(t, introspect.MaxCalls, u.calls())
		const waiting = introspect.MaxCalls + introspect.MaxQueued
		require.LessOrEqual(t, goroutines.InBubble()-before, 2*waiting+introspect.MaxCalls+20, "callers, their tokens, the calls")
		found := k.findings()
		require.Equal(t, 3_000-waiting, found[atOnce("undecided")])
		for f := range found {
			require.Equal(t, "undecided", f.word)
			require.LessOrEqual(t, f.took, 10*time.Second, "as long for a call as a call may take, and then that call")
		}
		require.GreaterOrEqual(t, found[finding{"undecided", 5 * time.Second}], waiting-5, "the pause ends what is still to come")
		require.True(t, c.Idle())
	})
}

func TestWaitersGetTheCallsThatBecomeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = time.Second
		c := u.client(t)
		k := newCrowd()
		k.ask(t.Context(), c, 300, numbered("t"))
		require.Equal(t, map[finding]int{{"active", time.Second}: 100, {"active", 2 * time.Second}: 100, {"active", 3 * time.Second}: 100}, k.findings())
		require.Equal(t, introspect.MaxCalls, u.mostAtOnce())
		require.True(t, c.Idle())
	})
}

func TestATokenThatNobodyWaitsForGivesUpItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = 2 * time.Second
		c := u.client(t)
		full, gone := newCrowd(), newCrowd()
		full.ask(t.Context(), c, introspect.MaxCalls, numbered("full-"))
		synctest.Wait()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		gone.ask(ctx, c, introspect.MaxQueued, numbered("gone-"))
		synctest.Wait()
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "one-more"), "all places are taken")
		require.Equal(t, map[finding]int{{"left", time.Second}: introspect.MaxQueued}, gone.findings())
		require.Equal(t, finding{"active", 3 * time.Second}, ask(t.Context(), c, "one-more"))
		require.Equal(t, map[finding]int{{"active", 2 * time.Second}: introspect.MaxCalls}, full.findings())
		require.Equal(t, introspect.MaxCalls+1, u.calls())
		require.True(t, c.Idle())
	})
}

func TestAKnownPeerHasAQuarterAndTheNextTurnIsTheOthers(t *testing.T) {
	peer := func(t *testing.T, addr string) context.Context {
		t.Helper()
		return introspect.WithPeer(t.Context(), netip.MustParseAddr(addr))
	}
	t.Run("a quarter of either", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(active())
			u.set(func(u *endpoint) { u.hang = true })
			c := u.client(t)
			k := newCrowd()
			k.ask(peer(t, "192.0.2.1"), c, 250, numbered("a"))
			k.ask(peer(t, "::ffff:192.0.2.1"), c, 250, numbered("b"))
			synctest.Wait()
			require.Equal(t, 25, u.mostAtOnce())
			require.Equal(t, 500-25-250, k.findings()[atOnce("undecided")])
			require.True(t, c.Idle())
		})
	})
	t.Run("a network of 64 bits is one peer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := serving(active())
			u.delay = time.Second
			c := u.client(t)
			k := newCrowd()
			for i := range 50 {
				k.ask(peer(t, fmt.Sprintf("2001:db8::%x:1%%eth0", i+1)), c, 1, same(fmt.Sprint("t", i)))
			}
			require.Equal(t, map[finding]int{{"active", time.Second}: 25, {"active", 2 * time.Second}: 25}, k.findings())
		})
	})
	t.Run("peers take turns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := serving(active())
			u.delay = time.Second
			c := u.client(t)
			many, one := newCrowd(), newCrowd()
			for i := range 4 { // they hold all calls, and have 200 waiting each
				many.ask(peer(t, fmt.Sprintf("192.0.2.%d", i)), c, 225, numbered(fmt.Sprint(i, "-")))
			}
			synctest.Wait()
			require.Equal(t, introspect.MaxCalls, u.mostAtOnce())
			one.ask(peer(t, "198.51.100.1"), c, 10, numbered("one-"))
			require.Equal(t, map[finding]int{{"active", 2 * time.Second}: 10}, one.findings(), "not after the 800 before it")
			many.findings()
			require.True(t, c.Idle())
		})
	})
	t.Run("an address that is none is nobody", func(t *testing.T) {
		require.Equal(t, t.Context(), introspect.WithPeer(t.Context(), netip.Addr{}))
	})
}

func TestFiveFailuresInARowOpenAPauseThenOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		for i := range 4 {
			u.fail(500)
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, fmt.Sprint("a", i)))
		}
		u.serve(active())
		require.Equal(t, atOnce("active"), ask(t.Context(), c, "between"), "a success begins the row anew")
		for i := range 5 {
			u.fail(500)
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, fmt.Sprint("b", i)))
		}
		require.Equal(t, 10, u.calls())
		u.serve(active())
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "paused"))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, "between"), "what is remembered does not wait")
		time.Sleep(time.Second - time.Nanosecond)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "paused"))
		require.Equal(t, 10, u.calls(), "left alone")

		time.Sleep(time.Nanosecond)
		u.set(func(u *endpoint) { u.status, u.delay = 500, 500*time.Millisecond })
		k := newCrowd()
		k.ask(t.Context(), c, 100, numbered("probe"))
		require.Equal(t, map[finding]int{atOnce("undecided"): 99, {"undecided", 500 * time.Millisecond}: 1}, k.findings())
		require.Equal(t, 11, u.calls(), "one probe")
		time.Sleep(time.Second - time.Nanosecond)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "paused"))
		require.Equal(t, 11, u.calls(), "a probe that failed begins the pause anew")

		time.Sleep(time.Nanosecond)
		u.serve(active())
		require.Equal(t, atOnce("active"), ask(t.Context(), c, "paused"))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, "after"))
		require.Equal(t, 13, u.calls())
	})
}

func TestCallsThatWereUnderWayDoNotProlongThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		u.set(func(u *endpoint) { u.status, u.delay = 500, 900*time.Millisecond })
		late := newCrowd()
		late.ask(t.Context(), c, 50, numbered("late"))
		synctest.Wait()
		u.set(func(u *endpoint) { u.delay = 0 })
		for i := range 5 {
			ask(t.Context(), c, fmt.Sprint("early", i))
		}
		late.findings()
		u.serve(active())
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
	})
}

// failsOnBad makes the endpoint fail about whatever token begins with bad.
func failsOnBad(u *endpoint) {
	u.respond = func(r *http.Request, form url.Values) (*http.Response, error) {
		if strings.HasPrefix(form.Get("token"), "bad") {
			return answer(r, 500, u.header, ""), nil
		}
		return answer(r, 200, u.header, active()), nil
	}
}

func TestOneClientsFailuresPauseNobodyElse(t *testing.T) {
	evil, honest := netip.MustParseAddr("2001:db8:bad::1"), netip.MustParseAddr("192.0.2.1")
	for name, row := range map[string]struct {
		others int // failures of others, before
		wait   time.Duration
	}{
		"alone":                   {0, 0},
		"with one of another's":   {1, 2 * time.Second},
		"after an outage for all": {5, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving("")
				failsOnBad(u)
				c := u.client(t)
				bad, good := introspect.WithPeer(t.Context(), evil), introspect.WithPeer(t.Context(), honest)
				for i := range row.others {
					require.Equal(t, atOnce("undecided"), ask(good, c, fmt.Sprint("bad-luck", i)))
				}
				begin, decided := time.Now(), 0
				for i := range 500 { // in five seconds
					for j := range 10 {
						require.Equal(t, atOnce("undecided"), ask(bad, c, fmt.Sprintf("bad-%d-%d", i, j)))
					}
					time.Sleep(5 * time.Millisecond)
					switch got := ask(good, c, fmt.Sprint("good", i)); {
					case got == atOnce("active"):
						decided++
					case time.Since(begin) > row.wait:
						require.Equal(t, atOnce("active"), got, "after %v", time.Since(begin))
					}
					time.Sleep(5 * time.Millisecond)
				}
				require.GreaterOrEqual(t, decided, 300)
			})
		})
	}
}

func TestFailuresOfOneClientPauseItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving("")
		failsOnBad(u)
		c := u.client(t)
		ctx := introspect.WithPeer(t.Context(), netip.MustParseAddr("2001:db8:bad::1"))
		for i := range 10_000 { // in ten seconds
			require.Equal(t, atOnce("undecided"), ask(ctx, c, fmt.Sprint("bad", i)))
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, u.calls(), 5+10)
	})
}

func TestFailuresOfSeveralClientsPauseAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving("")
		u.fail(500)
		c := u.client(t)
		for i := range 10_000 { // in ten seconds, of as many clients
			ctx := introspect.WithPeer(t.Context(), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
			require.Equal(t, atOnce("undecided"), ask(ctx, c, fmt.Sprint("t", i)))
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, u.calls(), 5+10)
	})
}

func TestWhatATokenMayCauseOpensNoPause(t *testing.T) {
	for name, body := range map[string]string{"a strange shape": `{"active":"yes"}`, "too much": active() + fmt.Sprintf("%*s", introspect.MaxAnswer, "")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving(body)
				c := u.client(t)
				for i := range 20 {
					require.Equal(t, atOnce("undecided"), ask(t.Context(), c, fmt.Sprint("t", i)))
				}
				require.Equal(t, 20, u.calls())
				u.serve(active())
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
			})
		})
	}
}

func TestAPanicIsContained(t *testing.T) {
	for name, misbehave := range map[string]func(){
		"panics":             func() { panic(secret) },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving(active())
				u.respond = func(*http.Request, url.Values) (*http.Response, error) {
					misbehave()
					return nil, errors.New("not reached")
				}
				c := u.client(t, options(func(o *introspect.Options) { o.Observe = func(string) { misbehave() } }))
				require.Equal(t, atOnce("undecided"), ask(t.Context(), c, tokenA))
				u.serve(active())
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
				require.True(t, c.Idle())
			})
		})
	}
}

func TestWhatIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		u := serving(active())
		c := u.client(t, options(func(o *introspect.Options) {
			o.StaleIfError = time.Minute
			o.Observe = func(e string) { mu.Lock(); defer mu.Unlock(); seen[e]++ }
		}))
		ask(t.Context(), c, tokenA)
		u.set(func(u *endpoint) { u.status = 400 })
		ask(t.Context(), c, tokenB)
		time.Sleep(30 * time.Second)
		u.fail(500)
		for range 7 {
			require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		}
		require.Equal(t, map[string]int{"asked": 7, "rejected": 1, "failed": 5, "paused": 2, "stale": 7}, seen)
	})
}
