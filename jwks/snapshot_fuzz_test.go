//go:build unix

package jwks_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

// FuzzSnapshot: the keys that a snapshot file restores are those of a document that encoding/json finds in it, recorded for this very
// URL, neither in the future nor longer ago than MaxStale. Any other file restores nothing and is reported.
func FuzzSnapshot(f *testing.F) {
	recorded := func(url, fetched, document string) []byte {
		return fmt.Appendf(nil, `{"url":%q,"fetched":%q,"document":%q}`, url, fetched, document)
	}
	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339Nano) }
	keys := keysNamed("k1")
	f.Add(recorded(keysURL, at(-time.Minute), keys))
	f.Add(recorded(keysURL, at(time.Hour), keys))
	f.Add(recorded(keysURL, at(-25*time.Hour), keys))
	f.Add(recorded(keysURL+"/", at(-time.Minute), keys))
	f.Add(recorded(keysURL, "yesterday", keys))
	f.Add(recorded(keysURL, at(-time.Minute), `{"keys":[]}`))
	f.Add([]byte(`{"url":"` + keysURL + `","url":"","fetched":null,"document":{}}`))
	f.Add([]byte(`{"issuer":"","extra":1}`))

	path := filepath.Join(f.TempDir(), "keys.json")
	f.Fuzz(func(t *testing.T, file []byte) {
		require.NoError(t, os.WriteFile(path, file, 0o600))
		_, c := restarted(t, path)
		require.Error(t, c.Refresh(t.Context()))
		state := c.Status()
		if !state.Restored {
			require.Error(t, state.Snapshot)
			require.Zero(t, state.Keys)
			return
		}
		require.NoError(t, state.Snapshot)
		var members map[string]string
		require.NoError(t, json.Unmarshal(file, &members))
		require.Equal(t, keysURL, members["url"])
		require.Empty(t, members["issuer"])
		fetched, err := time.Parse(time.RFC3339Nano, members["fetched"])
		require.NoError(t, err)
		require.False(t, fetched.After(time.Now()))
		require.Less(t, time.Since(fetched), 24*time.Hour)
		set, err := jwks.Parse([]byte(members["document"]))
		require.NoError(t, err)
		require.Equal(t, set.KeyIDs(), state.KeyIDs)
		require.Equal(t, set.Usable(), state.Keys)
	})
}
