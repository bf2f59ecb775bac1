package jwks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

func TestPromiseStatusTellsWhatTheCacheKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keySet(jwk(p256(), "b"), jwk(p384(), "a"), jwk(p521(), ""), `null`, `{"kty":"oct","k":"AAAA"}`, `{"kty":"oct","k":"BBBB"}`))
		c := u.cache(t)
		require.Equal(t, jwks.Status{URL: keysURL}, c.Status(), "before the first fetch")

		start := time.Now()
		require.NoError(t, c.Refresh(t.Context()))
		time.Sleep(time.Minute)
		require.Equal(t, jwks.Status{
			URL: keysURL, Usable: true, KeyIDs: []string{"a", "b"}, Keys: 3, Skipped: map[string]int{"malformed": 1, "symmetric": 2},
			Age: time.Minute, LastSuccess: start, LastAttempt: start, NextAttempt: start.Add(5 * time.Minute),
		}, c.Status())

		u.fail()
		failed := time.Now()
		require.Error(t, c.Refresh(t.Context()))
		require.Error(t, c.Refresh(t.Context()))
		st := c.Status()
		require.Equal(t, &jwks.FetchError{Class: "status", StatusCode: 503}, st.LastError)
		require.Equal(t, 2, st.Failures)
		require.Equal(t, failed, st.LastAttempt)
		require.Equal(t, start, st.LastSuccess)
		require.Equal(t, start.Add(5*time.Minute), st.NextAttempt, "the keys are not due before")

		time.Sleep(5 * time.Minute)
		u.stall()
		require.Equal(t, atOnce("found"), keyA(t, c))
		require.True(t, c.Status().Fetching)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		st = c.Status()
		require.False(t, st.Fetching)
		require.Equal(t, 3, st.Failures)
		require.WithinRange(t, st.NextAttempt, time.Now().Add(3*time.Second), time.Now().Add(4*time.Second))
	})
}

func keyA(t *testing.T, c *jwks.Cache) verdict {
	t.Helper()
	start := time.Now()
	keys, err := c.PublicKeys(t.Context(), "a", "ES384")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	return verdict{"found", time.Since(start)}
}

func TestStatusIsAValueOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		c := serving(keySet(jwk(p256(), "k1"), `null`)).warm(t)
		st := c.Status()
		st.KeyIDs[0], st.Skipped["malformed"] = "changed", 7
		require.Equal(t, []string{"k1"}, c.Status().KeyIDs)
		require.Equal(t, map[string]int{"malformed": 1}, c.Status().Skipped)
	})
}

func TestPromiseOnRefreshHearsOfEveryFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		var told []jwks.Refresh
		u := serving(keysNamed("k1"))
		u.slow(300 * time.Millisecond)
		c := u.cache(t, func(o *jwks.Options) { o.OnRefresh = func(r jwks.Refresh) { told = append(told, r) } })
		require.NoError(t, c.Refresh(t.Context()))
		synctest.Wait()
		require.Len(t, told, 1)
		require.NoError(t, told[0].Err)
		require.Equal(t, 300*time.Millisecond, told[0].Duration)
		require.Equal(t, []string{"k1"}, told[0].Status.KeyIDs)
		u.fail()
		require.Equal(t, "undecided", ask(t.Context(), c, "x").word)
		synctest.Wait()
		require.Len(t, told, 2)
		require.Equal(t, &jwks.FetchError{Class: "status", StatusCode: 503}, told[1].Err)
	})
}

func TestOnRefreshHoldsNobodyUp(t *testing.T) {
	t.Run("when it blocks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			release := make(chan struct{})
			u := serving(keysNamed("k1"))
			c := u.cache(t, func(o *jwks.Options) { o.OnRefresh = func(jwks.Refresh) { <-release } })
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			require.NoError(t, c.Refresh(t.Context()), "and the next fetch goes ahead")
			close(release)
		})
	})
	t.Run("when it panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.cache(t, func(o *jwks.Options) { o.OnRefresh = func(jwks.Refresh) { panic("hook") } })
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			synctest.Wait()
			require.Equal(t, 1, c.Status().HookPanics)
			require.NoError(t, c.Status().LastError)
		})
	})
	t.Run("when it uses the cache", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			var c *jwks.Cache
			var heard verdict
			c = u.cache(t, func(o *jwks.Options) { o.OnRefresh = func(jwks.Refresh) { heard = ask(t.Context(), c, "k1") } })
			require.NoError(t, c.Refresh(t.Context()))
			synctest.Wait()
			require.Equal(t, atOnce("found"), heard)
		})
	})
}
