package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (w *world) adminGet(path string) (int, string) {
	w.t.Helper()
	res, err := http.Get("http://" + w.admin + path)
	require.NoError(w.t, err)
	defer res.Body.Close()
	return res.StatusCode, body(w.t, res)
}

func TestReadinessFollowsTheKeys(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	status, text := w.adminGet("/-/ready")
	require.Equal(t, http.StatusOK, status, text)

	w.issuer.SetDown(true)
	fresh := &world{t: t, issuer: w.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
	fresh.start(fresh.config(http.NotFoundHandler()))
	status, _ = fresh.adminGet("/-/ready")
	require.Equal(t, http.StatusServiceUnavailable, status, "the issuer was never reached")

	token := w.token()
	res := fresh.get("/orders/7", token)
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "undecided is not refused")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Empty(t, res.Header.Get("WWW-Authenticate"))

	w.issuer.SetDown(false)
	require.NoError(t, fresh.server.gateway.issuers[0].keys.Refresh(t.Context()))
	status, _ = fresh.adminGet("/-/ready")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, http.StatusNotFound, fresh.get("/orders/7", token).StatusCode, "the backend's own answer")
}

func TestStatusTellsTheStateOfTheKeys(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	status, text := w.adminGet("/-/status")
	require.Equal(t, http.StatusOK, status)
	var doc struct {
		Ready   bool
		Issuers []struct {
			Issuer string
			Keys   struct {
				KeyIDs []string `json:"key_ids"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &doc), text)
	require.True(t, doc.Ready)
	require.Len(t, doc.Issuers, 1)
	require.Equal(t, w.issuer.URL(), doc.Issuers[0].Issuer)
	require.Equal(t, []string{w.issuer.KeyID("ES256")}, doc.Issuers[0].Keys.KeyIDs)
}

func TestTheAdminPathsAreOnTheAdminAddressOnly(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	require.Equal(t, http.StatusUnauthorized, w.get("/-/ready", "").StatusCode, "a path like any other, for the guard to judge")
	require.Equal(t, http.StatusUnauthorized, w.get("/-/status", "").StatusCode)
	status, _ := w.adminGet("/orders/7")
	require.Equal(t, http.StatusNotFound, status)
}

func TestTheMetadataOfTheResource(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler(), members{"external_url": "https://api.example.com", "realm": "orders"})
	res := w.get(metadataPath, "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	require.JSONEq(t, `{"resource":"https://api.example.com","authorization_servers":["`+w.issuer.URL()+`"],"bearer_methods_supported":["header"]}`, body(t, res))

	challenge := w.get("/orders/7", "").Header.Get("WWW-Authenticate")
	require.Equal(t, `Bearer realm="orders", resource_metadata="https://api.example.com`+metadataPath+`"`, challenge)
}

func TestDrainLetsRequestsFinishAndClosesTheRest(t *testing.T) {
	entered, finish := make(chan struct{}), make(chan struct{})
	finishIt := sync.OnceFunc(func() { close(finish) })
	defer finishIt()
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		close(entered)
		<-finish
		io.WriteString(w, "finished")
	}))
	socket, reader, _ := w.upgrade("Authorization: Bearer " + w.token() + "\r\n")
	w.requireEchoed(socket, reader)
	answer := make(chan *http.Response, 1)
	r := w.request(http.MethodGet, "/orders/7", w.token(), nil)
	go func() {
		res, err := w.client.Do(r)
		if err == nil {
			answer <- res
		}
		close(answer)
	}()
	requireSoon(t, entered, "the request has not arrived")

	w.stop()
	require.Eventually(t, func() bool {
		status, _ := w.adminGet("/-/ready")
		return status == http.StatusServiceUnavailable
	}, 5*time.Second, 5*time.Millisecond, "readiness says no while requests are in flight")
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", w.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 5*time.Second, 5*time.Millisecond, "nobody new is let in")
	w.requireEchoed(socket, reader)

	finishIt()
	res := <-answer
	require.NotNil(t, res)
	require.Equal(t, "finished", body(t, res))
	require.NoError(t, <-w.done)
	_, err := reader.ReadByte()
	require.Error(t, err, "the websocket is closed")
	require.False(t, isTimeout(err), err)
}

func TestDrainEndsThoughARequestDoesNot(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	w := newWorld(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}))
	w.server.drainFor = 100 * time.Millisecond
	c, _ := w.dial()
	io.WriteString(c, "GET /public/x HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
	requireSoon(t, entered, "the request has not arrived")
	w.stop()
	require.NoError(t, <-w.done)
	requireSoon(t, left, "the backend still works for nobody")
	require.Contains(t, w.logs.String(), "requests outlasted the drain")
}

func TestNoCredentialIsLogged(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	token := w.token()
	w.get("/orders/7?access_token="+token, token)
	w.get("/orders/7", token+"x")
	signature := token[strings.LastIndexByte(token, '.')+1:]
	require.NotContains(t, w.logs.String(), signature)
	require.Contains(t, w.logs.String(), "level=WARN msg=upstream")
}

func TestTheCommandLine(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.json")
	require.NoError(t, os.WriteFile(good, []byte(leastConfig), 0o600))
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"listen": "127.0.0.1:0", "upstream": 7}`), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	busy := filepath.Join(t.TempDir(), "busy.json")
	require.NoError(t, os.WriteFile(busy, []byte(strings.Replace(leastConfig, "127.0.0.1:8080", taken.Addr().String(), 1)), 0o600))

	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stdout string
		stderr string
	}{
		{"a good configuration is only checked", []string{"-config", good, "-check"}, 0, "the configuration is good\n", ""},
		{
			"a bad configuration is reported whole",
			[]string{"-config", bad, "-check"},
			2, "",
			"issuers: required: nobody could be admitted\nroutes: required: what no route names is refused\nupstream: must be a string\n",
		},
		{
			"a bad configuration is not served",
			[]string{"-config", bad},
			2, "",
			"issuers: required: nobody could be admitted\nroutes: required: what no route names is refused\nupstream: must be a string\n",
		},
		{"a file that is not there", []string{"-config", "/nowhere/x"}, 2, "", "open /nowhere/x: no such file or directory\n"},
		{"nothing to check", []string{"-check"}, 2, "", "Usage of gateway:"},
		{"a file without a name, such as a variable that is not set", []string{"-config", ""}, 2, "", "Usage of gateway:"},
		{"an address beside the one of the file", []string{"-config", good, "-listen", "127.0.0.1:0"}, 2, "", "Usage of gateway:"},
		{"an argument too many", []string{good}, 2, "", "Usage of gateway:"},
		{"a flag that is not known", []string{"-conf", good}, 2, "", "flag provided but not defined: -conf"},
		{"asked for help", []string{"-h"}, 0, "", "Usage of gateway:"},
		{"an address that is taken", []string{"-config", busy}, 1, "", "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, tc.status, run(t.Context(), tc.args, &stdout, &stderr))
			require.Equal(t, tc.stdout, stdout.String())
			require.Contains(t, stderr.String(), tc.stderr)
		})
	}
}

