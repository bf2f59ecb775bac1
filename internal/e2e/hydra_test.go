package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const hydraAudience = "https://api.example.com/orders"

// hydra is a running Ory Hydra, everything in memory, and a proxy in front of its key set that counts.
type hydra struct {
	*process
	url, admin   string
	secret       string // of every client
	keySet       string // the proxy's
	fetches      atomic.Int64
	cacheControl atomic.Value // of the last answer with the key set
}

func startHydra(t *testing.T) *hydra {
	t.Helper()
	public, admin := ownPort(t), ""
	for admin = ownPort(t); admin == public; admin = ownPort(t) {
	}
	h := &hydra{url: "http://127.0.0.1:" + public, admin: "http://127.0.0.1:" + admin, secret: rand.Text()}
	config, err := json.Marshal(members{ // JSON is YAML
		"dsn": "memory",
		"serve": members{
			"public": members{"host": "127.0.0.1", "port": json.Number(public)},
			"admin":  members{"host": "127.0.0.1", "port": json.Number(admin)},
		},
		"urls":       members{"self": members{"issuer": h.url}},
		"strategies": members{"jwt": members{"scope_claim": "both"}},
		"secrets":    members{"system": []string{rand.Text() + rand.Text()}},
		"log":        members{"level": "warn"},
		"sqa":        members{"opt_out": true},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "hydra.yml")
	require.NoError(t, os.WriteFile(file, config, 0o600))
	h.process = start(t, exec.Command(hydraBinary(t), "serve", "all", "--dev", "-c", file))
	within(t, startLimit, "Hydra that is ready", func() bool {
		h.requireAlive()
		res, err := client.Get(h.admin + "/health/ready")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	const keySet = "/.well-known/jwks.json"
	readAll(t, h.url+keySet) // whoever asks first waits until Hydra has made its keys, for seconds
	h.keySet = h.countingProxy(t) + keySet
	return h
}

// hydraBinary is the program: HYDRA_BIN, or what hydra/build.sh has built before or builds now.
func hydraBinary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("HYDRA_BIN"); given != "" {
		return given
	}
	var stderr bytes.Buffer
	cmd := exec.Command("bash", "hydra/build.sh")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return strings.TrimSpace(string(out))
}

func (h *hydra) countingProxy(t *testing.T) string {
	t.Helper()
	to, err := url.Parse(h.url)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error {
			h.fetches.Add(1)
			h.cacheControl.Store(r.Header.Get("Cache-Control"))
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// post sends v to the admin API.
func (h *hydra) post(path string, v any) {
	h.t.Helper()
	body, err := json.Marshal(v)
	require.NoError(h.t, err)
	res, err := client.Post(h.admin+path, "application/json", bytes.NewReader(body))
	require.NoError(h.t, err)
	require.NoError(h.t, res.Body.Close())
	require.Equal(h.t, http.StatusCreated, res.StatusCode)
}

// newClient registers a client whose access tokens are of the kind jwt or opaque.
func (h *hydra) newClient(kind string) {
	h.t.Helper()
	h.post("/admin/clients", members{
		"client_id": kind + "-client", "client_secret": h.secret, "access_token_strategy": kind,
		"grant_types": []string{"client_credentials"}, "scope": "orders:read orders:write", "audience": []string{hydraAudience},
	})
}

func (h *hydra) token(kind string) string {
	h.t.Helper()
	return clientCredentials(h.t, h.url+"/oauth2/token", kind+"-client", h.secret,
		url.Values{"scope": {"orders:read orders:write"}, "audience": {hydraAudience}})
}

func TestHydraASecondIssuerOfOtherHabits(t *testing.T) {
	h := startHydra(t)
	h.newClient("jwt")
	h.newClient("opaque")
	first := h.token("jwt")
	g := startGateway(t, members{
		"issuer": h.url, "preset": "hydra", "audiences": []string{hydraAudience},
		"jwks_url": h.keySet, "insecure_allow_http": true,
	})

	t.Run("its tokens are of another shape, and accepted", func(t *testing.T) {
		head, claims := headerOf(t, first), payloadOf(t, first)
		require.Equal(t, "JWT", head.Typ)
		require.Equal(t, "RS256", head.Alg)
		require.Equal(t, []any{hydraAudience}, claims["aud"])
		require.Len(t, strings.Split(first, ".")[2], base64.RawURLEncoding.EncodedLen(4096/8), "an RSA-4096 signature")

		got := g.get(first).backendHeader(t)
		require.Equal(t, "jwt-client", got.Get("X-Identity-Subject"))
		require.Equal(t, h.url, got.Get("X-Identity-Issuer"))
		scopes := strings.Split(strings.ReplaceAll(got.Get("X-Identity-Scopes"), "%20", " "), " ")
		slices.Sort(scopes)
		require.Equal(t, []string{"orders:read", "orders:write"}, scopes)
	})
	t.Run("keys marked no-store are not fetched for each request", func(t *testing.T) {
		load := startLoad(t, g, &valid{tokens: []string{first}}, 200)
		time.Sleep(3 * time.Second)
		load.requireNoneRefused(t)
		require.Contains(t, h.cacheControl.Load(), "no-store")
		require.EqualValues(t, 1, h.fetches.Load())
		t.Logf("1 fetch of a key set that says %q", h.cacheControl.Load())
	})
	t.Run("a key that signs at once is accepted in the very request", func(t *testing.T) {
		kid := "rotated-" + rand.Text()
		h.post("/admin/keys/hydra.jwt.access-token", members{"alg": "RS256", "use": "sig", "kid": kid})
		second := h.token("jwt")
		require.Equal(t, kid, headerOf(t, second).Kid)
		g.requireAccepted(second, first)
		require.EqualValues(t, 2, h.fetches.Load())
	})
	t.Run("an opaque token is refused and costs nothing", func(t *testing.T) {
		opaque := h.token("opaque")
		require.Equal(t, 1, strings.Count(opaque, "."))
		res := g.get(opaque)
		require.Equal(t, http.StatusUnauthorized, res.status)
		require.Equal(t, []string{`Bearer error="invalid_token"`}, res.challenges)
		require.EqualValues(t, 2, h.fetches.Load())
		g.requireSilentAbout(opaque, first)
	})
}
