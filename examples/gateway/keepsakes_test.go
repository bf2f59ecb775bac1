package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (r *reloadable) post(path, body string) int {
	r.t.Helper()
	res, err := http.Post("http://"+r.address+path, "application/secevent+jwt", strings.NewReader(body))
	require.NoError(r.t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func (r *reloadable) status(token string) int {
	r.t.Helper()
	status, _, err := r.get("http://"+r.address+"/orders", token)
	require.NoError(r.t, err)
	return status
}

// What issuers have said, what clients have done and what was counted is not forgotten with the configuration.
func TestAReloadForgetsNothing(t *testing.T) {
	r := newReloadable(t)
	lists := filepath.Join(t.TempDir(), "revoked.jsonl")
	write(t, lists, nil)
	sections := func(route string) members {
		return members{
			"routes": []any{
				members{"pattern": route, "all": []string{"orders:read"}},
				members{"pattern": "/counted/", "quota": "few"},
			},
			"quotas":            []any{members{"name": "few", "limit": 1, "window": "1h"}},
			"failed_auth_limit": members{"per_minute": 1, "burst": 2}, "metrics": members{},
			"revocation": members{
				"files": []string{lists}, "every": "1s", "max_stale": "1m",
				"events": members{"path": "/events", "issuer": r.issuer.URL(), "audience": "https://api.test/events"},
			},
		}
	}
	r.write(0, sections("/"))
	r.hup(`msg=(reloaded)`)
	alice, bob := r.issuer.AccessToken(audience, members{"sub": "alice"}), r.issuer.AccessToken(audience, members{"sub": "bob"})
	require.Equal(t, http.StatusOK, r.status(alice), "what a list says is read before it counts")
	require.Equal(t, http.StatusOK, r.status(bob))
	counted := func() int {
		status, _, err := r.get("http://"+r.address+"/counted/a", bob)
		require.NoError(t, err)
		return status
	}
	require.Equal(t, http.StatusOK, counted())
	w := &world{t: t, issuer: r.issuer}
	require.Equal(t, http.StatusAccepted, r.post("/events", w.event("alice")))
	require.Equal(t, http.StatusUnauthorized, r.status(alice))
	for n := 0; r.status(bob[:len(bob)-12]+"AAAAAAAAAAA"+string(rune('A'+n))) != http.StatusTooManyRequests; n++ {
		require.Less(t, n, 20)
	}

	r.write(1, sections("/{path...}"))
	r.hup(`msg=(reloaded)`)
	require.Equal(t, http.StatusUnauthorized, r.status(alice), "still cut off")
	require.Equal(t, http.StatusOK, r.status(bob), "good before")
	require.Equal(t, http.StatusTooManyRequests, counted(), "still used up")
	require.Equal(t, http.StatusTooManyRequests, r.status(r.issuer.AccessToken(audience, members{"sub": "carol"})), "still limited")
	_, text, err := r.get("http://"+r.admin+"/metrics", "")
	require.NoError(t, err)
	require.Regexp(t, `perimeter_decisions_total\{[^}]*perimeter_outcome="allowed"[^}]*\} [3-9]`, text, "before and after")
}

func TestWhatMetricsSayOfKeysAfterAReload(t *testing.T) {
	r := newReloadable(t)
	metrics := func() string {
		_, text, err := r.get("http://"+r.admin+"/metrics", "")
		require.NoError(t, err)
		return text
	}
	own := members{"issuer": r.issuer.URL(), "audiences": []string{audience}, "insecure_allow_http": true}
	gone := members{"issuer": "https://gone.test", "audiences": []string{audience}, "jwks_url": r.issuer.URL() + "/gone", "insecure_allow_http": true}
	for _, tc := range []struct {
		name    string
		edit    members
		has     string
		hasNone string
	}{
		{"two issuers", members{"metrics": members{}, "issuers": []any{own, gone}}, `perimeter_keys_usable\{[^}]*gone.test`, `nothing`},
		{"one of them is gone", members{"metrics": members{}}, `perimeter_keys_usable\{`, `perimeter_keys_usable\{[^}]*gone.test`},
		{"other metrics count fetches too", members{"metrics": members{"by_route": true}}, `perimeter_keys_refreshes_total\{`, `nothing`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.write(0, tc.edit)
			r.hup(`msg=(reloaded)`)
			require.Regexp(t, tc.has, metrics())
			require.NotRegexp(t, tc.hasNone, metrics())
		})
	}
}

func TestAReloadDoesNotForgetAListThatCannotBeRead(t *testing.T) {
	r := newReloadable(t)
	name := filepath.Join(t.TempDir(), "revoked.jsonl")
	line, err := json.Marshal(members{"iss": r.issuer.URL(), "sub": "alice"})
	require.NoError(t, err)
	write(t, name, append(line, '\n'))
	section := members{"revocation": members{"files": []string{name}, "every": "1s", "max_stale": "1m", "insecure_open": true}}
	r.write(0, section)
	r.hup(`msg=(reloaded)`)
	alice := r.issuer.AccessToken(audience, members{"sub": "alice"})
	require.Equal(t, http.StatusUnauthorized, r.status(alice))
	require.NoError(t, os.Remove(name))
	r.write(1, section)
	r.hup(`msg="?(not reloaded|reloaded)`)
	require.Equal(t, http.StatusUnauthorized, r.status(alice), "whom the list had cut off stays cut off")
	write(t, name, nil)
	r.hup(`msg=(reloaded)`)
	require.Equal(t, http.StatusOK, r.status(alice), "a list that can be read counts")
}

func TestWhatIsReloadedOverTLS(t *testing.T) {
	r := newReloadable(t)
	ca, dir := newAuthority(t), t.TempDir()
	r.write(0, members{"tls": ca.tlsFiles(dir)})
	r.hup(`msg="(not reloaded), .*tls: cannot change without a restart`)
	_, text, err := r.get("http://"+r.admin+"/-/status", "")
	require.NoError(t, err)
	var said struct{ Reload *reloadReport }
	require.NoError(t, json.Unmarshal([]byte(text), &said))
	require.Contains(t, said.Reload.Error, "tls: cannot change without a restart")

	s := newSecureWorld(t, http.NotFoundHandler())
	file := filepath.Join(t.TempDir(), "config.json")
	other := newAuthority(t)
	bundle := write(t, filepath.Join(t.TempDir(), "bundle.pem"), pemOf(other.own))
	next := members{
		"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:9",
		"tls": other.tlsFiles(t.TempDir()), "mtls": members{"client_ca_file": bundle, "spiffe_trust_domain": "example.test"},
		"issuers": []any{members{"issuer": s.issuer.URL(), "audiences": []string{audience}, "access_token_profile": true, "insecure_allow_http": true}},
		"routes":  []any{members{"pattern": "/anybody/", "accept": []string{"mtls"}}},
	}
	data, err := json.Marshal(next)
	require.NoError(t, err)
	write(t, file, data)
	before := s.as(s.ca.client(workload))
	require.Equal(t, http.StatusNotFound, s.ask(before, "/anybody/a", ""))
	s.server.file = file
	s.server.config, err = parseConfig(data) // of the same addresses
	require.NoError(t, err)
	s.server.reload(t.Context(), t.Context())
	require.Empty(t, s.server.last.Load().Error)

	require.Equal(t, http.StatusUnauthorized, s.ask(before, "/anybody/a", ""), "a connection that is kept is judged by the new authorities")
	roots := x509.NewCertPool()
	roots.AddCert(other.own.Leaf)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{other.client(workload)}}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Timeout: 20 * time.Second, Transport: transport}
	require.Equal(t, http.StatusBadGateway, s.ask(client, "/anybody/a", ""), "a new one meets the new certificate, and passes to the new upstream")
}
