package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

func TestWhoIsCutOff(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	jwt := ofJWT(t, members{"sub": "alice", "client_id": "web", "jti": "t1", "sid": "s1", "iat": at(now)})
	silent := ofJWT(t, members{"sub": "alice", "client_id": "web", "jti": nil, "sid": nil, "iat": nil})
	opaque := ofOpaque(t, members{"sub": "alice", "client_id": "web", "jti": "t1", "sid": "s1", "iat": at(now), "iss": issuer})
	peer := middleware.Identity{Subject: "spiffe://example.test/api"}
	for _, tc := range []struct {
		name  string
		entry revocation.Entry
		id    middleware.Identity
		want  bool
	}{
		{"a token by its id", revocation.Entry{Issuer: issuer, TokenID: "t1"}, jwt, true},
		{"another token", revocation.Entry{Issuer: issuer, TokenID: "t2"}, jwt, false},
		{"the same id of another issuer", revocation.Entry{Issuer: issuer + "/", TokenID: "t1"}, jwt, false},
		{"an id in another case", revocation.Entry{Issuer: issuer, TokenID: "T1"}, jwt, false},
		{"a token without an id", revocation.Entry{Issuer: issuer, TokenID: "t1"}, silent, false},
		{"a subject", revocation.Entry{Issuer: issuer, Subject: "alice"}, jwt, true},
		{"another subject", revocation.Entry{Issuer: issuer, Subject: "bob"}, jwt, false},
		{"a subject that is called like the client", revocation.Entry{Issuer: issuer, Subject: "web"}, jwt, false},
		{"a client", revocation.Entry{Issuer: issuer, ClientID: "web"}, jwt, true},
		{"a client that is called like the subject", revocation.Entry{Issuer: issuer, ClientID: "alice"}, jwt, false},
		{"a session", revocation.Entry{Issuer: issuer, SessionID: "s1"}, jwt, true},
		{"another session", revocation.Entry{Issuer: issuer, SessionID: "s2"}, jwt, false},
		{"a token without a session", revocation.Entry{Issuer: issuer, SessionID: "s1"}, silent, false},
		{"a subject's credentials that are older", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(time.Second)}, jwt, true},
		{"a subject's credential of a log-in after", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(-time.Second)}, jwt, false},
		{"one that was issued in that very second", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(time.Millisecond)}, jwt, true},
		{"one that does not say when it was issued", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(-time.Hour)}, silent, true},
		{"all that the issuer issued before", revocation.Entry{Issuer: issuer, IssuedBefore: now.Add(time.Second)}, jwt, true},
		{"all that the issuer issued before that", revocation.Entry{Issuer: issuer, IssuedBefore: now.Add(-time.Second)}, jwt, false},
		{"all of another issuer", revocation.Entry{Issuer: "https://other.test", IssuedBefore: now.Add(time.Hour)}, jwt, false},
		{"an entry that is over", revocation.Entry{Issuer: issuer, TokenID: "t1", Until: now.Add(-time.Minute)}, jwt, false},
		{"an entry that is not over", revocation.Entry{Issuer: issuer, TokenID: "t1", Until: now.Add(time.Minute)}, jwt, true},
		{"an opaque token by its id", revocation.Entry{Issuer: issuer, TokenID: "t1"}, opaque, true},
		{"an opaque token's session", revocation.Entry{Issuer: issuer, SessionID: "s1"}, opaque, true},
		{"an opaque token that is older", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(time.Second)}, opaque, true},
		{"an opaque token that is younger", revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(-time.Second)}, opaque, false},
		{"a certificate by its peer's name", revocation.Entry{Subject: "spiffe://example.test/api"}, peer, true},
		{"a certificate, of which nobody knows when it was issued", revocation.Entry{Subject: "spiffe://example.test/api", IssuedBefore: now.Add(-time.Hour)}, peer, true},
		{"a token is no certificate", revocation.Entry{Subject: "alice"}, jwt, false},
		{"a certificate is no token", revocation.Entry{Issuer: issuer, Subject: "spiffe://example.test/api"}, peer, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			added := newList(t, revocation.Config{})
			require.False(t, revoked(t, added, tc.id))
			require.NoError(t, added.Add(tc.entry))
			require.Equal(t, tc.want, revoked(t, added, tc.id), "added")

			synctest.Test(t, func(t *testing.T) {
				if !tc.entry.Until.IsZero() || !tc.entry.IssuedBefore.IsZero() {
					return // in a bubble it is another year
				}
				read := newList(t, revocation.Config{Sources: []revocation.Source{saying(func(context.Context) ([]revocation.Entry, bool, error) {
					return []revocation.Entry{tc.entry}, true, nil
				})}})
				running(t, read)
				require.Equal(t, tc.want, revoked(t, read, tc.id), "read")
			})
		})
	}
}

