package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/perimeter-go/perimeter/jwks"
)

// The tests of this file are what a Cache promises over time: how fresh, how long, how often, who waits. Each runs in a bubble,
// which fails if a goroutine is left at its end.

func TestPromiseReadsTakeNoLockAndAllocateNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		read := func() {
			if keys, err := c.PublicKeys(t.Context(), "k1", "ES256"); err != nil || len(keys) != 1 {
				panic("not found")
			}
		}
		require.Zero(t, testing.AllocsPerRun(100, read), "fresh")

		u.fail()
		time.Sleep(6 * time.Minute)
		read()
		synctest.Wait()
		require.Zero(t, testing.AllocsPerRun(100, read), "due, and the issuer is down")

		release := c.HoldLock()
		read() // would deadlock the bubble if a read took the lock
		release()
	})
}

func TestPromiseFreshKeysCauseNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		time.Sleep(5*time.Minute - time.Nanosecond)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		synctest.Wait()
		require.Equal(t, 1, u.fetches())
	})
}

func TestPromiseFreshIsWhatTheServerShortensAndNeverLengthens(t *testing.T) {
	for _, row := range []struct {
		name   string
		header http.Header
		maxAge time.Duration
		want   time.Duration
	}{
		{"nothing said", nil, 0, 5 * time.Minute},
		{"shorter than MaxAge", http.Header{"Cache-Control": {"public, max-age=120"}}, 0, 2 * time.Minute},
		{"longer than MaxAge", http.Header{"Cache-Control": {"max-age=86400"}}, 0, 5 * time.Minute},
		{"below the floor of a minute", http.Header{"Cache-Control": {"max-age=5"}}, 0, time.Minute},
		{"MaxAge below the floor", http.Header{"Cache-Control": {"max-age=5"}}, 30 * time.Second, 30 * time.Second},
		{"max-age=0", http.Header{"Cache-Control": {"max-age=0"}}, 0, time.Minute},
		{"Hydra's no-store", http.Header{"Cache-Control": {"private, no-cache, no-store, must-revalidate"}}, 0, time.Minute},
		{"no-store beside a max-age", http.Header{"Cache-Control": {"max-age=240, no-store"}}, 0, time.Minute},
		{"upper case and quotes", http.Header{"Cache-Control": {`MAX-AGE="90"`}}, 0, 90 * time.Second},
		{"two lines, the shorter counts", http.Header{"Cache-Control": {"max-age=200", "max-age=100"}}, 0, 100 * time.Second},
		{"time spent in shared caches", http.Header{"Cache-Control": {"max-age=200"}, "Age": {"80"}}, 0, 2 * time.Minute},
		{"a number that overflows", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, 0, 5 * time.Minute},
		{"no number", http.Header{"Cache-Control": {"max-age=soon"}}, 0, 5 * time.Minute},
		{"negative", http.Header{"Cache-Control": {"max-age=-1"}}, 0, 5 * time.Minute},
		{"another directive that ends alike", http.Header{"Cache-Control": {"s-max-age=70, x-no-store"}}, 0, 5 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(keysNamed("k1"))
				u.header = row.header
				c := u.warm(t, func(o *jwks.Options) { o.MaxAge = row.maxAge })
				time.Sleep(row.want - time.Nanosecond)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				synctest.Wait()
				require.Equal(t, 1, u.fetches(), "still fresh")
				time.Sleep(time.Nanosecond)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				synctest.Wait()
				require.Equal(t, 2, u.fetches(), "due")
			})
		})
	}
}

func TestPromiseDueKeysAnswerAtOnceWhileOneFetchRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.slow(time.Second)
		time.Sleep(5 * time.Minute)
		for range 100 {
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		}
		synctest.Wait()
		require.Equal(t, 2, u.fetches())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, time.Second, c.Status().Age, "the age counts from the start of the fetch")
	})
}

