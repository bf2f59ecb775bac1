package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachDecisionIsWrittenDown(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.jsonl")
	w := newWorld(t, http.NotFoundHandler(), members{"audit": members{"file": name, "request_id_header": "X-Request-Id"}, "metrics": members{}})
	good := w.token(members{"sub": "alice"})
	r := w.request(http.MethodGet, "/a", good, nil)
	r.Header.Set("X-Request-Id", "r-1 \" \n")
	r.Header["X-Request-Id"] = []string{"r-1\""}
	require.Equal(t, http.StatusNotFound, w.do(r).StatusCode)
	require.Equal(t, http.StatusUnauthorized, w.get("/a", "").StatusCode)
	require.Equal(t, http.StatusUnauthorized, w.get("/a", good[:len(good)-9]+"AAAAAAAAA").StatusCode)
	require.Equal(t, http.StatusForbidden, w.get("/a", w.token(members{"scope": "other"})).StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/public/a", "").StatusCode)

	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	var outcomes []any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		require.NotContains(t, lines.Text(), good[:40], "no token")
		var record members
		require.NoError(t, json.Unmarshal(lines.Bytes(), &record))
		outcomes = append(outcomes, record["outcome"])
		if record["outcome"] == "allowed" {
			require.Equal(t, "alice", record["subject"])
			require.Equal(t, "r-1%22", record["request_id"])
		}
	}
	require.Equal(t, []any{"allowed", "no_credentials", "refused", "insufficient_scope", "public"}, outcomes)

	res, err := http.Get("http://" + w.admin + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `perimeter_keys_usable{`)
	require.Contains(t, string(text), `perimeter_keys_refreshes_total{`)
	for _, outcome := range []string{"allowed", "no_credentials", "refused", "insufficient_scope", "public"} {
		require.Contains(t, string(text), `perimeter_outcome="`+outcome+`"`)
	}
	require.NotContains(t, string(text), "alice")
}

func TestMetricsAreServedToOperatorsAlone(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler(), members{"metrics": members{}})
	require.Equal(t, http.StatusUnauthorized, w.get("/metrics", "").StatusCode, "what is not public is not there without a token")
	plain := newWorld(t, http.NotFoundHandler())
	res, err := http.Get("http://" + plain.admin + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}
