package limit_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

func TestALimiterStopsWhoeverGuesses(t *testing.T) {
	t.Run("past its guesses, a peer's new credentials are not examined, whether good or bad", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			never := answering(func(*http.Request) (middleware.Identity, error) { panic("examined") })
			for _, credential := range []string{"bad-more", "good-new", "other"} {
				id, err := l.Authenticate(bearer(alice, credential), never)
				require.ErrorIs(t, err, limited)
				require.NotErrorIs(t, err, middleware.ErrRefused)
				require.Zero(t, id)
			}
		})
	})
	t.Run("the error says when there will be a guess again, and then there is one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			var when interface{ RetryAfter() time.Duration }
			require.ErrorAs(t, send(l, alice, "good-new"), &when)
			require.Equal(t, 20*time.Second, when.RetryAfter())
			time.Sleep(when.RetryAfter() - 1)
			require.ErrorIs(t, send(l, alice, "good-new"), limited)
			time.Sleep(time.Nanosecond)
			require.NoError(t, send(l, alice, "good-new"))
		})
	})
	t.Run("guesses come back one by one, and never more than there were", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			time.Sleep(40 * time.Second)
			guess(t, l, alice, 2)
			require.ErrorIs(t, send(l, alice, "bad"), limited)
			time.Sleep(24 * time.Hour)
			guess(t, l, alice, 3)
			require.ErrorIs(t, send(l, alice, "bad"), limited)
		})
	})
	t.Run("asking while one is limited does not make it last longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			for range 1000 {
				require.ErrorIs(t, send(l, alice, "bad"), limited)
			}
			time.Sleep(20 * time.Second)
			require.NoError(t, send(l, alice, "good"))
		})
	})
	t.Run("another peer does not notice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			require.NoError(t, send(l, bob, "good"))
			guess(t, l, bob, 3)
		})
	})
	t.Run("the port is no part of the peer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 3)
			require.ErrorIs(t, send(l, "192.0.2.1:9", "good"), limited)
		})
	})
}

func TestWhatWasGoodGoesOnPassing(t *testing.T) {
	t.Run("a credential that has passed is examined although the peer has no guess left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			require.NoError(t, send(l, alice, "good-user"))
			guess(t, l, alice, 3)
			require.ErrorIs(t, send(l, alice, "good-newcomer"), limited)
			for range 1000 {
				require.NoError(t, send(l, alice, "good-user"))
			}
		})
	})
	t.Run("also when it has passed from another address", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			require.NoError(t, send(l, bob, "good-user"))
			guess(t, l, alice, 3)
			require.NoError(t, send(l, alice, "good-user"))
		})
	})
	t.Run("once it is refused it is as unknown as any, and owes its peer no guess", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			r := bearer(alice, "good-user")
			_, err := l.Authenticate(r, telling)
			require.NoError(t, err)
			_, err = l.Authenticate(r, failing(middleware.ErrRefused))
			require.ErrorIs(t, err, middleware.ErrRefused)
			require.False(t, l.Remembers(r))
			guess(t, l, alice, 3)
			require.ErrorIs(t, send(l, alice, "good-newcomer"), limited)
		})
	})
	t.Run("an outage does not make it forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			r := bearer(alice, "good-user")
			_, err := l.Authenticate(r, telling)
			require.NoError(t, err)
			_, err = l.Authenticate(r, failing(errBroken))
			require.ErrorIs(t, err, errBroken)
			require.True(t, l.Remembers(r))
		})
	})
	t.Run("a credential that has only been undecided is not remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			require.ErrorIs(t, send(l, alice, "other"), errBroken)
			require.False(t, l.Remembers(bearer(alice, "other")))
		})
	})
	t.Run("when all tokens of a crowd behind one address are revoked at once, new ones are examined", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for i := range 500 {
				require.NoError(t, send(l, alice, fmt.Sprint("good-", i)))
			}
			for i := range 500 {
				_, err := l.Authenticate(bearer(alice, fmt.Sprint("good-", i)), failing(middleware.ErrRefused))
				require.ErrorIs(t, err, middleware.ErrRefused)
			}
			require.NoError(t, send(l, alice, "good-again"))
			var when interface{ RetryAfter() time.Duration }
			require.ErrorAs(t, send(l, alice, "good-499"), &when, "what repeats has to wait")
			require.Equal(t, 2*time.Second, when.RetryAfter(), "but no longer than for one repeat")
		})
	})
}