func TestPromiseOverdueKeysWaitForOneFetch(t *testing.T) {
	overdue := func(t *testing.T) (*upstream, *jwks.Cache) {
		t.Helper()
		u := serving(keysNamed("k1", "withdrawn"))
		c := u.warm(t)
		u.serve(keysNamed("k1"))
		time.Sleep(10 * time.Minute)
		return u, c
	}
	t.Run("and get its keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u, c := overdue(t)
			u.slow(time.Second)
			var g errgroup.Group
			for range 50 {
				g.Go(func() error { return want(ask(t.Context(), c, "k1"), verdict{"found", time.Second}) })
				g.Go(func() error { return want(ask(t.Context(), c, "withdrawn"), verdict{"none", time.Second}) })
			}
			require.NoError(t, g.Wait())
			require.Equal(t, 2, u.fetches())
		})
	})
	t.Run("for 2 s at most, then the old keys answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u, c := overdue(t)
			u.stall()
			require.Equal(t, verdict{"found", 2 * time.Second}, ask(t.Context(), c, "k1"))
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "the 2 s are those of the fetch, not of each caller")
			time.Sleep(time.Minute)
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "the last attempt failed")
		})
	})
	t.Run("unless the last attempt failed just now", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u, c := overdue(t)
			u.fail()
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "a fetch that fails at once holds nobody up")
			u.stall()
			for range 120 {
				time.Sleep(time.Second)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			}
		})
	})
	t.Run("also after an old failure and an idle gap since", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u, c := overdue(t)
			u.fail()
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "withdrawn"))
			u.serve(keysNamed("k1"))
			time.Sleep(time.Hour)
			require.Equal(t, atOnce("none"), ask(t.Context(), c, "withdrawn"))
		})
	})
	t.Run("and each may leave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u, c := overdue(t)
			u.slow(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := c.PublicKeys(ctx, "k1", "ES256")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, jwks.ErrUnavailable)
			require.Equal(t, verdict{"found", 700 * time.Millisecond}, ask(t.Context(), c, "k1"))
			require.Equal(t, 2, u.fetches())
		})
	})
}

func TestPromiseKeysAnswerUntilMaxStaleAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.fail()
		time.Sleep(5 * time.Minute)
		for range 24*60 - 6 { // a look-up a minute
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		require.True(t, c.Status().Usable)
		time.Sleep(time.Nanosecond)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
		require.False(t, c.Status().Usable)

		u.serve(keysNamed("k1"))
		time.Sleep(time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
	})
}

func TestPromiseMaxStaleHoldsAfterAnIdleGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.stall()
		time.Sleep(24 * time.Hour)
		require.Equal(t, verdict{"undecided", 2 * time.Second}, ask(t.Context(), c, "k1"))
	})
}

func TestPromiseNewKeyIsFoundInTheVeryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		time.Sleep(time.Minute)
		u.serve(keysNamed("k1", "k2"))
		u.slow(200 * time.Millisecond)
		var g errgroup.Group
		for range 1000 {
			g.Go(func() error { return want(ask(t.Context(), c, "k2"), verdict{"found", 200 * time.Millisecond}) })
			g.Go(func() error { return want(ask(t.Context(), c, "k1"), atOnce("found")) })
		}
		require.NoError(t, g.Wait())
		require.Equal(t, 2, u.fetches())
	})
}

// A token that names no key may be signed by the first one of its algorithm.
func TestPromiseNewAlgorithmIsFoundInTheVeryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keySet(jwk(rsa2048(), "k1")))
		c := u.warm(t)
		time.Sleep(time.Minute)
		u.serve(keySet(jwk(rsa2048(), "k1"), jwk(p256(), "k2")))
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "k1"))
		require.Equal(t, 1, u.fetches())
		require.Equal(t, "found", ask(t.Context(), c, "").word)
		require.Equal(t, 2, u.fetches())
	})
}

