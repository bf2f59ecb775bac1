package limit_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

func small(c *limit.Config) { c.MaxPeers = 1024 }

// examined sends different wrong credentials from a peer until it is limited, n at most, and returns how many were examined.
func examined(l *limit.Limiter, peer string, n int) int {
	for i := range n {
		if errors.Is(send(l, peer, fmt.Sprintf("bad-%s-%d", peer, i)), limited) {
			return i
		}
	}
	return n
}

func TestWhoIsOnePeer(t *testing.T) {
	t.Run("a /64 of IPv6 is", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, "[2001:db8:1:2::1]:1", 1)
			guess(t, l, "[2001:db8:1:2:ffff::9]:2", 2)
			require.ErrorIs(t, send(l, "[2001:db8:1:2::3]:3", "good"), limited)
			require.NoError(t, send(l, "[2001:db8:1:3::1]:1", "good"))
		})
	})
	t.Run("IPv4 and the same inside of IPv6 are", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			require.ErrorIs(t, send(l, "[::ffff:192.0.2.1]:1", "good"), limited)
		})
	})
	t.Run("all who have no address are", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, "@", 2)
			guess(t, l, "[fe80::1%eth0]:1", 1)
			require.ErrorIs(t, send(l, "", "good"), limited)
			require.NoError(t, send(l, alice, "good"))
		})
	})
	t.Run("all the /64s of a /48 have the guesses of 16", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			total := 0
			for host := range 1000 {
				total += examined(l, v6(1, host), 3)
			}
			require.Equal(t, 16*3, total)
			before := l.Buckets()
			for host := range 200 {
				require.ErrorIs(t, send(l, v6(1, 5000+host), "good"), limited)
			}
			require.Equal(t, before, l.Buckets(), "whom only the /48 limits leaves nothing behind")
			require.NoError(t, send(l, v6(2, 1), "good"), "the next /48 does not notice")
			time.Sleep(20 * time.Second)
			require.Equal(t, 3, examined(l, v6(1, 2000), 3))
		})
	})
	t.Run("the addresses of IPv4 in a /16 are not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for i := range 500 {
				guess(t, l, v4(i), 3)
			}
			require.NoError(t, send(l, v4(501), "good"))
		})
	})
}

func TestNobodyWhoOwesIsForgotten(t *testing.T) {
	t.Run("however many others come", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			guess(t, l, alice, 3)
			for i := range 20_000 {
				_ = send(l, v4(i<<8), fmt.Sprint("bad-", i))
			}
			require.ErrorIs(t, send(l, alice, "good"), limited)
			time.Sleep(20 * time.Second)
			require.NoError(t, send(l, alice, "good"))
		})
	})
	t.Run("who owes nothing any more makes room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			for i := range 20_000 {
				_ = send(l, v4(i<<8), fmt.Sprint("bad-", i))
			}
			time.Sleep(2 * time.Minute)
			for i := range 100 {
				guess(t, l, v4(1_000_000+i<<8), 3)
				require.ErrorIs(t, send(l, v4(1_000_000+i<<8), "good"), limited)
			}
		})
	})
}

func TestWhenThereIsNoPlaceForMorePeers(t *testing.T) {
	// fill takes all places with peers that owe one guess each.
	fill := func(l *limit.Limiter) {
		for i := range 4_000 {
			_ = send(l, v4(200<<24|i<<8), fmt.Sprint("bad-", i))
		}
	}
	t.Run("a newcomer's new credential passes, and so does what was good before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			require.NoError(t, send(l, bob, "good-user"))
			fill(l)
			require.LessOrEqual(t, l.Buckets()[0], 1024)
			require.NoError(t, send(l, alice, "good-newcomer"))
			require.NoError(t, send(l, bob, "good-user"))
		})
	})
	t.Run("newcomers of a /16 have the guesses of 256, and the next /16 does not notice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			fill(l)
			total := 0
			for i := range 2_000 {
				total += examined(l, v4(100<<24|i), 1)
			}
			require.Equal(t, 256*3, total)
			require.ErrorIs(t, send(l, v4(100<<24|5_000), "good"), limited)
			require.NoError(t, send(l, v4(101<<24), "good"))
		})
	})
	t.Run("when there are too many networks, everybody has the guesses of 4096", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			total := 0
			for i := range 40_000 {
				total += examined(l, v4(i<<15), 1)
			}
			n := l.Buckets()
			require.LessOrEqual(t, n[0], 1024)
			require.LessOrEqual(t, n[1], 1024)
			require.Equal(t, 1, n[2])
			require.InDelta(t, 1024+2*1024+3*4096, total, 2*1024+1, "who had a place, whoever shared a network's, and all the others together")
		})
	})
}

func TestAHundredThousandAddressesThatGuessOnceEach(t *testing.T) {
	t.Run("take bounded memory, and when they are gone nothing of them counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, small)
			const addresses = 100_000
			limitedOnes := 0
			for i := range addresses {
				_, err := l.Authenticate(bearer(v4(i*40_001), fmt.Sprint("bad-", i)), failing(middleware.ErrRefused))
				if errors.Is(err, limited) {
					limitedOnes++
				}
				if i%100 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			n := l.Buckets()
			require.LessOrEqual(t, n[0]+n[1]+n[2], 1024+1024+1)
			require.Greater(t, limitedOnes, addresses*7/10, "so many in a second are past what all have together")
			time.Sleep(time.Minute)
			require.NoError(t, send(l, alice, "good-newcomer"))
		})
	})
}