func TestARepeatIsNoGuess(t *testing.T) {
	t.Run("a dead session that is sent once a second for an hour leaves its neighbours their guesses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for range 3600 {
				err := send(l, alice, "bad-session")
				require.True(t, errors.Is(err, middleware.ErrRefused) || errors.Is(err, limited), err)
				time.Sleep(time.Second)
			}
			guess(t, l, alice, 2)
		})
	})
	t.Run("repeats have ten times the allowance of guesses; then what repeats is limited, and nothing else", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for range 1 + 30 {
				require.ErrorIs(t, send(l, alice, "bad-session"), middleware.ErrRefused)
			}
			var when interface{ RetryAfter() time.Duration }
			require.ErrorAs(t, send(l, alice, "bad-session"), &when)
			require.Equal(t, 2*time.Second, when.RetryAfter())
			require.NoError(t, send(l, alice, "good"))
			guess(t, l, alice, 2)
		})
	})
	t.Run("the last eight wrong ones are known, each of them is one guess", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, func(c *limit.Config) { c.Burst = 9 })
			for range 3 {
				for range 8 {
					require.ErrorIs(t, send(l, alice, "bad-0"), middleware.ErrRefused)
				}
				for i := range 8 {
					require.ErrorIs(t, send(l, alice, fmt.Sprint("bad-", i)), middleware.ErrRefused)
				}
			}
			guess(t, l, alice, 1)
			require.ErrorIs(t, send(l, alice, "good"), limited)
		})
	})
	t.Run("a wrong credential that becomes good passes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			r := bearer(alice, "good-soon")
			_, err := l.Authenticate(r, failing(middleware.ErrRefused))
			require.ErrorIs(t, err, middleware.ErrRefused)
			_, err = l.Authenticate(r, telling)
			require.NoError(t, err)
			require.True(t, l.Remembers(r))
		})
	})
}

// entering blocks every examination until it is let go, and then gives one answer.
type entering struct {
	entered, letGo chan struct{}
	err            error
}

func newEntering(err error) *entering {
	return &entering{entered: make(chan struct{}, 1000), letGo: make(chan struct{}), err: err}
}

func (e *entering) Authenticate(r *http.Request) (middleware.Identity, error) {
	e.entered <- struct{}{}
	<-e.letGo
	return middleware.Identity{Subject: "somebody"}, e.err
}

// atOnce sends n different credentials and returns how many are under examination.
func (e *entering) atOnce(l *limit.Limiter, n int, finish func()) int {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { _, _ = l.Authenticate(bearer(alice, fmt.Sprint("at-once-", i)), e) })
	}
	synctest.Wait()
	in := len(e.entered)
	finish()
	close(e.letGo)
	all.Wait()
	return in
}

func TestGuessesAtOnce(t *testing.T) {
	t.Run("a peer that has guessed has no more under examination than guesses left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			guess(t, l, alice, 1)
			require.Equal(t, 2, newEntering(middleware.ErrRefused).atOnce(l, 500, func() {}))
			require.ErrorIs(t, send(l, alice, "good"), limited)
		})
	})
	t.Run("a peer that has not guessed has a hundred, and owes what turns out to be guesses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			require.Equal(t, 100, newEntering(middleware.ErrRefused).atOnce(l, 500, func() {}))
			time.Sleep((100-3+1)*20*time.Second - 1)
			require.ErrorIs(t, send(l, alice, "good"), limited)
			time.Sleep(time.Nanosecond)
			require.NoError(t, send(l, alice, "good"))
		})
	})
	t.Run("a crowd that is merely new owes nothing, and leaves nothing behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			require.Equal(t, 100, newEntering(nil).atOnce(l, 100, func() {
				var when interface{ RetryAfter() time.Duration }
				err := send(l, alice, "good")
				require.ErrorAs(t, err, &when)
				require.Equal(t, time.Second, when.RetryAfter())
			}))
			require.Zero(t, l.Buckets())
			guess(t, l, alice, 3)
		})
	})
	t.Run("an authenticator that panics leaves no credential under examination", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for range 200 {
				require.PanicsWithValue(t, "defect", func() {
					_, _ = l.Authenticate(bearer(alice, "any"), answering(func(*http.Request) (middleware.Identity, error) { panic("defect") }))
				})
			}
			require.Zero(t, l.Buckets())
		})
	})
}

func TestRequestsWithoutACredential(t *testing.T) {
	t.Run("nothing presented is nothing counted, and passes to a peer without guesses too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for range 100 {
				_, err := l.Authenticate(from(alice), telling)
				require.ErrorIs(t, err, middleware.ErrNoCredentials)
			}
			guess(t, l, alice, 3)
			_, err := l.Authenticate(from(alice), telling)
			require.ErrorIs(t, err, middleware.ErrNoCredentials)
		})
	})
	t.Run("a credential in a place that is not configured is limited all the same", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			for range 3 {
				_, err := l.Authenticate(from(alice, "X-Api-Key: secret"), failing(middleware.ErrRefused))
				require.ErrorIs(t, err, middleware.ErrRefused)
			}
			_, err := l.Authenticate(from(alice, "X-Api-Key: secret"), failing(middleware.ErrRefused))
			require.ErrorIs(t, err, limited)
		})
	})
}

func TestALimiterThatWasNotMadeLetsNothingPass(t *testing.T) {
	for _, l := range []*limit.Limiter{nil, {}} {
		_, err := l.Authenticate(bearer(alice, "good"), telling)
		require.ErrorIs(t, err, middleware.ErrUndecided)
	}
}

func TestTheErrorNamesNobody(t *testing.T) {
	l := newLimiter(t)
	guess(t, l, alice, 3)
	require.EqualError(t, send(l, alice, "bad-secret-credential"), "limit: too many wrong credentials from this peer")
}
