package e2e_test

import (
	"bytes"
	"crypto/tls"
	"embed"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
)

//go:embed spire/*.conf
var spireConfigs embed.FS

// registeredPath is the workload that these tests are to SPIRE's agent.
const registeredPath = "/ns/prod/sa/api"

// spire is a running SPIRE: a server, an agent, and the provider of OIDC discovery documents.
type spire struct {
	t              *testing.T
	bin, dir       string
	domain         string
	port, provider string
	authorities    []string // X.509, by their ids
}

func startSPIRE(t *testing.T, domain string) *spire {
	t.Helper()
	dir, err := os.MkdirTemp("", "spire-") //nolint:usetesting // t.TempDir makes names that are too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := &spire{t: t, bin: spireBinaries(t), dir: dir, domain: domain, port: ownPort(t)}
	for s.provider = ownPort(t); s.provider == s.port; s.provider = ownPort(t) {
	}
	s.start("spire-server", "server.conf", "run", "-config")
	within(t, startLimit, "SPIRE server that is ready", func() bool { return s.try("spire-server", "healthcheck") == nil })
	s.remember("active", "x509", "show")
	id := "spiffe://" + domain
	printed := strings.Fields(string(s.ask("spire-server", "token", "generate", "-spiffeID", id+"/agent")))
	require.Len(t, printed, 2)
	s.ask("spire-server", "entry", "create", "-parentID", id+"/agent", "-spiffeID", id+registeredPath,
		"-selector", "unix:uid:"+strconv.Itoa(os.Getuid()))
	s.start("spire-agent", "agent.conf", "run", "-joinToken", printed[1], "-config")
	within(t, startLimit, "SVID from the agent", func() bool { return s.try("spire-agent", "api", "fetch", "x509", "-silent") == nil })
	s.start("oidc-discovery-provider", "discovery.conf", "-config")
	within(t, startLimit, "discovery document", func() bool {
		res, err := client.Get(s.issuer() + "/.well-known/openid-configuration")
		return err == nil && res.Body.Close() == nil && res.StatusCode == 200
	})
	return s
}

// spireBinaries is the folder of what spire/build.sh has built before or builds now.
func spireBinaries(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("SPIRE_BIN"); given != "" {
		return given
	}
	var stderr bytes.Buffer
	cmd := exec.Command("bash", "spire/build.sh")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return strings.TrimSpace(string(out))
}

// start runs a program of SPIRE's with a file made from a template. args end where the file's name comes.
func (s *spire) start(program, config string, args ...string) *process {
	s.t.Helper()
	file := filepath.Join(s.dir, config)
	made, err := template.ParseFS(spireConfigs, "spire/"+config)
	require.NoError(s.t, err)
	var text bytes.Buffer
	require.NoError(s.t, made.Execute(&text, members{
		"Dir": s.dir, "TrustDomain": s.domain, "Port": s.port, "Issuer": s.issuer(), "KeyType": "ec-p256",
		"DiscoveryHost": "127.0.0.1", "DiscoveryAddress": net.JoinHostPort("127.0.0.1", s.provider),
	}))
	require.NoError(s.t, os.WriteFile(file, text.Bytes(), 0o600))
	return start(s.t, exec.Command(filepath.Join(s.bin, program), append(args, file)...))
}

// try asks the server or the agent.
func (s *spire) try(program string, args ...string) error {
	_, err := s.call(program, args...)
	return err
}

func (s *spire) ask(program string, args ...string) []byte {
	s.t.Helper()
	out, err := s.call(program, args...)
	require.NoError(s.t, err, "%s %s: %s", program, args, out)
	return out
}

func (s *spire) call(program string, args ...string) ([]byte, error) {
	socket := filepath.Join(s.dir, strings.TrimPrefix(program, "spire-")+".sock")
	return exec.Command(filepath.Join(s.bin, program), append(args, "-socketPath", socket)...).Output()
}

func (s *spire) name() string   { return s.domain }
func (s *spire) issuer() string { return "http://" + net.JoinHostPort("127.0.0.1", s.provider) }

// x509SVID comes from the agent if the tests are that workload, and else from the server by itself.
func (s *spire) x509SVID(path string) tls.Certificate {
	s.t.Helper()
	dir := s.t.TempDir()
	certificate, key := "svid.0.pem", "svid.0.key"
	if path == registeredPath {
		s.ask("spire-agent", "api", "fetch", "x509", "-silent", "-write", dir)
	} else {
		s.ask("spire-server", "x509", "mint", "-spiffeID", "spiffe://"+s.domain+path, "-write", dir)
		certificate, key = "svid.pem", "key.pem"
	}
	svid, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate), filepath.Join(dir, key))
	require.NoError(s.t, err)
	return svid
}

func (s *spire) jwtSVID(path, audience string) string {
	s.t.Helper()
	if path != registeredPath {
		return strings.TrimSpace(string(s.ask("spire-server", "jwt", "mint", "-spiffeID", "spiffe://"+s.domain+path, "-audience", audience)))
	}
	out := s.ask("spire-agent", "api", "fetch", "jwt", "-audience", audience, "-output", "json")
	var answers []struct {
		SVIDs []struct{ SVID string }
	}
	require.NoError(s.t, json.Unmarshal(out, &answers), "%s", out)
	for _, a := range answers {
		for _, svid := range a.SVIDs {
			return svid.SVID
		}
	}
	require.FailNow(s.t, "no JWT-SVID", "%s", out)
	return ""
}

func (s *spire) bundle(form string) []byte {
	s.t.Helper()
	return s.ask("spire-server", "bundle", "show", "-format", form)
}

func (s *spire) rotate(step rotation) {
	s.t.Helper()
	first, last := s.authorities[0], s.authorities[len(s.authorities)-1]
	switch step {
	case announce:
		s.remember("prepared_authority", "x509", string(step))
	case switchTo:
		s.ask("spire-server", "localauthority", "x509", string(step), "-authorityID", last)
	case drop:
		s.ask("spire-server", "localauthority", "x509", "taint", "-authorityID", first)
		s.ask("spire-server", "localauthority", "x509", string(step), "-authorityID", first)
		s.authorities = s.authorities[1:]
	}
}

// remember asks the server about an authority and keeps its id, which is in the member of the answer.
func (s *spire) remember(member string, args ...string) {
	s.t.Helper()
	var answer map[string]struct {
		ID string `json:"authority_id"`
	}
	out := s.ask("spire-server", append(append([]string{"localauthority"}, args...), "-output", "json")...)
	require.NoError(s.t, json.Unmarshal(out, &answer), "%s", out)
	require.NotEmpty(s.t, answer[member].ID, "%s", out)
	s.authorities = append(s.authorities, answer[member].ID)
}
