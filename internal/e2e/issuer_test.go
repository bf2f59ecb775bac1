package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An issuer is a running oidc-provider/server.mjs, whose head says what it can do.
type issuer struct {
	*process
	stdin   io.WriteCloser
	answers chan string

	URL          string   `json:"issuer"`
	TLS          string   `json:"tls"`       // the same with TLS, if asked for
	API          string   `json:"api"`       // its resources are audiences of the gateway
	OtherAPI     string   `json:"other_api"` // its are somebody else's
	Algorithms   []string `json:"algorithms"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
}

// startIssuer starts an issuer with keys of its own, on a port of its own choice if port is empty. It knows its own client and those
// registered, by RFC 7591 metadata, as clients of the introspection endpoint.
func startIssuer(t *testing.T, port string, registered ...members) *issuer {
	t.Helper()
	return startIssuerWithTLS(t, port, "", registered...)
}

// startIssuerWithTLS is startIssuer that also listens with TLS, if dir holds what it needs for that.
func startIssuerWithTLS(t *testing.T, port, dir string, registered ...members) *issuer {
	t.Helper()
	i := &issuer{answers: make(chan string, 16)}
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = "oidc-provider"
	clients, err := json.Marshal(append([]members{}, registered...))
	require.NoError(t, err)
	cmd.Env = append(os.Environ(), "PORT="+port, "TLS_DIR="+dir, "CLIENTS="+string(clients))
	cmd.Stdout = &lineWriter{out: i.answers}
	i.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	i.process = start(t, cmd)
	i.read(i)
	return i
}

// read decodes the next line that the issuer writes.
func (i *issuer) read(into any) {
	i.t.Helper()
	select {
	case line := <-i.answers:
		require.NoError(i.t, json.Unmarshal([]byte(line), into))
	case <-i.ended:
		i.requireAlive()
	case <-time.After(startLimit):
		require.FailNow(i.t, "the issuer says nothing")
	}
}

// rotate takes one step of a key rotation: announce, switch, drop or now.
func (i *issuer) rotate(step string) {
	i.t.Helper()
	_, err := io.WriteString(i.stdin, step+"\n")
	require.NoError(i.t, err)
	var answer struct{ Error string }
	i.read(&answer)
	require.Empty(i.t, answer.Error)
}

// requests is how many requests for path the issuer has got.
func (i *issuer) requests(path string) int {
	i.t.Helper()
	_, err := io.WriteString(i.stdin, "counts\n")
	require.NoError(i.t, err)
	var counts map[string]int
	i.read(&counts)
	return counts[path]
}

// token is a new token for the gateway, signed by alg, that grants orders:read.
func (i *issuer) token(alg string) string { return i.tokenFor(i.API+alg, "orders:read") }

// tokens is one token for each algorithm.
func (i *issuer) tokens() (all []string) {
	for _, alg := range i.Algorithms {
		all = append(all, i.token(alg))
	}
	return all
}

func (i *issuer) tokenFor(resource, scope string) string {
	i.t.Helper()
	return clientCredentials(i.t, i.URL+"/token", i.ClientID, i.ClientSecret, url.Values{"resource": {resource}, "scope": {scope}})
}

// opaque is a new opaque token that grants orders:read.
func (i *issuer) opaque() string {
	i.t.Helper()
	return i.token("opaque")
}

func (i *issuer) opaques(n int) []string {
	i.t.Helper()
	all := make([]string, n)
	for k := range all {
		all[k] = i.opaque()
	}
	return all
}

// revoke has the client that got the token take it back (RFC 7009).
func (i *issuer) revoke(token string) {
	i.t.Helper()
	revoke(i.t, i.URL+"/revoke", i.ClientID, i.ClientSecret, token)
}

// trusted is the issuer as a member of the gateway's configuration.
func (i *issuer) trusted(keys members) members {
	audiences := []string{i.API + "brief"}
	for _, alg := range i.Algorithms {
		audiences = append(audiences, i.API+alg)
	}
	return members{
		"issuer": i.URL, "audiences": audiences, "access_token_profile": true, "leeway": "1s",
		"keys": keys, "insecure_allow_http": true,
	}
}

// clientCredentials asks an issuer for a token (RFC 6749 section 4.4).
func clientCredentials(t *testing.T, endpoint, id, secret string, form url.Values) string {
	t.Helper()
	form.Set("grant_type", "client_credentials")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(postForm(t, endpoint, id, secret, form), &answer))
	require.NotEmpty(t, answer.AccessToken)
	return answer.AccessToken
}

// revoke has a client take back a token that it got (RFC 7009).
func revoke(t *testing.T, endpoint, id, secret, token string) {
	t.Helper()
	postForm(t, endpoint, id, secret, url.Values{"token": {token}})
}

func postForm(t *testing.T, endpoint, id, secret string, form url.Values) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
	return body
}

// lineWriter sends what is written to it line by line.
type lineWriter struct {
	partial []byte
	out     chan<- string
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.partial = append(w.partial, b...)
	for {
		line, rest, found := bytes.Cut(w.partial, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.out <- string(line)
		w.partial = rest
	}
}

func TestTheIssuerEndsWithTheTestThatStartedIt(t *testing.T) {
	i := startIssuer(t, "")
	require.NoError(t, i.stdin.Close())
	select {
	case <-i.ended:
		require.True(t, i.cmd.ProcessState.Success())
	case <-time.After(startLimit):
		require.FailNow(t, "it goes on without anybody at its standard input")
	}
}

func TestTheIssuersKeysRotateInSteps(t *testing.T) {
	i := startIssuer(t, "")
	asked := 0
	listed := func() map[string]bool {
		asked++
		res, err := client.Get(i.URL + "/jwks")
		require.NoError(t, err)
		defer res.Body.Close()
		var set struct {
			Keys []struct{ Kid string }
		}
		require.NoError(t, json.NewDecoder(res.Body).Decode(&set))
		kids := map[string]bool{}
		for _, key := range set.Keys {
			kids[key.Kid] = true
		}
		return kids
	}
	n := len(i.Algorithms)
	first := headerOf(t, i.token("ES256")).Kid
	require.Len(t, listed(), n)

	i.rotate("announce")
	require.Len(t, listed(), 2*n)
	require.Equal(t, first, headerOf(t, i.token("ES256")).Kid, "an announced key does not sign yet")

	i.rotate("switch")
	second := headerOf(t, i.token("ES256")).Kid
	require.NotEqual(t, first, second)
	require.Contains(t, listed(), first, "a token of the old key is still valid")

	i.rotate("drop")
	require.Len(t, listed(), n)
	require.NotContains(t, listed(), first)
	require.Equal(t, second, headerOf(t, i.token("ES256")).Kid)

	i.rotate("now")
	require.Len(t, listed(), n)
	require.NotContains(t, listed(), second)
	require.Contains(t, listed(), headerOf(t, i.token("ES256")).Kid)
	require.Equal(t, asked, i.requests("/jwks"))
}