func TestPromiseNewKeyIsFoundThoughARefreshWasUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		old := keysNamed("k1")
		u.set(func(u *upstream) {
			u.respond = func(r *http.Request) (*http.Response, error) {
				return answer(r, 200, nil, old), pass(r.Context(), time.Second)
			}
		})
		time.Sleep(5 * time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1")) // starts the refresh
		time.Sleep(500 * time.Millisecond)
		u.serve(keysNamed("k1", "k2")) // the refresh has read the old key set
		require.Equal(t, verdict{"found", 500 * time.Millisecond}, ask(t.Context(), c, "k2"))
		require.Equal(t, 3, u.fetches())
	})
}

func TestPromiseUnknownKidsShareTheFetchThatOneOfThemStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.slow(time.Second)
		var g errgroup.Group
		for i := range 100 {
			g.Go(func() error {
				late := time.Duration(i) * time.Millisecond
				time.Sleep(late)
				return want(ask(t.Context(), c, fmt.Sprint("x", i%10)), verdict{"none", time.Second - late})
			})
		}
		require.NoError(t, g.Wait())
		require.Equal(t, 2, u.fetches())
	})
}

func TestPromiseBucketHoldsTwoHoweverLongItFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t, func(o *jwks.Options) { o.MaxAge = time.Hour })
		for range 3 {
			before := u.fetches()
			for i := range 10 {
				require.Equal(t, atOnce("none"), ask(t.Context(), c, fmt.Sprint("x", i)))
			}
			require.Equal(t, before+2, u.fetches())
			time.Sleep(10 * time.Minute)
		}
	})
}

func TestPromiseUnknownKidIsRefusedOnlyByARecentFetch(t *testing.T) {
	t.Run("refused by its own fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			time.Sleep(time.Minute)
			require.Equal(t, atOnce("none"), ask(t.Context(), c, "x"))
			require.Equal(t, 2, u.fetches())
		})
	})
	t.Run("refused without one while the last is recent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			for i := range 100 {
				require.Equal(t, atOnce("none"), ask(t.Context(), c, fmt.Sprint("x", i)))
			}
			require.Equal(t, 1+2, u.fetches())
			time.Sleep(15*time.Second - 1)
			require.Equal(t, atOnce("none"), ask(t.Context(), c, "x"))
			require.Equal(t, 1+2, u.fetches())
		})
	})
	t.Run("undecided when its fetch fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			u.fail()
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "x"), "although a fetch succeeded a moment ago")
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "x"))
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "x"), "no fetch is left in the bucket")
			require.Equal(t, 1+2, u.fetches())
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		})
	})
	t.Run("undecided after 2 s when its fetch hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			u.stall()
			require.Equal(t, verdict{"undecided", 2 * time.Second}, ask(t.Context(), c, "x"))
		})
	})
	t.Run("refused at once when it is known for another algorithm", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			for _, alg := range []string{"RS256", "ES384", "EdDSA", "HS256", "none", ""} {
				keys, err := c.PublicKeys(t.Context(), "k1", alg)
				require.NoError(t, err)
				require.Empty(t, keys, alg)
			}
			require.Equal(t, 1, u.fetches())
		})
	})
	t.Run("refused at once for an algorithm that no key fits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.cache(t)
			for _, alg := range []string{"HS256", "none", "es256", ""} {
				keys, err := c.PublicKeys(t.Context(), "x", alg)
				require.NoError(t, err)
				require.Empty(t, keys, alg)
			}
			require.Zero(t, u.fetches())
		})
	})
}

func TestPromiseScheduledFetchesDoNotSpendTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		for range 5 {
			require.NoError(t, c.Refresh(t.Context()))
		}
		time.Sleep(5 * time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		synctest.Wait()
		before := u.fetches()
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "x"))
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "y"))
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "z"))
		require.Equal(t, before+2, u.fetches())
	})
}

