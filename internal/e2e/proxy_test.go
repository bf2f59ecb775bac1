package e2e_test

import (
	"crypto/tls"
	"embed"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

//go:embed proxies
var proxyConfigs embed.FS

// A proxyKind is a program that ends its clients' TLS and forwards their certificates in headers. All let any certificate pass, so
// that nobody but the service behind them judges it.
type proxyKind struct {
	name   string
	config string   // in proxies/
	run    []string // the program and its arguments but the file
	source string   // the address that it talks to the service from

	forwards mtls.ForwardedConfig // but for whom to trust
	chain    bool                 // it forwards intermediate certificates too
	strict   bool                 // it refuses by itself what is out of date or not for clients
}

// Debian's Caddy cannot be told where to talk to the service from.
var proxyKinds = []proxyKind{
	{
		name: "nginx", config: "nginx.conf", run: []string{"nginx", "-e", "stderr", "-c"}, source: "127.0.0.2",
		forwards: mtls.ForwardedConfig{Format: mtls.FormatPEM}, strict: true,
	},
	{
		name: "HAProxy", config: "haproxy.cfg", run: []string{"haproxy", "-db", "-f"}, source: "127.0.0.2",
		forwards: mtls.ForwardedConfig{Format: mtls.FormatClientCert}, chain: true,
	},
	{
		name: "Apache", config: "apache.conf", run: []string{"apache2", "-X", "-f"}, source: "127.0.0.2",
		forwards: mtls.ForwardedConfig{Format: mtls.FormatPEM}, strict: true,
	},
	{
		name: "Caddy", config: "Caddyfile", run: []string{"caddy", "run", "--adapter", "caddyfile", "--config"}, source: "127.0.0.1",
		forwards: mtls.ForwardedConfig{Format: mtls.FormatClientCert},
	},
}

// proxyNamed is one of proxyKinds.
func proxyNamed(t *testing.T, name string) proxyKind {
	t.Helper()
	for _, kind := range proxyKinds {
		if kind.name == name {
			return kind
		}
	}
	require.FailNow(t, "no such proxy")
	return proxyKind{}
}

// stranger is an address that is not the proxy's.
func (k proxyKind) stranger() string {
	if k.source == "127.0.0.1" {
		return "127.0.0.3"
	}
	return "127.0.0.1"
}

// trusted is how a service is told about the proxy.
func (k proxyKind) trusted() mtls.ForwardedConfig {
	c := k.forwards
	c.TrustedProxies = []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(k.source), 32)}
	return c
}

// A proxy is a running one.
type proxy struct {
	*process
	proxyKind
	ca  *authority // that its clients trust
	own tls.Certificate
	url string
}

// startProxy puts a proxy in front of the service at url. ca vouches for the proxy, and is whose clients it knows. nginx shows a
// certificate of its own to a service with TLS.
func startProxy(t *testing.T, kind proxyKind, ca *authority, url string) *proxy {
	t.Helper()
	dir, pki, port := t.TempDir(), ca.serverFiles(), ownPort(t)
	address := net.JoinHostPort("127.0.0.1", port)
	file := filepath.Join(dir, kind.config)
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	config, err := template.ParseFS(proxyConfigs, "proxies/"+kind.config)
	require.NoError(t, err)
	require.NoError(t, config.Execute(out, members{
		"Dir": dir, "PKI": pki, "Listen": address, "Port": port, "Source": kind.source, "Upstream": url, "UpstreamAddress": strings.TrimPrefix(url, "http://"),
		"TLS": strings.HasPrefix(url, "https:"),
	}))
	require.NoError(t, out.Close())

	cmd := exec.Command(programPath(kind.run[0]), append(kind.run[1:], file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir) // where Caddy would keep what it need not keep
	own, err := tls.LoadX509KeyPair(filepath.Join(pki, "proxy.pem"), filepath.Join(pki, "proxy.key"))
	require.NoError(t, err)
	p := &proxy{process: start(t, cmd), proxyKind: kind, ca: ca, own: own, url: "https://localhost:" + port}
	p.guard()
	within(t, startLimit, kind.name+" that listens", func() bool {
		p.requireAlive()
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	})
	return p
}

// programPath finds a server's program also for a user who has no servers in PATH.
func programPath(name string) string {
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	return "/usr/sbin/" + name
}

// guard has the process die with the tests although it changes its user, as Apache does: the kernel then forgets dieWithParent. A shell
// waits for its standard input to end, which it does with the tests.
func (p *process) guard() {
	p.t.Helper()
	cmd := exec.Command("bash", "-c", `read -r; kill -9 "$0"`, strconv.Itoa(p.cmd.Process.Pid))
	_, err := cmd.StdinPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	p.t.Cleanup(func() { // before the process is killed, and its number given to another
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// ask makes the request GET path through the proxy as the client that has the certificate, on a connection of its own.
func (p *proxy) ask(path, token string, certificate tls.Certificate, edits ...func(*http.Request)) (response, error) {
	c := p.ca.client(certificate)
	defer c.CloseIdleConnections()
	return sendBy(c, http.MethodGet, p.url+path, token, edits...)
}

// The tests of a proxy are started as a process of its own, and killed.
func TestAProxyEndsWithTheTestsEvenIfTheyAreKilled(t *testing.T) {
	const child = "E2E_PROXY_OF_A_CHILD"
	if name := os.Getenv(child); name != "" {
		p := startProxy(t, proxyNamed(t, name), newAuthority(t), "http://127.0.0.1:9")
		t.Log("listens at " + p.url)
		<-t.Context().Done()
	}
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
			cmd.Env = append(os.Environ(), child+"="+kind.name, "TMPDIR="+t.TempDir())
			p := start(t, cmd)
			address := strings.TrimPrefix(p.waitForLog(regexp.MustCompile(`listens at (https://\S+)`))[1], "https://")
			listens := func() bool {
				conn, err := net.Dial("tcp", address)
				return err == nil && conn.Close() == nil
			}
			require.True(t, listens())
			p.kill()
			within(t, startLimit, "end of the proxy", func() bool { return !listens() })
		})
	}
}
