//go:build unix

package jwks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

// restarted is a Cache of a new process over the file at path, while the issuer is down.
func restarted(t *testing.T, path string) (*upstream, *jwks.Cache) {
	t.Helper()
	u := serving("")
	u.fail()
	return u, u.cache(t, snapshotAt(path))
}

func snapshotAt(path string) func(*jwks.Options) {
	return func(o *jwks.Options) { o.Snapshot = path }
}

// written is the path of a file that a Cache has written.
func written(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	serving(keysNamed("k1")).warm(t, snapshotAt(path))
	synctest.Wait() // the file is written after the waiters are let go
	return path
}

func TestPromiseSnapshotCarriesTheKeysOverARestartInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := written(t)
		u, c := restarted(t, path)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "in the very first request")
		require.Equal(t, 1, u.fetches(), "after the fetch has failed")
		st := c.Status()
		require.True(t, st.Restored)
		require.True(t, st.Usable)
		require.NoError(t, st.Snapshot)
		require.Error(t, st.LastError)

		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "x"), "no fetch of this process has said that there is no such key")
		time.Sleep(10 * time.Minute)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))

		u.serve(keysNamed("k2"))
		time.Sleep(time.Minute)
		require.NoError(t, c.Refresh(t.Context()))
		require.False(t, c.Status().Restored)
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "k1"))
	})
}

func TestPromiseSnapshotIsHonouredWithinMaxStaleOfItsFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := written(t)
		time.Sleep(23 * time.Hour)
		_, c := restarted(t, path)
		require.Equal(t, "found", ask(t.Context(), c, "k1").word)
		require.Equal(t, 23*time.Hour, c.Status().Age.Round(time.Minute))
		time.Sleep(time.Hour)
		require.Equal(t, "undecided", ask(t.Context(), c, "k1").word)

		_, c = restarted(t, path)
		require.Equal(t, "undecided", ask(t.Context(), c, "k1").word)
		require.EqualError(t, c.Status().Snapshot, "jwks: the snapshot file is older than MaxStale")
	})
}

// TestPromiseSnapshotAgesThoughTheWallClockIsSetBack runs outside a bubble: in one, time has no monotonic reading.
func TestPromiseSnapshotAgesThoughTheWallClockIsSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	saved := make(chan struct{}, 1)
	serving(keysNamed("k1")).warm(t, snapshotAt(path), func(o *jwks.Options) { o.OnRefresh = func(jwks.Refresh) { saved <- struct{}{} } })
	<-saved
	_, c := restarted(t, path)
	require.Equal(t, "found", ask(t.Context(), c, "k1").word)
	c.MachineSlept(-48 * time.Hour)
	require.GreaterOrEqual(t, c.Status().Age, time.Duration(0), "or the file would be fresh for two days more")
}

func TestPromiseSnapshotIsNotReadWhileTheFirstFetchSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := written(t)
		u := serving(keysNamed("k2"))
		c := u.cache(t, snapshotAt(path))
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "k1"))
		require.False(t, c.Status().Restored)
	})
}

func TestPromiseSnapshotFileIsPrivateAndReplacedInOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := written(t)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())

		// A reader that holds the old file open goes on seeing all of it.
		old, err := os.Open(path)
		require.NoError(t, err)
		defer old.Close()
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		serving(keysNamed("k2")).warm(t, snapshotAt(path))
		synctest.Wait()
		held := make([]byte, len(before)+1)
		n, _ := old.Read(held)
		require.Equal(t, string(before), string(held[:n]))

		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(after), `\"k2\"`)
		left, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Len(t, left, 1, "no temporary file is left")
	})
}

func TestPromiseSnapshotOf304IsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := filepath.Join(t.TempDir(), "keys.json")
		u := serving(keysNamed("k1"))
		u.header.Set("ETag", `"v1"`)
		c := u.warm(t, snapshotAt(path))
		u.set(func(u *upstream) { u.status, u.body = 304, "" })
		time.Sleep(23 * time.Hour)
		require.NoError(t, c.Refresh(t.Context()))
		time.Sleep(23 * time.Hour)
		_, c = restarted(t, path)
		require.Equal(t, "found", ask(t.Context(), c, "k1").word)
	})
}

