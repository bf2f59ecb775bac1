package quota_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
)

func keep(n int) func(*quota.Config) { return func(c *quota.Config) { c.MaxKeys = n } }

func TestNobodyGetsAFreshQuotaByCrowdingOutTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, keep(10)).Handler(teapot)
		require.Equal(t, 3, passed(h, alice, 3))
		for i := range 10_000 {
			send(h, as(named(strconv.Itoa(i))))
		}
		require.Zero(t, passed(h, alice, 1))
		time.Sleep(59 * time.Second)
		for i := range 10_000 {
			send(h, as(named(strconv.Itoa(i))))
		}
		require.Equal(t, 2, passed(h, alice, 3), "what came back in 59 seconds, and no more")
	})
}

func TestACrowdedNewcomerHasAQuotaAndKeepsItsDebtWhenThereIsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, keep(1)).Handler(teapot)
		require.Equal(t, 1, passed(h, alice, 1))
		time.Sleep(10 * time.Second)
		require.Equal(t, 3, passed(h, named("bob"), 4), "in the crowd")
		time.Sleep(11 * time.Second) // alice's is full, and bob's half of one back
		require.Zero(t, passed(h, named("bob"), 1), "a place of their own is no fresh quota")
		time.Sleep(time.Minute)
		require.Equal(t, 3, passed(h, named("bob"), 4))
	})
}

func TestTheCrowdIsLimitedTogether(t *testing.T) {
	h := newLimiter(t, keep(1), allow(1, time.Hour)).Handler(teapot)
	require.Equal(t, 1, passed(h, alice, 1))
	total := 0
	for i := range 20_000 {
		total += passed(h, named(strconv.Itoa(i)), 1)
	}
	require.LessOrEqual(t, total, 1024)
	require.Greater(t, total, 1000, "they are spread over all")
}

func TestAFullBucketGivesItsPlaceAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, keep(100), allow(1, time.Minute)).Handler(teapot)
		for round := range 20 {
			for i := range 100 {
				require.Equal(t, 1, passed(h, named(strconv.Itoa(round*100+i)), 2), "as many as there are places, each time")
			}
			time.Sleep(time.Minute)
		}
	})
}
