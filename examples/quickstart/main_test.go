package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

func TestTheWalkGoesAsItsTableSays(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false), out.String())
	require.Contains(t, out.String(), "All 13 answers are as expected.")
	require.NotContains(t, out.String(), "DIFFERS")
	require.NotContains(t, out.String(), "eyJ", "no token is printed")
}

func TestAnAnswerThatDiffersIsAnError(t *testing.T) {
	issuer, err := localissuer.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, issuer.Close()) })
	open := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("come in")) })
	unprotected := &api{server: &http.Server{Handler: open}}
	require.NoError(t, unprotected.listen())
	t.Cleanup(func() { require.NoError(t, unprotected.Close()) })

	var out bytes.Buffer
	require.EqualError(t, walk(t.Context(), &out, issuer, unprotected), "12 answers differ from what was expected")
	require.Contains(t, out.String(), "DIFFERS: expected 401 Bearer")
}

func TestServePrintsCurlLinesAndStaysUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out := &until{mark: "/admin -H", reached: stop}
	require.NoError(t, run(ctx, out, true))
	require.Contains(t, out.String(), "TOKEN=$(curl -s -u you:")
	require.Contains(t, out.String(), "orders/7 -H \"Authorization: Bearer $TOKEN\"")
}

// until is a buffer that calls reached when the mark has been written.
type until struct {
	mu      sync.Mutex
	text    strings.Builder
	mark    string
	reached func()
}

func (u *until) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, err := u.text.Write(p)
	if strings.Contains(u.text.String(), u.mark) {
		u.reached()
	}
	return n, err
}

func (u *until) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text.String()
}
