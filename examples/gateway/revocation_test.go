package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"

// event is a security event token about a subject.
func (w *world) event(subject string) string {
	w.t.Helper()
	payload, err := json.Marshal(members{
		"iss": w.issuer.URL(), "aud": "https://api.test/events", "iat": time.Now().Unix(), "jti": "e1",
		"sub_id": members{"format": "iss_sub", "iss": w.issuer.URL(), "sub": subject},
		"events": members{sessionRevoked: members{"event_timestamp": time.Now().Unix()}},
	})
	require.NoError(w.t, err)
	return w.issuer.Sign("ES256", members{"typ": "secevent+jwt"}, payload)
}

func (w *world) post(path, body string) int {
	w.t.Helper()
	r := w.request(http.MethodPost, path, "", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/secevent+jwt")
	return w.do(r).StatusCode
}

func withEvents(w *world) members {
	return members{"revocation": members{"events": members{"path": "/events", "issuer": w.issuer.URL(), "audience": "https://api.test/events"}}}
}

func TestAnEventCutsASubjectOffAtOnce(t *testing.T) {
	first := newWorld(t, http.NotFoundHandler())
	w := &world{t: t, issuer: first.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
	w.start(w.config(http.NotFoundHandler(), withEvents(first)))
	require.NoError(t, w.server.gateway.issuers[0].keys.Refresh(t.Context()))

	alice, bob := w.token(members{"sub": "alice"}), w.token(members{"sub": "bob"})
	require.Equal(t, http.StatusNotFound, w.get("/a", alice).StatusCode)
	require.Equal(t, http.StatusBadRequest, w.post("/events", alice), "an access token is no event")
	require.Equal(t, http.StatusNotFound, w.get("/a", alice).StatusCode)
	require.Equal(t, http.StatusAccepted, w.post("/events", w.event("alice")))
	res := w.get("/a", alice)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Contains(t, res.Header.Get("WWW-Authenticate"), "invalid_token")
	require.Equal(t, http.StatusNotFound, w.get("/a", bob).StatusCode)
	require.Equal(t, http.StatusUnauthorized, w.get("/events", "").StatusCode, "the place is the receiver's for POST alone")
	require.Equal(t, http.StatusNotFound, w.get("/a", w.token(members{"sub": "alice", "iat": time.Now().Add(2 * time.Second).Unix()})).StatusCode, "a log-in after")
}

func TestAFileCutsOffWhenItIsReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "revoked.jsonl")
	w := newWorld(t, http.NotFoundHandler(), members{"revocation": members{"files": []string{name}, "every": "1s", "max_stale": "2s"}})
	alice := w.token(members{"sub": "alice"})
	require.Equal(t, http.StatusServiceUnavailable, w.get("/a", alice).StatusCode, "a list that was never read cannot tell")
	line, err := json.Marshal(members{"iss": w.issuer.URL(), "sub": "bob"})
	require.NoError(t, err)
	write(t, name, append(line, '\n'))
	require.Eventually(t, func() bool { return w.get("/a", alice).StatusCode == http.StatusNotFound }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, w.get("/a", w.token(members{"sub": "bob"})).StatusCode)
	require.NoError(t, os.Remove(name))
	require.Eventually(t, func() bool { return w.get("/a", alice).StatusCode == http.StatusServiceUnavailable }, 20*time.Second, 50*time.Millisecond, "after max_stale")
	require.Contains(t, w.logs.String(), "revocations not read, the last ones stay")
	require.Equal(t, http.StatusUnauthorized, w.get("/a", w.token(members{"sub": "bob"})).StatusCode, "whom it had cut off stays cut off")
}

func TestAnEventAtOneGatewayCutsOffAtTheOther(t *testing.T) {
	first := newWorld(t, http.NotFoundHandler())
	redis := startRedis(t).section()
	start := func() *world {
		w := &world{t: t, issuer: first.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
		w.start(w.config(http.NotFoundHandler(), withEvents(first), redis))
		require.NoError(t, w.server.gateway.issuers[0].keys.Refresh(t.Context()))
		require.Eventually(t, func() bool { return w.get("/a", w.token()).StatusCode == http.StatusNotFound }, 10*time.Second, 20*time.Millisecond)
		return w
	}
	a, b := start(), start()
	alice := b.token(members{"sub": "alice"})
	require.Equal(t, http.StatusNotFound, b.get("/a", alice).StatusCode)
	require.Equal(t, http.StatusAccepted, a.post("/events", a.event("alice")))
	require.Equal(t, http.StatusUnauthorized, a.get("/a", alice).StatusCode)
	received := time.Now()
	require.Eventually(t, func() bool { return b.get("/a", alice).StatusCode == http.StatusUnauthorized }, 40*time.Second, time.Millisecond)
	t.Logf("refused at the other gateway %v after the first one had answered the issuer", time.Since(received))
	c := start()
	require.Equal(t, http.StatusUnauthorized, c.get("/a", alice).StatusCode, "a gateway that starts after")
}

func TestWhoGuessesIsLimitedAndWhoWasGoodIsNot(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler(), members{"failed_auth_limit": members{"per_minute": 1, "burst": 3}})
	good := w.token(members{"scope": "orders:read"})
	require.Equal(t, http.StatusNotFound, w.get("/a", good).StatusCode)
	guess := func() *http.Response { return w.get("/a", w.token()[:80]+"."+time.Now().String()[20:29]) }
	limited := false
	for range 20 {
		res := guess()
		if res.StatusCode == http.StatusTooManyRequests {
			limited = true
			require.NotEmpty(t, res.Header.Get("Retry-After"))
		}
	}
	require.True(t, limited)
	require.Equal(t, http.StatusTooManyRequests, w.get("/a", w.token()).StatusCode, "a new token of a peer that guesses")
	require.Equal(t, http.StatusNotFound, w.get("/a", good).StatusCode, "one that was good before")
}
