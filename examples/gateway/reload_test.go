package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

// A reloadable is the real process before two backends, one for each configuration.
type reloadable struct {
	t       *testing.T
	file    string
	issuer  *localissuer.Issuer
	backend [2]*httptest.Server
	cmd     *exec.Cmd
	lines   *bufio.Scanner
	address string
	admin   string
}

func newReloadable(t *testing.T) *reloadable {
	t.Helper()
	issuer, err := localissuer.Start()
	require.NoError(t, err)
	t.Cleanup(func() { issuer.Close() })
	r := &reloadable{t: t, issuer: issuer, file: filepath.Join(t.TempDir(), "config.json")}
	for n := range r.backend {
		r.backend[n] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) }))
		t.Cleanup(r.backend[n].Close)
	}
	r.write(0, nil)
	r.cmd = exec.CommandContext(t.Context(), buildBinary(t), "-config", r.file)
	stderr, err := r.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, r.cmd.Start())
	r.lines = bufio.NewScanner(stderr)
	found := awaitLine(t, r.lines, regexp.MustCompile(`msg=listening (address=\S+ admin=\S+)`))
	_, err = fmt.Sscanf(found, "address=%s admin=%s", &r.address, &r.admin)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, _, err := r.get("http://"+r.admin+"/-/ready", "")
		return err == nil && status == http.StatusOK
	}, 10*time.Second, 5*time.Millisecond)
	return r
}

func (r *reloadable) write(backend int, edit members) {
	r.t.Helper()
	text := members{
		"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "upstream": r.backend[backend].URL,
		"issuers": []any{members{"issuer": r.issuer.URL(), "audiences": []string{audience}, "insecure_allow_http": true}},
		"routes":  []any{members{"pattern": "/", "all": []string{"orders:read"}}},
	}
	maps.Copy(text, edit)
	data, err := json.Marshal(text)
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(r.file, data, 0o600))
}

func (r *reloadable) hup(want string) {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(syscall.SIGHUP))
	awaitLine(r.t, r.lines, regexp.MustCompile(want))
}

func (r *reloadable) get(url, token string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func TestNoRequestIsLostWhileTheBinaryReloads(t *testing.T) {
	r := newReloadable(t)
	token := r.issuer.AccessToken(audience)
	var load sync.WaitGroup
	var stop atomic.Bool
	var good atomic.Int64
	for range 4 {
		load.Go(func() {
			for !stop.Load() {
				status, text, err := r.get("http://"+r.address+"/orders", token)
				if err != nil || status != http.StatusOK {
					t.Errorf("%d %q: %v", status, text, err)
					return
				}
				good.Add(1)
			}
		})
	}
	for n := range 6 {
		r.write(1-n%2, nil)
		r.hup(`msg=(reloaded)`)
		_, text, err := r.get("http://"+r.address+"/orders", token)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(1-n%2), text, "what begins after the reload sees the new configuration")
		if n == 2 {
			r.write(0, members{"upstream": 7, "tsl": 1})
			r.hup(`msg="(not reloaded), .*tsl: unknown member`)
			awaitLine(t, r.lines, regexp.MustCompile(`msg="(not reloaded), .*upstream: must be a string`))
		}
	}
	stop.Store(true)
	load.Wait()
	require.Positive(t, good.Load())
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	for r.lines.Scan() { // to the end of the process
	}
	require.NoError(t, r.cmd.Wait())
}

func TestAReloadThatIsNotGoodChangesNothing(t *testing.T) {
	r := newReloadable(t)
	token := r.issuer.AccessToken(audience)
	for _, tc := range []struct {
		name string
		edit members
		want string
	}{
		{"another address", members{"listen": "127.0.0.1:1"}, "listen: cannot change without a restart"},
		{"another admin address", members{"admin_listen": "127.0.0.1:1"}, "admin_listen: cannot change without a restart"},
		{"a mistake", members{"upstream": 7}, "upstream: must be a string"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.write(1, tc.edit)
			r.hup(`msg="not reloaded, .*(` + tc.want + `)`)
			_, text, err := r.get("http://"+r.address+"/orders", token)
			require.NoError(t, err)
			require.Equal(t, "0", text)
		})
	}
	t.Run("keys that are there outlast an issuer that is not", func(t *testing.T) {
		require.NoError(t, r.issuer.Close())
		r.write(1, nil)
		r.hup(`msg=(reloaded)`)
		status, text, err := r.get("http://"+r.address+"/orders", token)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "1", text)
	})
}

func TestReadinessByIssuer(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	status, _ := w.adminGet("/-/ready?issuer=" + url.QueryEscape(w.issuer.URL()))
	require.Equal(t, http.StatusOK, status)
	status, _ = w.adminGet("/-/ready?issuer=https://elsewhere.example")
	require.Equal(t, http.StatusNotFound, status)
	_, text := w.adminGet("/-/status")
	require.Contains(t, text, `"ready": true,`)
}
