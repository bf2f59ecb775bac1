package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
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

func TestServeStaysUpWithCurlLinesThatWorkUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	printed, ended := make(chan struct{}), make(chan error, 1)
	out := &until{mark: "/admin -H", reached: sync.OnceFunc(func() { close(printed) })}
	go func() { ended <- run(ctx, out, true) }()
	select {
	case <-printed:
	case err := <-ended:
		require.Fail(t, "did not stay up", "%v", err)
	}

	tokenLine := regexp.MustCompile(`TOKEN=\$\(curl -s -u (\S+):(\S+) (\S+) -d (\S+) -d (\S+) -d '([^']+)' \|`).FindStringSubmatch(out.String())
	require.NotNil(t, tokenLine, out.String())
	accessToken := askForToken(t, tokenLine[1], tokenLine[2], tokenLine[3], strings.Join(tokenLine[4:], "&"))

	var got []int
	for _, l := range regexp.MustCompile(`(?m)^curl -i (-X DELETE )?(\S+)( -H "Authorization: Bearer \$TOKEN")?$`).FindAllStringSubmatch(out.String(), -1) {
		s := step{method: http.MethodGet, path: l[2]}
		if l[1] != "" {
			s.method = http.MethodDelete
		}
		if l[3] != "" {
			s.token = accessToken
		}
		answer, err := send(ctx, nil, s)
		require.NoError(t, err)
		status, err := strconv.Atoi(answer[:3])
		require.NoError(t, err)
		got = append(got, status)
	}
	require.Equal(t, []int{200, 401, 200, 403, 403}, got)
	stop()
	require.NoError(t, <-ended)
}

func askForToken(t *testing.T, user, password, url, form string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(form))
	require.NoError(t, err)
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err, "the token endpoint is up again after the walk")
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.NotEmpty(t, answer.AccessToken)
	return answer.AccessToken
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
