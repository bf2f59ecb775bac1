package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/perimeter-go/perimeter/internal/goroutines"
	"github.com/perimeter-go/perimeter/jwks"
)

// flood asks for perSecond unknown kids a second until stop is called, each in a goroutine of its own, and counts the verdicts.
func flood(t *testing.T, c *jwks.Cache, perSecond int) (counts func() map[string]int, stop func()) {
	t.Helper()
	var mu sync.Mutex
	all := map[string]int{}
	var callers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	callers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			callers.Go(func() {
				v := ask(t.Context(), c, fmt.Sprint("random-", i))
				mu.Lock()
				defer mu.Unlock()
				all[v.word]++
			})
			time.Sleep(time.Second / time.Duration(perSecond))
		}
	})
	counts = func() map[string]int { mu.Lock(); defer mu.Unlock(); return all }
	return counts, func() { cancel(); callers.Wait() }
}

func TestFloodStaysWithinTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		u.slow(50 * time.Millisecond)
		c := u.warm(t)
		counts, stop := flood(t, c, 10_000)
		const seconds = 16
		for range seconds * 10 {
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "known keys never wait on a flood")
			require.LessOrEqual(t, c.Waiting(), jwks.MaxWaiters)
			time.Sleep(100 * time.Millisecond)
		}
		stop()
		require.LessOrEqual(t, u.fetches()-1, 2+seconds/15)
		require.GreaterOrEqual(t, u.fetches()-1, 2+seconds/15, "and uses it")
		require.GreaterOrEqual(t, counts()["none"], 10_000*seconds*9/10)
	})
}

func TestTenThousandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.stall()
		before := goroutines.InBubble()
		var g errgroup.Group
		var undecidedAtOnce, waited atomic.Int32
		for i := range 10_000 {
			g.Go(func() error {
				v := ask(t.Context(), c, fmt.Sprint(i))
				switch v {
				case atOnce("undecided"):
					undecidedAtOnce.Add(1)
				case verdict{"undecided", 2 * time.Second}:
					waited.Add(1)
				default:
					return fmt.Errorf("unexpected %v", v)
				}
				return nil
			})
		}
		synctest.Wait()
		require.Equal(t, jwks.MaxWaiters, c.Waiting())
		require.LessOrEqual(t, goroutines.InBubble()-before, jwks.MaxWaiters+20)
		require.NoError(t, g.Wait())
		require.EqualValues(t, jwks.MaxWaiters, waited.Load())
		require.EqualValues(t, 9_000, undecidedAtOnce.Load())
		require.Equal(t, 2, u.fetches())
		require.Zero(t, c.Waiting())
	})
}

func TestFloodWhileTheEndpointHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.stall()
		counts, stop := flood(t, c, 500)
		const seconds = 60
		for range seconds * 10 {
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			require.LessOrEqual(t, c.Waiting(), jwks.MaxWaiters)
			time.Sleep(100 * time.Millisecond)
		}
		stop()
		require.LessOrEqual(t, u.fetches()-1, 2+seconds/15)
		require.Zero(t, counts()["found"])
		require.Positive(t, counts()["undecided"])
	})
}

func TestNewKeyInAFloodIsFoundWithinTheRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		const roundTrip = 50 * time.Millisecond
		u := serving(keysNamed("k1"))
		u.slow(roundTrip)
		c := u.warm(t)
		_, stop := flood(t, c, 1_000)
		for _, pause := range []time.Duration{time.Second, 7 * time.Second, 14*time.Second + 990*time.Millisecond} {
			time.Sleep(pause)
			kid := fmt.Sprint("new", pause)
			u.set(func(u *upstream) { u.body = keysNamed("k1", kid) })
			published := time.Now()
			for ask(t.Context(), c, kid).word != "found" {
				time.Sleep(10 * time.Millisecond)
			}
			require.LessOrEqual(t, time.Since(published), 15*time.Second+2*roundTrip)
		}
		stop()
	})
}

func TestOutageAndHangUpToMaxStaleRefuseNoValidKey(t *testing.T) {
	for name, trouble := range map[string]func(*upstream){
		"refuses": (*upstream).fail,
		"hangs":   (*upstream).stall,
		"answers after 4 s with garbage": func(u *upstream) {
			u.set(func(u *upstream) { u.delay, u.body = 4*time.Second, "garbage" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(keysNamed("k1"))
				c := u.warm(t)
				trouble(u)
				start := time.Now()
				for time.Since(start) < 24*time.Hour {
					require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
					time.Sleep(3 * time.Second)
				}
				require.Equal(t, "undecided", ask(t.Context(), c, "k1").word)
				u.serve(keysNamed("k1"))
				recovered := time.Now()
				for ask(t.Context(), c, "k1").word != "found" {
					time.Sleep(time.Second)
				}
				require.LessOrEqual(t, time.Since(recovered), 66*time.Second, "the longest pause, and a fetch that was under way")
			})
		})
	}
}

func TestFirstCallerLeavesAndTheOthersGetTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		u.slow(time.Second)
		c := u.cache(t)
		ctx, leave := context.WithCancel(t.Context())
		var g errgroup.Group
		g.Go(func() error {
			_, err := c.PublicKeys(ctx, "k1", "ES256")
			require.ErrorIs(t, err, context.Canceled)
			return nil
		})
		synctest.Wait() // it has started the fetch
		for range 10 {
			g.Go(func() error { return want(ask(t.Context(), c, "k1"), verdict{"found", time.Second}) })
		}
		synctest.Wait()
		leave()
		require.NoError(t, g.Wait())
		require.Equal(t, 1, u.fetches())
	})
}

func TestACallerWhoHasLeftStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, atOnce("found"), ask(gone, c, "k1"), "known keys need no context")
		_, err := c.PublicKeys(gone, "x", "ES256")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, c.Refresh(gone), context.Canceled)
		require.Equal(t, 1, u.fetches())
	})
}

func TestPanicInTheFetchIsContained(t *testing.T) {
	for name, misbehave := range map[string]func(){
		"panics":             func() { panic("secret") },
		"aborts the handler": func() { panic(http.ErrAbortHandler) },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving("")
				u.respond = func(*http.Request) (*http.Response, error) { misbehave(); return nil, nil }
				c := u.cache(t)
				_, err := c.PublicKeys(t.Context(), "k1", "ES256")
				require.ErrorIs(t, err, jwks.ErrUnavailable)
				require.NotContains(t, err.Error(), "secret")
				require.Equal(t, &jwks.FetchError{Class: "panic"}, c.Status().LastError)
				u.serve(keysNamed("k1"))
				time.Sleep(time.Second)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			})
		})
	}
}

func TestARoundTripperDeafToItsContextIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		release := make(chan struct{})
		u := serving("")
		u.respond = func(r *http.Request) (*http.Response, error) {
			<-release
			return answer(r, 200, nil, keysNamed("late")), nil
		}
		c := u.cache(t)
		require.Equal(t, &jwks.FetchError{Class: "timeout"}, c.Refresh(t.Context()))
		u.serve(keysNamed("k1"))
		time.Sleep(time.Second)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		close(release)
		synctest.Wait()
		require.Equal(t, []string{"k1"}, c.Status().KeyIDs, "what comes late is dropped")
	})
}
