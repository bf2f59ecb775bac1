package limit_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

// as lets everybody be one subject.
func as(subject string) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) { return middleware.Identity{Subject: subject}, nil })
}

// remembered counts how many of the first n users are.
func remembered(l *limit.Limiter, n int) (found int) {
	for i := range n {
		if l.Remembers(bearer(alice, fmt.Sprint("good-", i))) {
			found++
		}
	}
	return found
}

func TestGoodCredentialsAreRemembered(t *testing.T) {
	l := newLimiter(t)
	for i := range 20_000 {
		require.NoError(t, send(l, alice, fmt.Sprint("good-", i)))
	}
	require.Equal(t, 20_000, remembered(l, 20_000))
}

func TestAnIdentityDisplacesOnlyItsShare(t *testing.T) {
	l := newLimiter(t)
	const users = 20_000
	for i := range users {
		require.NoError(t, send(l, alice, fmt.Sprint("good-", i)))
	}
	insider := as("insider")
	for i := range 50_000 { // one good token may come with as many spellings, or with as many certificates
		_, err := l.Authenticate(bearer(bob, fmt.Sprint("spelling-", i)), insider)
		require.NoError(t, err)
	}
	require.Greater(t, remembered(l, users), users-users/100)
	require.True(t, l.Remembers(bearer(bob, "spelling-49999")), "the newest of its own are known")
	require.False(t, l.Remembers(bearer(bob, "spelling-1")))
}

func TestWrongCredentialsDisplaceNothing(t *testing.T) {
	l := newLimiter(t)
	for i := range 2_000 {
		require.NoError(t, send(l, alice, fmt.Sprint("good-", i)))
	}
	for i := range 50_000 {
		_ = send(l, v4(i), fmt.Sprint("bad-", i))
	}
	require.Equal(t, 2_000, remembered(l, 2_000))
}

func TestMoreGoodCredentialsThanThereIsRoomFor(t *testing.T) {
	l := newLimiter(t, func(c *limit.Config) { c.MaxRemembered = 1024 })
	for i := range 30_000 {
		require.NoError(t, send(l, alice, fmt.Sprint("good-", i)))
	}
	n := remembered(l, 30_000)
	require.LessOrEqual(t, n, 1024)
	require.Greater(t, n, 900)
}

func TestALimiterIsForConcurrentUse(t *testing.T) {
	l := newLimiter(t, small, func(c *limit.Config) { c.MaxRemembered = 1024 })
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2_000 {
				_ = send(l, v4(i%50), fmt.Sprint("bad-", i))
				_ = send(l, v6(i%20, i), fmt.Sprint("bad-", g, i))
				_ = send(l, v4(i), fmt.Sprint("good-", i%3_000))
				_, _ = l.Authenticate(bearer(v4(i), fmt.Sprint("good-", i)), failing(middleware.ErrRefused))
			}
		})
	}
	all.Wait()
	require.ErrorIs(t, send(l, v4(7), "bad"), limited)
}