func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gateway")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// TestTheBinary tests the real process: its exit status and its signals.
func TestTheBinary(t *testing.T) {
	binary := buildBinary(t)

	t.Run("a mistake is exit status 2", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(file, []byte(`{"tsl": {}}`), 0o600))
		cmd := exec.CommandContext(t.Context(), binary, "-config", file)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 2, cmd.ProcessState.ExitCode())
		require.Contains(t, string(out), "tsl: unknown member\n")
	})
	t.Run("it says where it listens, serves, and drains at SIGTERM", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(leastConfig, "127.0.0.1:8080", "127.0.0.1:0", 1)), 0o600))
		cmd := exec.CommandContext(t.Context(), binary, "-config", file)
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(stderr)
		address := awaitLine(t, lines, regexp.MustCompile(`msg=listening address=(\S+)`))
		res, err := http.Get("http://" + address + "/orders/v1/7")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)

		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		awaitLine(t, lines, regexp.MustCompile(`msg=(draining)`))
		require.NoError(t, cmd.Wait(), "exit status 0")
	})
}

func TestTheBinaryLogsNothingThatABackendSends(t *testing.T) {
	binary := buildBinary(t)
	talkative := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and a secret")
		io.Copy(io.Discard, c) // until the gateway has read all of it, and closes
	})
	file := filepath.Join(t.TempDir(), "config.json")
	config := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:9000", talkative, `"all": ["orders:read"]`, `"public": true`).Replace(leastConfig)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := exec.CommandContext(t.Context(), binary, "-config", file)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var seen bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(stderr, &seen))
	address := awaitLine(t, lines, regexp.MustCompile(`msg=listening address=(\S+)`))
	res, err := http.Get("http://" + address + "/orders/v1/7")
	require.NoError(t, err)
	require.Equal(t, "ok", body(t, res))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() { // to the end of the process
	}
	require.NoError(t, cmd.Wait())
	require.NotContains(t, seen.String(), "secret")
}

func awaitLine(t *testing.T, lines *bufio.Scanner, want *regexp.Regexp) string {
	t.Helper()
	for lines.Scan() {
		if found := want.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("it ended without a line like %s", want)
	return ""
}

func TestTheDemonstrationDoesWhatItPrints(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"-listen", "127.0.0.1:0"}, in, &logBuffer{}); in.Close() }()
	lines := bufio.NewScanner(out)
	token := awaitLine(t, lines, regexp.MustCompile(`^TOKEN=(\S+)`))
	opaque := awaitLine(t, lines, regexp.MustCompile(`^OPAQUE=(\S+)`))
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "curl -s") {
		line := lines.Text()
		if !strings.HasPrefix(line, "curl -i") {
			continue
		}
		command, comment, _ := strings.Cut(line, "#")
		want := "200"
		if status := regexp.MustCompile(`\d{3}`).FindString(comment); status != "" {
			want = status
		}
		curl := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "curl -i", `curl -sS -o /dev/null -w '%{http_code}'`, 1))
		curl.Env = append(os.Environ(), "TOKEN="+token, "OPAQUE="+opaque)
		got, err := curl.CombinedOutput()
		require.NoError(t, err, string(got))
		require.Equal(t, want, string(got), line)
	}
	go io.Copy(io.Discard, out)
	stop()
	require.Equal(t, exitServed, <-done)
}
