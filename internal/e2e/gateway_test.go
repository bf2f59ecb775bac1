package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

type members = map[string]any

// A gateway is a running examples/gateway in front of a backend that answers with the header fields it got.
type gateway struct {
	*process
	url, admin string
	reached    atomic.Int64 // requests that the backend got
}

var listening = regexp.MustCompile(`msg=listening address=(\S+) admin=(\S+)`)

// startGateway serves GET /orders/{id} for orders:read and POST /orders/ for orders:write, both for tokens of the given issuers.
func startGateway(t *testing.T, issuers ...members) *gateway {
	t.Helper()
	return startGatewayWith(t, nil, issuers...)
}

// startGatewayWith is startGateway with more members of its configuration, or others.
func startGatewayWith(t *testing.T, more members, issuers ...members) *gateway {
	t.Helper()
	g := &gateway{}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.reached.Add(1)
		_ = json.NewEncoder(w).Encode(r.Header) // to a client that may have left
	}))
	t.Cleanup(backend.Close)
	all := members{
		"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "upstream": backend.URL,
		"issuers": issuers,
		"routes": []members{
			{"pattern": "GET /orders/{id}", "all": []string{"orders:read"}},
			{"pattern": "POST /orders/", "all": []string{"orders:write"}},
		},
		"identity_headers": members{"claims": members{"tenant": "X-Identity-Tenant"}},
	}
	maps.Copy(all, more)
	config, err := json.Marshal(all)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "gateway.json")
	require.NoError(t, os.WriteFile(file, config, 0o600))

	binary, err := gatewayBinary()
	require.NoError(t, err)
	g.process = start(t, exec.Command(binary, "-config", file))
	address := g.waitForLog(listening)
	g.url, g.admin = "http://"+address[1], "http://"+address[2]
	return g
}

// A response is what the client sees of an exchange.
type response struct {
	status     int
	challenges []string // WWW-Authenticate
	retryAfter string
	body       string
}

func (r response) String() string { return fmt.Sprintf("%d %q", r.status, r.challenges) }

// backendHeader is what reached the backend of an exchange that did.
func (r response) backendHeader(t *testing.T) (h http.Header) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.NoError(t, json.Unmarshal([]byte(r.body), &h))
	return h
}

// send makes a request with a bearer token, if there is one, and what edits do to it.
func (g *gateway) send(method, path, token string, edits ...func(*http.Request)) (response, error) {
	return send(method, g.url+path, token, edits...)
}

func send(method, url, token string, edits ...func(*http.Request)) (response, error) {
	return sendBy(client, method, url, token, edits...)
}

// sendBy is send by another client.
func sendBy(client *http.Client, method, url, token string, edits ...func(*http.Request)) (response, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return response{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, edit := range edits {
		edit(req)
	}
	res, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header.Values("WWW-Authenticate"), res.Header.Get("Retry-After"), string(body)}, err
}

// get asks for an order with the token.
func (g *gateway) get(token string) response {
	g.t.Helper()
	res, err := g.send(http.MethodGet, "/orders/1", token)
	require.NoError(g.t, err)
	return res
}

func (g *gateway) requireAccepted(tokens ...string) {
	g.t.Helper()
	for _, token := range tokens {
		res := g.get(token)
		require.Equal(g.t, http.StatusOK, res.status, "%+v: %s", headerOf(g.t, token), res)
	}
}

// keyState is what the gateway's status says about the keys of its first issuer.
type keyState struct {
	KeyIDs     []string `json:"key_ids"`
	AgeSeconds float64  `json:"age_seconds"`
	Failures   int      `json:"failures"`
}

func (g *gateway) keys() keyState {
	g.t.Helper()
	res, err := client.Get(g.admin + "/-/status")
	require.NoError(g.t, err)
	defer res.Body.Close()
	var status struct {
		Issuers []struct{ Keys keyState }
	}
	require.NoError(g.t, json.NewDecoder(res.Body).Decode(&status))
	require.NotEmpty(g.t, status.Issuers)
	return status.Issuers[0].Keys
}

// ready is the status code of the gateway's readiness.
func (g *gateway) ready() int {
	g.t.Helper()
	res, err := client.Get(g.admin + "/-/ready")
	require.NoError(g.t, err)
	defer res.Body.Close()
	return res.StatusCode
}

// requireSilentAbout proves that no part of a token that could be used was logged.
func (g *gateway) requireSilentAbout(tokens ...string) {
	g.t.Helper()
	written := g.log.tail(-1)
	for _, token := range tokens {
		for _, part := range strings.Split(token, ".")[1:] {
			require.NotContains(g.t, written, part)
		}
	}
}
