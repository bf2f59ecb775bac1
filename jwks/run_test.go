package jwks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

func TestRunKeepsTheKeysFreshWithJitterUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.cache(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		require.Equal(t, 1, u.fetches(), "at once")

		gaps := map[time.Duration]bool{}
		last, seen := time.Now(), 1
		for range 60 * 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			require.Less(t, c.Status().Age, 5*time.Minute, "always fresh")
			if n := u.fetches(); n != seen {
				gap := time.Since(last)
				require.GreaterOrEqual(t, gap, 224*time.Second)
				gaps[gap] = true
				last, seen = time.Now(), n
			}
		}
		require.Greater(t, len(gaps), 2, "not in step")
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestRunFollowsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving("")
		u.fail()
		c := u.cache(t)
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		time.Sleep(10 * time.Minute)
		require.GreaterOrEqual(t, u.fetches(), 6+8)
		require.LessOrEqual(t, u.fetches(), 7+13)
		u.serve(keysNamed("k1"))
		time.Sleep(time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		cancel()
	})
}

func TestRunEndsWhileAFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving("")
		u.stall()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, u.cache(t).Run(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestRefreshReturnsHowTheFetchWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		u.slow(time.Second)
		c := u.cache(t)
		started := make(chan error)
		go func() { started <- c.Refresh(t.Context()) }()
		synctest.Wait()
		require.NoError(t, c.Refresh(t.Context()), "joins")
		require.NoError(t, <-started)
		require.Equal(t, 1, u.fetches())

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, c.Refresh(ctx), context.DeadlineExceeded)
		time.Sleep(time.Second)
		require.Equal(t, 10*time.Millisecond+990*time.Millisecond+10*time.Millisecond, c.Status().Age, "it went on without its caller")

		u.fail()
		var failure *jwks.FetchError
		require.ErrorAs(t, c.Refresh(t.Context()), &failure)
		require.EqualError(t, failure, "jwks: fetching the key set failed: status 503")
	})
}

// TestAgesTakeTheLargerOfTwoClocks runs outside a bubble: in one, time has no monotonic reading.
func TestAgesTakeTheLargerOfTwoClocks(t *testing.T) {
	now := time.Now()
	require.Equal(t, 8*time.Hour, jwks.Elapsed(jwks.WallEarlier(now, 8*time.Hour), now), "the machine slept: the wall clock tells")
	require.Equal(t, time.Minute, jwks.Elapsed(jwks.WallEarlier(now.Add(-time.Minute), -8*time.Hour), now), "the wall clock was set back: the monotonic one tells")
	require.Equal(t, time.Minute, jwks.Elapsed(now.Add(-time.Minute).Round(0), now), "a time from a file has a wall clock only")
}

func TestAMachineThatSleptAsksAgainBeforeItAnswers(t *testing.T) {
	for _, row := range []struct {
		name string
		nap  time.Duration
		want string
	}{
		{"overdue", 8 * time.Hour, "none"},
		{"past MaxStale", 48 * time.Hour, "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := serving(keysNamed("k1", "withdrawn"))
			c := u.warm(t)
			u.serve(keysNamed("k1"))
			require.Equal(t, "found", ask(t.Context(), c, "withdrawn").word)
			c.MachineSlept(row.nap)
			require.Equal(t, row.want, ask(t.Context(), c, "withdrawn").word)
			require.Equal(t, 2, u.fetches())
		})
	}
}