// running runs a list until the bubble ends, and returns once it has read its sources.
func running(t *testing.T, l *revocation.List) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	synctest.Wait()
}

func TestTwoEntriesOfOneNameCutOffWhoeverEitherDoes(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	id := ofJWT(t, members{"sub": "alice", "iat": at(now)})
	old := revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(-time.Hour)}
	late := revocation.Entry{Issuer: issuer, Subject: "alice", IssuedBefore: now.Add(time.Hour)}
	all := revocation.Entry{Issuer: issuer, Subject: "alice"}
	over := revocation.Entry{Issuer: issuer, Subject: "alice", Until: now.Add(-time.Minute)}
	for name, entries := range map[string][]revocation.Entry{
		"the later last": {old, late}, "the later first": {late, old}, "without a bound": {old, all}, "over and not": {over, late}, "not over and over": {all, over},
	} {
		t.Run(name, func(t *testing.T) {
			l := newList(t, revocation.Config{})
			require.NoError(t, l.Add(entries...))
			require.True(t, revoked(t, l, id))
			l = newList(t, revocation.Config{})
			for _, e := range entries {
				require.NoError(t, l.Add(e))
			}
			require.True(t, revoked(t, l, id))
		})
	}
}

func TestEntriesThatMeanNobody(t *testing.T) {
	l := newList(t, revocation.Config{})
	for _, tc := range []struct {
		name  string
		entry revocation.Entry
		want  string
	}{
		{"nothing", revocation.Entry{}, "names nothing"},
		{"an issuer alone", revocation.Entry{Issuer: issuer}, "names nothing"},
		{"two names", revocation.Entry{Issuer: issuer, Subject: "alice", TokenID: "t1"}, "more than one"},
		{"a token of nobody's", revocation.Entry{TokenID: "t1"}, "no issuer"},
		{"a time before of nobody's", revocation.Entry{IssuedBefore: time.Now()}, "no issuer"},
		{"a name that goes on and on", revocation.Entry{Issuer: issuer, Subject: strings.Repeat("a", 5000)}, "a name longer than 4096"},
		{"a time before all computers", revocation.Entry{Issuer: issuer, Subject: "a", IssuedBefore: time.Unix(-5, 0)}, "a time before 1970"},
		{"a time after all of them", revocation.Entry{Issuer: issuer, Subject: "a", Until: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}, "a time before 1970 or after 2262"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good := revocation.Entry{Issuer: issuer, Subject: "bob"}
			require.ErrorContains(t, l.Add(good, tc.entry), "entry 2: "+tc.want)
			require.False(t, revoked(t, l, middleware.Identity{Issuer: issuer, Subject: "bob"}), "all or none")
		})
	}
}

func TestMistakesOfConfiguration(t *testing.T) {
	_, err := revocation.New(revocation.Config{
		Sources: []revocation.Source{nil}, Every: time.Millisecond, MaxStale: time.Nanosecond, MaxAdded: -1,
	})
	require.EqualError(t, err, `revocation: source 1 is nil
revocation: Every is 1ms, less than 1s
revocation: MaxStale is 1ns, less than twice Every
revocation: MaxAdded is -1`)
	_, err = revocation.New(revocation.Config{Every: time.Hour})
	require.ErrorContains(t, err, "MaxStale is 5m0s, less than twice Every")
}

func TestAListThatNobodyMadeLeavesEveryRequestUndecided(t *testing.T) {
	for name, l := range map[string]*revocation.List{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			cut, err := l.Revoked(t.Context(), middleware.Identity{Subject: "alice"})
			require.False(t, cut)
			require.Error(t, err)
			require.Error(t, l.Add(revocation.Entry{Subject: "alice"}))
			require.Error(t, l.Run(t.Context()))
			require.Empty(t, l.Status())
		})
	}
}

func TestAClaimThatCannotBeReadLeavesTheRequestUndecided(t *testing.T) {
	l := newList(t, revocation.Config{})
	id := ofJWT(t, members{"sub": "alice", "sid": 7})
	require.False(t, revoked(t, l, id), "nobody asks for sessions")
	require.NoError(t, l.Add(revocation.Entry{Issuer: issuer, SessionID: "7"}))
	_, err := l.Revoked(t.Context(), id)
	require.Error(t, err)
}

