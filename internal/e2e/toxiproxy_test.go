package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A toxiproxy is a TCP proxy before a server, of the network's own malice.
type toxiproxy struct {
	*process
	url string // where it stands
	api string
}

func startToxiproxy(t *testing.T, to string) *toxiproxy {
	t.Helper()
	var stderr bytes.Buffer
	build := exec.Command("bash", "toxiproxy/build.sh")
	build.Stderr = &stderr
	binary, err := build.Output()
	require.NoError(t, err, stderr.String())

	port := ownPort(t)
	p := &toxiproxy{api: "http://127.0.0.1:" + port}
	cmd := exec.Command(strings.TrimSpace(string(binary)), "-host", "127.0.0.1", "-port", port)
	cmd.Env = append(os.Environ(), "LOG_LEVEL=error")
	p.process = start(t, cmd)
	within(t, startLimit, "toxiproxy that is ready", func() bool {
		p.requireAlive()
		res, err := client.Get(p.api + "/version")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	target, err := url.Parse(to)
	require.NoError(t, err)
	var made struct{ Listen string }
	p.call(http.MethodPost, "/proxies", members{"name": "issuer", "listen": "127.0.0.1:0", "upstream": target.Host, "enabled": true}, &made)
	p.url = "http://" + made.Listen
	return p
}

// poison has one toxic of this kind change what the server answers, on open connections too.
func (p *toxiproxy) poison(kind string, attributes members) {
	p.t.Helper()
	p.call(http.MethodPost, "/proxies/issuer/toxics", members{"name": "fault", "type": kind, "attributes": attributes}, nil)
}

func (p *toxiproxy) cure() {
	p.t.Helper()
	p.call(http.MethodDelete, "/proxies/issuer/toxics/fault", nil, nil)
}

// accept false closes all connections and refuses new ones.
func (p *toxiproxy) accept(is bool) {
	p.t.Helper()
	p.call(http.MethodPatch, "/proxies/issuer", members{"enabled": is}, nil)
}

func (p *toxiproxy) call(method, path string, v, into any) {
	p.t.Helper()
	body, err := json.Marshal(v)
	require.NoError(p.t, err)
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.api+path, bytes.NewReader(body))
	require.NoError(p.t, err)
	res, err := client.Do(req)
	require.NoError(p.t, err)
	defer res.Body.Close()
	require.Less(p.t, res.StatusCode, 300, path)
	if into != nil {
		require.NoError(p.t, json.NewDecoder(res.Body).Decode(into))
	}
}