func TestPromiseFailingIssuerIsAskedWithBackoffAndLosesNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t)
		u.fail()
		time.Sleep(5 * time.Minute)
		var gaps []time.Duration
		last, count := time.Now(), u.fetches()
		for range 10 * 60 * 20 { // twenty look-ups a second for ten minutes
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			synctest.Wait()
			if n := u.fetches(); n != count {
				gaps = append(gaps, time.Since(last))
				last, count = time.Now(), n
			}
			time.Sleep(50 * time.Millisecond)
		}
		require.Greater(t, len(gaps), 10)
		require.Less(t, len(gaps), 24)
		const tick = 50 * time.Millisecond
		full := time.Second
		for _, gap := range gaps[1:] {
			require.GreaterOrEqual(t, gap, full*3/4)
			require.LessOrEqual(t, gap, full+tick)
			full = min(2*full, time.Minute)
		}
		require.Equal(t, len(gaps), c.Status().Failures)
	})
}

func TestPromiseWithoutASnapshotBackoffAlonePacesTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving("")
		u.fail()
		c := u.cache(t)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
		require.Equal(t, 1, u.fetches())
		for i := range 1000 {
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, fmt.Sprint("x", i)))
		}
		require.Equal(t, 1, u.fetches(), "no bucket helps an issuer that has never answered")
		u.serve(keysNamed("k1"))
		time.Sleep(time.Second)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		require.Equal(t, 2, u.fetches())
	})
}

func TestPromiseReplacedSetForgetsAWithdrawnKey(t *testing.T) {
	withdraw := func(t *testing.T, traffic time.Duration, run bool) time.Duration {
		t.Helper()
		u := serving(keysNamed("k1", "old"))
		c := u.warm(t)
		ctx, cancel := context.WithCancel(t.Context())
		if run {
			go c.Run(ctx)
		}
		time.Sleep(time.Minute)
		u.serve(keysNamed("k1"))
		u.slow(100 * time.Millisecond)
		withdrawn := time.Now()
		for ask(t.Context(), c, "old").word == "found" {
			time.Sleep(traffic)
		}
		cancel()
		synctest.Wait()
		return time.Since(withdrawn)
	}
	t.Run("under traffic, within MaxAge and one fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			require.LessOrEqual(t, withdraw(t, 10*time.Millisecond, false), 5*time.Minute+100*time.Millisecond+10*time.Millisecond)
		})
	})
	t.Run("under Run, within MaxAge and one fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			require.LessOrEqual(t, withdraw(t, 10*time.Millisecond, true), 5*time.Minute)
		})
	})
	t.Run("otherwise by the first look-up after twice MaxAge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			require.LessOrEqual(t, withdraw(t, 9*time.Minute, false), 9*time.Minute+100*time.Millisecond)
		})
	})
}

func TestPromiseSharedFetchIsBoundedAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving("")
		u.stall()
		c := u.cache(t)
		start := time.Now()
		var failure *jwks.FetchError
		require.ErrorAs(t, c.Refresh(t.Context()), &failure)
		require.Equal(t, "timeout", failure.Class)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestPromiseStartWithTheIssuerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving("")
		u.fail()
		c := u.cache(t)
		require.Error(t, c.Refresh(t.Context()))
		_, err := c.PublicKeys(t.Context(), "k1", "ES256")
		require.ErrorIs(t, err, jwks.ErrUnavailable)
		failure, ok := errors.AsType[*jwks.FetchError](err)
		require.True(t, ok, "an operator sees why")
		require.Equal(t, 503, failure.StatusCode)
		require.NotContains(t, err.Error(), "out of order", "and not what the other side sent")

		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		time.Sleep(30 * time.Second)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
		u.serve(keysNamed("k1"))
		time.Sleep(time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		cancel()
	})
}

func want(got, expected verdict) error {
	if got != expected {
		return fmt.Errorf("got %v, want %v", got, expected)
	}
	return nil
}