func TestASourceThatCannotBeRead(t *testing.T) {
	alice, bob := middleware.Identity{Issuer: issuer, Subject: "alice"}, middleware.Identity{Issuer: issuer, Subject: "bob"}
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprintf("open %v", open), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken, cut := errors.New("disk on fire"), revocation.Entry{Issuer: issuer, Subject: "alice"}
				source := &scripted{}
				l := newList(t, revocation.Config{Sources: []revocation.Source{source}, Every: 10 * time.Second, MaxStale: time.Minute, InsecureOpen: open})
				decided := func() bool {
					cut, err := l.Revoked(t.Context(), bob)
					require.False(t, cut)
					return err == nil
				}
				require.Equal(t, open, decided(), "before it was read")
				source.say(broken)
				running(t, l)
				require.Equal(t, open, decided(), "before it could be read")
				source.say(nil, cut)
				time.Sleep(12 * time.Second)
				require.True(t, decided())
				require.True(t, revoked(t, l, alice))

				source.say(broken)
				time.Sleep(45 * time.Second)
				require.True(t, decided(), "within MaxStale")
				require.True(t, revoked(t, l, alice))
				s := l.Status()[0]
				require.ErrorIs(t, s.LastError, broken)
				require.Equal(t, 1, s.Entries)
				require.False(t, s.Stale)

				time.Sleep(30 * time.Second)
				require.Equal(t, open, decided(), "after MaxStale")
				require.True(t, l.Status()[0].Stale)
				require.True(t, revoked(t, l, alice), "whom it had cut off stays cut off")

				source.say(nil, cut)
				time.Sleep(12 * time.Second)
				require.True(t, decided())
			})
		})
	}
}

func TestASourceThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := saying(func(ctx context.Context) ([]revocation.Entry, bool, error) {
			<-ctx.Done()
			return nil, false, ctx.Err()
		})
		works := &scripted{entries: []revocation.Entry{{Issuer: issuer, Subject: "alice"}}, same: true}
		var mu sync.Mutex
		var failures int
		l := newList(t, revocation.Config{Sources: []revocation.Source{hangs, works}, Every: time.Second, OnRead: func(s revocation.Status) {
			mu.Lock()
			defer mu.Unlock()
			if s.LastError != nil {
				require.Equal(t, 1, s.Source)
				failures++
			}
		}})
		running(t, l)
		time.Sleep(65 * time.Second)
		require.Greater(t, works.count(), 50)
		mu.Lock()
		require.Equal(t, 2, failures, "after 30 s each")
		mu.Unlock()
		require.True(t, revoked(t, l, middleware.Identity{Issuer: issuer, Subject: "alice"}), "what has not changed still holds")
	})
}

func TestASourceWithAMistakeChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{entries: []revocation.Entry{{Issuer: issuer, Subject: "alice"}}}
		l := newList(t, revocation.Config{Sources: []revocation.Source{source}})
		running(t, l)
		source.say(nil, revocation.Entry{Issuer: issuer, Subject: "bob"}, revocation.Entry{TokenID: "of nobody"})
		time.Sleep(time.Minute)
		require.True(t, revoked(t, l, middleware.Identity{Issuer: issuer, Subject: "alice"}))
		require.ErrorContains(t, l.Status()[0].LastError, "entry 2: no issuer")
		source.say(nil)
		time.Sleep(time.Minute)
		require.False(t, revoked(t, l, middleware.Identity{Issuer: issuer, Subject: "alice"}), "a list may become empty")
	})
}

func TestASourceThatNeverSaidAnythingCannotSayThatNothingHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newList(t, revocation.Config{Sources: []revocation.Source{saying(func(context.Context) ([]revocation.Entry, bool, error) { return nil, false, nil })}})
		running(t, l)
		_, err := l.Revoked(t.Context(), middleware.Identity{Subject: "alice"})
		require.Error(t, err)
	})
}

func TestWhatIsAddedIsBoundedAndForgottenWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newList(t, revocation.Config{MaxAdded: 1000})
		add := func(from, n int) error {
			for i := range n {
				err := l.Add(revocation.Entry{Issuer: issuer, TokenID: fmt.Sprint(from + i), Until: time.Now().Add(time.Minute)})
				if err != nil {
					return err
				}
			}
			return nil
		}
		require.NoError(t, add(0, 1000))
		require.NoError(t, add(0, 1000), "the same again")
		require.Error(t, add(1000, 1))
		require.Equal(t, 1000, l.Status()[0].Entries)
		time.Sleep(2 * time.Minute)
		require.NoError(t, add(2000, 500), "there is room again where something is added")
		require.Less(t, l.Status()[0].Entries, 1001)
	})
}

func TestTheListIsReadAndWrittenAtOnce(t *testing.T) {
	l := newList(t, revocation.Config{})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 500 {
				id := middleware.Identity{Issuer: issuer, Subject: fmt.Sprint(g, i)}
				if l.Add(revocation.Entry{Issuer: issuer, Subject: id.Subject}) != nil {
					t.Error("not added")
				}
				if cut, err := l.Revoked(context.Background(), id); !cut || err != nil {
					t.Error("added, and not seen")
				}
			}
		})
	}
	all.Wait()
}