func TestPromiseSnapshotThatCannotBeTrustedIsIgnoredAndReported(t *testing.T) {
	edited := func(member string, value any) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			var r map[string]any
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &r))
			require.Contains(t, r, member)
			if r[member] = value; value == nil {
				delete(r, member)
			}
			require.NoError(t, os.WriteFile(path, must(json.Marshal(r)), 0o600))
		}
	}
	replaced := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		}
	}
	mode := func(m os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Chmod(path, m))
		}
	}
	const corrupt = "jwks: the snapshot file is not one, or its key set has no usable key"
	const notPrivate = "jwks: the snapshot file is no regular file that only its owner can write"
	for _, row := range []struct {
		name   string
		damage func(*testing.T, string)
		want   string
	}{
		{"of another URL", edited("url", "https://evil.example.test/keys"), "jwks: the snapshot file is of another URL or issuer"},
		{"of an issuer", edited("url", keysURL+"/"), "jwks: the snapshot file is of another URL or issuer"},
		{"from the future", edited("fetched", "2000-01-01T00:00:01Z"), "jwks: the snapshot file is from the future"},
		{"from before MaxStale", edited("fetched", "1999-12-30T23:59:59Z"), "jwks: the snapshot file is older than MaxStale"},
		{"without a time", edited("fetched", nil), corrupt},
		{"with a time that is none", edited("fetched", "yesterday"), corrupt},
		{"with a number for a time", edited("fetched", 0), corrupt},
		{"without keys", edited("document", `{"keys":[]}`), corrupt},
		{"with a private key only", edited("document", keySet(jwk(p256(), "k1", edit{"d": "AAAA"}))), corrupt},
		{"with a document that is an object", edited("document", map[string]any{"keys": []any{}}), corrupt},
		{"group-writable", mode(0o660), notPrivate},
		{"world-writable", mode(0o602), notPrivate},
		{"empty", replaced(""), corrupt},
		{"garbage", replaced("\x00\x01"), corrupt},
		{"a bare key set", replaced(keysNamed("k1")), corrupt},
		{"huge", replaced(strings.Repeat(" ", 8<<20+1)), corrupt},
		{"a directory", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, notPrivate},
		{"a named pipe", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		}, notPrivate},
		{"gone", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
		}, "no such file or directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				path := written(t)
				row.damage(t, path)
				var told []jwks.Refresh
				u := serving("")
				u.fail()
				c := u.cache(t, snapshotAt(path), func(o *jwks.Options) {
					o.OnRefresh = func(r jwks.Refresh) { told = append(told, r) }
				})
				require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
				synctest.Wait()
				require.ErrorContains(t, c.Status().Snapshot, row.want)
				require.Len(t, told, 1)
				require.ErrorContains(t, told[0].Status.Snapshot, row.want)
				require.False(t, c.Status().Restored)
			})
		})
	}
	t.Run("of another user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Log("only root can give a file away")
			return
		}
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			path := written(t)
			require.NoError(t, os.Chown(path, 12345, 12345))
			_, c := restarted(t, path)
			require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
			require.EqualError(t, c.Status().Snapshot, "jwks: the snapshot file belongs to another user")
		})
	})
}

func TestPromiseSnapshotIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := filepath.Join(t.TempDir(), "keys.json")
		_, c := restarted(t, path)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"))
		serving(keysNamed("k1")).warm(t, snapshotAt(path))
		time.Sleep(time.Minute)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, "k1"), "what was no file at the start is no last good set of ours")
		require.Equal(t, 2, c.Status().Failures)
	})
}

func TestPromiseSnapshotOfAnIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := filepath.Join(t.TempDir(), "keys.json")
		u := serving("")
		u.respond = site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}.respond
		c := u.issuerCache(t, issuerURL, snapshotAt(path))
		require.NoError(t, c.Refresh(t.Context()))
		time.Sleep(time.Minute)

		down := serving("")
		down.fail()
		require.Equal(t, atOnce("found"), ask(t.Context(), down.issuerCache(t, issuerURL, snapshotAt(path)), "k1"))
		require.Equal(t, atOnce("undecided"), ask(t.Context(), down.issuerCache(t, issuerURL+"/", snapshotAt(path)), "k1"), "another issuer")
		require.Equal(t, atOnce("undecided"), ask(t.Context(), down.cache(t, snapshotAt(path)), "k1"), "its key set under a URL alone")
	})
}

func TestASnapshotThatCannotBeWrittenCostsNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		u := serving(keysNamed("k1"))
		c := u.warm(t, snapshotAt(filepath.Join(t.TempDir(), "no", "such", "directory")))
		synctest.Wait()
		require.ErrorIs(t, c.Status().Snapshot, os.ErrNotExist)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
		require.NoError(t, c.Status().LastError)
	})
}

func TestAnAwkwardDocumentSurvivesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		path := filepath.Join(t.TempDir(), "keys.json")
		padding := strings.Repeat("<\\u0001\u2028&", 1<<16)
		document := `{"note":"` + padding + `",` + keysNamed("k1")[1:]
		serving(document).warm(t, snapshotAt(path))
		time.Sleep(time.Minute)
		_, c := restarted(t, path)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
	})
}
