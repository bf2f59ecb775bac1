package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
)

const gatewayClient = "orders-gateway"

// ok is a backend that tells which kind of credential it was told of.
var ok = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Header.Get("X-Identity-Kind"))
})

// asking is a world whose issuer can be asked about its tokens.
type asking struct {
	*world

	secretFile string
}

// newAskingWorld starts a gateway with the routes of newWorld; they take tokens of both kinds.
func newAskingWorld(tb testing.TB, backend http.Handler, edits ...members) *asking {
	tb.Helper()
	issuer, err := localissuer.Start()
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, issuer.Close()) })
	a := &asking{secretFile: filepath.Join(tb.TempDir(), "secret")}
	a.world = &world{t: tb, issuer: issuer}
	a.newSecret()
	return a.another(backend, edits...)
}

// another starts one more gateway with the same issuer.
func (a *asking) another(backend http.Handler, edits ...members) *asking {
	a.t.Helper()
	w := &world{t: a.t, issuer: a.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
	both := &asking{world: w, secretFile: a.secretFile}
	w.start(w.config(backend, append([]members{{"issuers": []any{both.section()}}}, edits...)...))
	for _, i := range w.server.gateway.issuers {
		require.NoError(a.t, i.keys.Refresh(a.t.Context()))
	}
	return both
}

// newSecret registers the gateway with the issuer and puts the secret where the gateway finds it.
func (a *asking) newSecret() (secret string) {
	a.t.Helper()
	secret = a.issuer.Register(gatewayClient, "")
	require.NoError(a.t, os.WriteFile(a.secretFile, []byte(secret+"\n"), 0o600))
	return secret
}

// section is the issuer's part of the configuration, with edits of it and of its introspection.
func (a *asking) section(edits ...members) members {
	s := members{
		"issuer": a.issuer.URL(), "audiences": []string{audience}, "access_token_profile": true, "insecure_allow_http": true,
		"introspection": members{
			"endpoint": a.issuer.IntrospectionURL(), "client_id": gatewayClient, "client_secret_file": a.secretFile, "ttl": "500ms", "negative_ttl": "100ms",
		},
	}
	for n, e := range edits {
		if n == 0 {
			maps.Copy(s, e)
		} else {
			maps.Copy(s["introspection"].(members), e)
		}
	}
	return s
}

func (a *asking) opaque(edits ...members) string { return a.issuer.OpaqueToken(audience, edits...) }

func (w *world) logged(what string) int { return strings.Count(w.logs.String(), what) }

// requireLogged waits for a line, and holds the log to that many of them.
func requireLogged(t *testing.T, w *asking, what string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return w.logged(what) >= times }, 10*time.Second, 5*time.Millisecond, what)
	require.Equal(t, times, w.logged(what), w.logs.String())
}

func (a *asking) asked() int { return a.issuer.Requests("/introspect") }

// readmeConfig is the first configuration of a section of the README.
func readmeConfig(t *testing.T, section string) members {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found)
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(after)
	require.Len(t, block, 2)
	var config members
	require.NoError(t, json.Unmarshal([]byte(block[1]), &config))
	return config
}

func TestTheConfigurationOfTheReadmeRunsAsItSays(t *testing.T) {
	a := &asking{world: &world{t: t}, secretFile: filepath.Join(t.TempDir(), "secret")}
	var err error
	a.issuer, err = localissuer.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.issuer.Close()) })
	a.newSecret()

	written := readmeConfig(t, "Opaque tokens and revocation")
	issuer := written["issuers"].([]any)[0].(members)
	section := issuer["introspection"].(members)
	require.Equal(t, gatewayClient, section["client_id"])
	issuer["issuer"], issuer["insecure_allow_http"] = a.issuer.URL(), true
	section["endpoint"], section["client_secret_file"], section["ttl"] = a.issuer.IntrospectionURL(), a.secretFile, "300ms"
	written["redis"] = startRedis(t).section()["redis"]
	for _, name := range []string{"listen", "admin_listen", "upstream"} {
		delete(written, name) // world's own
	}
	w := a.another(ok, written)

	write := members{"scope": "orders:read orders:write reports:read", "tenant": "acme"}
	for _, tc := range []struct {
		name, request, token string
		status               int
		kind                 string
	}{
		{"a JWT where both are taken", "GET /orders/v1/7", w.token(), 200, "jwt"},
		{"an opaque token where both are taken", "GET /orders/v1/7", w.opaque(), 200, "opaque"},
		{"nothing where both are taken", "GET /orders/v1/7", "", 401, ""},
		{"a JWT that is not good", "GET /orders/v1/7", w.token() + "x", 401, ""},
		{"an opaque token that the issuer does not know", "GET /orders/v1/7", "nobody-knows-it", 401, ""},
		{"an opaque token with too small a scope", "DELETE /orders/v1/7", w.opaque(), 403, ""},
		{"an opaque token for another service", "GET /orders/v1/7", w.issuer.OpaqueToken("billing-api"), 401, ""},
		{"a JWT where JWTs are taken", "POST /orders/v1/", w.token(write), 200, "jwt"},
		{"an opaque token where JWTs are taken", "POST /orders/v1/", w.opaque(write), 401, ""},
		{"an opaque token where they are taken", "GET /reports/", w.opaque(write), 200, "opaque"},
		{"a JWT where opaque tokens are taken", "GET /reports/", w.token(write), 401, ""},
		{"an opaque token with the claim that the route asks for", "GET /reports/tenant/", w.opaque(write), 200, "opaque"},
		{"an opaque token with another value of the claim", "GET /reports/tenant/", w.opaque(members{"tenant": "umbrella"}), 403, ""},
		{"an opaque token without the claim", "GET /reports/tenant/", w.opaque(), 403, ""},
		{"an opaque token whose claim is a list", "GET /reports/tenant/", w.opaque(members{"tenant": []string{"acme"}}), 403, ""},
		{"a JWT about which the issuer is asked", "DELETE /orders/v1/7", w.token(write), 200, "jwt"},
		{"an opaque token where JWTs are asked about", "DELETE /orders/v1/7", w.opaque(write), 200, "opaque"},
		{"nothing on a public route", "GET /healthz", "", 200, ""},
		{"an opaque token on a public route", "GET /healthz", "nobody-knows-it", 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := w.ask(tc.request, tc.token)
			require.Equal(t, tc.status, res.StatusCode)
			if tc.status == http.StatusOK {
				require.Equal(t, tc.kind, body(t, res))
			} else if tc.status == http.StatusUnauthorized && tc.token != "" {
				require.Contains(t, res.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
			}
		})
	}
	t.Run("what is not of a route's kind is not asked about", func(t *testing.T) {
		before := w.asked()
		require.Equal(t, 401, w.ask("GET /reports/", w.token(write)).StatusCode)
		require.Equal(t, 401, w.ask("POST /orders/v1/", w.opaque(write)).StatusCode)
		require.Equal(t, 200, w.ask("GET /orders/v1/7", w.token()).StatusCode)
		require.Equal(t, before, w.asked())
	})
	t.Run("a revoked opaque token is refused within the ttl", func(t *testing.T) {
		tok := w.opaque()
		require.Equal(t, 200, w.ask("GET /orders/v1/7", tok).StatusCode)
		w.issuer.Revoke(tok)
		w.requireRefusedSoon("GET /orders/v1/7", tok)
	})
	t.Run("so is a revoked JWT where the issuer is asked, and nowhere else", func(t *testing.T) {
		tok := w.token(write)
		require.Equal(t, 200, w.ask("DELETE /orders/v1/7", tok).StatusCode)
		w.issuer.Revoke(tok)
		w.requireRefusedSoon("DELETE /orders/v1/7", tok)
		require.Equal(t, 200, w.ask("GET /orders/v1/7", tok).StatusCode)
	})
	t.Run("an outage of the issuer is no log-out", func(t *testing.T) {
		jwt, opaque := w.token(write), w.opaque(write)
		w.issuer.SetDown(true)
		for request, tok := range map[string]string{"GET /reports/": opaque, "DELETE /orders/v1/7": jwt} {
			res := w.ask(request, tok)
			require.Equal(t, 503, res.StatusCode, request)
			require.NotEmpty(t, res.Header.Get("Retry-After"))
			require.Empty(t, res.Header.Get("WWW-Authenticate"))
		}
		require.Equal(t, 200, w.ask("GET /orders/v1/7", jwt).StatusCode)
	})
}

func (a *asking) ask(request, token string) *http.Response {
	a.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	return a.do(a.request(method, path, token, nil))
}

// requireRefusedSoon waits for the ttl to pass.
func (a *asking) requireRefusedSoon(request, token string) {
	a.t.Helper()
	require.Eventually(a.t, func() bool { return a.ask(request, token).StatusCode == http.StatusUnauthorized }, 3*time.Second, 20*time.Millisecond)
}

func TestOpaqueTokensAreHeldToTheirIssuersSection(t *testing.T) {
	a := newAskingWorld(t, ok)
	for _, tc := range []struct {
		name           string
		section, claim members
		status         int
	}{
		{"a client that is listed", members{"client_ids": []string{"client-1"}}, nil, 200},
		{"a client that is not", members{"client_ids": []string{"client-1"}}, members{"client_id": "client-2"}, 401},
		{"no client at all", members{"client_ids": []string{"client-1"}}, members{"client_id": nil}, 401},
		{"a claim that is demanded", members{"required_claims": members{"tenant": "acme", "email": ""}}, members{"tenant": "acme", "email": "a@b"}, 200},
		{"a claim with another value", members{"required_claims": members{"tenant": "acme"}}, members{"tenant": "acme2"}, 401},
		{"a claim that is missing", members{"required_claims": members{"tenant": ""}}, nil, 401},
		{"a scope below the ceiling", members{"scopes_allowed": []string{"orders:read"}}, nil, 200},
		{"a scope above the ceiling", members{"scopes_allowed": []string{"orders:write"}}, nil, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := a.another(ok, members{"issuers": []any{a.section(tc.section)}})
			require.Equal(t, tc.status, w.get("/orders/7", w.opaque(tc.claim)).StatusCode)
			require.Equal(t, tc.status, w.get("/orders/7", w.token(tc.claim)).StatusCode, "JWTs are held to the same")
		})
	}
}

func TestEachRouteAsksTheIssuerThatItNames(t *testing.T) {
	a, b := newAskingWorld(t, ok), newAskingWorld(t, ok)
	w := a.another(ok, members{
		"issuers": []any{a.section(), b.section()},
		"routes": []any{
			members{"pattern": "/a", "issuers": []string{a.issuer.URL()}},
			members{"pattern": "/b", "issuers": []string{b.issuer.URL()}},
			members{"pattern": "/b/asked", "issuers": []string{b.issuer.URL()}, "introspect": true},
			members{"pattern": "/asked", "accept": []string{"jwt"}, "introspect": true},
		},
	})
	require.Equal(t, 200, w.get("/a", a.opaque()).StatusCode)
	require.Equal(t, 401, w.get("/a", b.opaque()).StatusCode)
	require.Equal(t, 200, w.get("/b", b.opaque()).StatusCode)

	require.Equal(t, 200, w.get("/asked", a.token()).StatusCode)
	require.Equal(t, 200, w.get("/asked", b.token()).StatusCode)
	revoked, beforeA, beforeB := b.token(), a.asked(), b.asked()
	b.issuer.Revoke(revoked)
	require.Equal(t, 401, w.get("/asked", revoked).StatusCode)
	require.Equal(t, beforeA, a.asked(), "nobody but its issuer is asked")
	require.Equal(t, beforeB+1, b.asked())
	require.Equal(t, 401, w.get("/b/asked", a.token()).StatusCode)
	require.Equal(t, beforeA, a.asked(), "nobody is asked about an issuer that the route does not take")
}

func TestAStreamEndsWithAnOpaqueIdentity(t *testing.T) {
	w := newAskingWorld(t, http.HandlerFunc(echo))
	exp := func(d time.Duration) members { return members{"exp": float64(time.Now().Add(d).UnixMilli()) / 1000} }
	short, long, none := w.opaque(exp(3*time.Second)), w.opaque(exp(time.Minute)), w.opaque(members{"exp": nil})
	begun := time.Now()
	var lasting []func()
	for _, tok := range []string{long, none} {
		c, r, res := w.upgrade("Authorization: Bearer " + tok + "\r\n")
		require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
		lasting = append(lasting, func() { w.requireEchoed(c, r) })
	}
	c, r, res := w.upgrade("Authorization: Bearer " + short + "\r\n")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	w.requireEchoed(c, r)
	_, err := r.ReadByte()
	require.Error(t, err, "the connection is closed")
	require.False(t, isTimeout(err), err)
	require.InDelta(t, 3, time.Since(begun).Seconds(), 1.5)
	for _, echoes := range lasting {
		echoes()
	}
}

// An opaque token is refused at once when it has expired, whatever the issuer's leeway for JWTs is. So its exchange ends then.
func TestAnExchangeOfAnOpaqueTokenHasNoLeeway(t *testing.T) {
	stopped := make(chan struct{})
	w := newAskingWorld(t, flood(stopped, func(h http.Header) { h.Set("Content-Length", "1000000000000") }))
	tok := w.opaque(members{"exp": float64(time.Now().Add(2*time.Second).UnixMilli()) / 1000})
	c, _ := w.dial()
	fmt.Fprintf(c, "GET /blob HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n\r\n", tok)
	requireSoon(t, stopped, "the backend still writes")
	w.requireNoneLeft()
}

func TestTheClientSecretMayBeReplacedWhileTheGatewayRuns(t *testing.T) {
	w := newAskingWorld(t, ok)
	require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode)
	old, err := os.ReadFile(w.secretFile)
	require.NoError(t, err)
	secret := w.newSecret()
	require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode, "the new one is used")

	require.NoError(t, os.Truncate(w.secretFile, 0))
	require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode, "in the middle of a replacement the last one stays")
	require.NoError(t, os.Remove(w.secretFile))
	require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode)
	requireLogged(t, w, "client secret not read", 1)

	require.NoError(t, os.WriteFile(w.secretFile, old, 0o600))
	require.Equal(t, 503, w.get("/orders/7", w.opaque()).StatusCode, "a wrong one decides nothing")
	requireLogged(t, w, "introspection failed", 1)
	require.NotContains(t, w.logs.String(), secret)
	require.NotContains(t, w.logs.String(), strings.TrimSpace(string(old)))
}

func TestASecretThatOthersCanReadIsWarnedAbout(t *testing.T) {
	w := newAskingWorld(t, ok)
	require.NotContains(t, w.logs.String(), "can read")
	require.NoError(t, os.Chmod(w.secretFile, 0o644))
	require.Contains(t, w.another(ok).logs.String(), `level=WARN msg="other users of this machine can read or change a secret" issuer=`+w.issuer.URL()+` of=issuers[0].introspection.client_secret_file mode=-rw-r--r--`)
}

func TestAnOutageOfTheEndpointIsLoggedOnceAndSeenInTheStatus(t *testing.T) {
	w := newAskingWorld(t, ok)
	require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode)
	w.issuer.SetDown(true)
	for range 4 {
		require.Equal(t, 503, w.get("/orders/7", w.opaque()).StatusCode)
	}
	requireLogged(t, w, "introspection failed", 1)
	require.Contains(t, w.logs.String(), `level=WARN msg="introspection failed" issuer=`+w.issuer.URL())

	_, text := w.adminGet("/-/status")
	var doc struct {
		Issuers []struct {
			Introspection struct {
				Failing bool
				Since   time.Time
				Error   string
				Events  map[string]int
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &doc), text)
	state := doc.Issuers[0].Introspection
	require.True(t, state.Failing)
	require.WithinDuration(t, time.Now(), state.Since, time.Minute)
	require.Contains(t, state.Error, "introspect: undecided: asking failed: ")
	require.Equal(t, map[string]int{"asked": 5, "failed": 4}, state.Events)
	status, _ := w.adminGet("/-/ready")
	require.Equal(t, 200, status, "it is no reason to take the gateway out of service")

	w.issuer.SetDown(false)
	require.Eventually(t, func() bool {
		require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode)
		return w.logged("introspection works again") == 1
	}, 20*time.Second, 100*time.Millisecond)
	_, text = w.adminGet("/-/status")
	require.Contains(t, text, `"failing": false`)
}

func TestOnlyACallSaysWhetherTheEndpointWorks(t *testing.T) {
	a := newAskingWorld(t, ok)
	there := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("token") == "odd" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"unsupported_token_type"}`)
			return
		}
		answer := members{"active": true, "aud": audience, "scope": "orders:read"}
		if r.PostFormValue("token") == "bound" {
			answer["cnf"] = members{"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}
		}
		writeJSON(w, answer)
	})
	w := a.another(ok, members{"issuers": []any{a.section(nil, there, members{"ttl": "1h"})}})
	require.Equal(t, 503, w.get("/orders/7", "odd").StatusCode)
	require.Equal(t, 200, w.get("/orders/7", "good").StatusCode)
	require.Zero(t, w.logged("introspection failed"), "that an endpoint does not tell about a token is no outage")

	w.server.gateway.issuers[0].teller.health.failed(time.Now().Add(-time.Hour), "long ago")
	require.Equal(t, 200, w.get("/orders/7", "good").StatusCode)
	require.Zero(t, w.logged("introspection works again"), "that a token is remembered is no recovery")
	require.Equal(t, 200, w.get("/orders/7", "new").StatusCode)
	requireLogged(t, w, "introspection works again", 1)

	teller := w.server.gateway.issuers[0].teller
	teller.health.failed(time.Now().Add(-time.Hour), "long ago")
	malformed := func() (string, error) { return "", fmt.Errorf("%w: malformed", middleware.ErrRefused) }
	_, err := teller.Introspect(t.Context(), "bound", introspect.Proof{Method: "x5t#S256", Find: malformed})
	require.ErrorIs(t, err, middleware.ErrRefused)
	requireLogged(t, w, "introspection works again", 2)
}

// endpoint is an introspection endpoint of a test's own.
func endpoint(t *testing.T, answer func(http.ResponseWriter, *http.Request)) members {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(s.Close)
	return members{"endpoint": s.URL}
}

func TestEachWayToAuthenticate(t *testing.T) {
	a := newAskingWorld(t, ok)
	secret := a.newSecret()
	for _, tc := range []struct {
		auth, client string
		wellDone     func(r *http.Request) bool
	}{
		{"", "a b", func(r *http.Request) bool { u, p, _ := r.BasicAuth(); return u == "a+b" && p == secret }},
		{"client_secret_basic", "gateway", func(r *http.Request) bool { u, p, _ := r.BasicAuth(); return u == "gateway" && p == secret }},
		{"client_secret_post", "gateway", func(r *http.Request) bool {
			return r.PostFormValue("client_id") == "gateway" && r.PostFormValue("client_secret") == secret && r.Header.Get("Authorization") == ""
		}},
		{"bearer", "", func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+secret }},
	} {
		t.Run("by "+tc.auth, func(t *testing.T) {
			there := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				if !tc.wellDone(r) {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				writeJSON(w, members{"active": true, "aud": audience, "scope": "orders:read"})
			})
			w := a.another(ok, members{"issuers": []any{a.section(nil, there, members{"auth": tc.auth, "client_id": tc.client})}})
			require.Equal(t, 200, w.get("/orders/7", "any").StatusCode)
		})
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func TestSignedAnswersAreTakenWhenTheIssuerHasSignedThem(t *testing.T) {
	a, stranger := newAskingWorld(t, ok), localissuer.New("https://stranger.example.com")
	typ := members{"typ": "token-introspection+jwt"}
	answer := func(edits ...members) []byte {
		payload := members{
			"iss": a.issuer.URL(), "aud": gatewayClient, "iat": time.Now().Unix(),
			"token_introspection": members{"active": true, "aud": audience, "scope": "orders:read"},
		}
		for _, e := range edits {
			maps.Copy(payload, e)
		}
		text, err := json.Marshal(payload)
		require.NoError(t, err)
		return text
	}
	for _, tc := range []struct {
		name, answer string
		signed       bool
		status       int
	}{
		{"signed by the issuer", a.issuer.Sign("ES256", typ, answer()), true, 200},
		{"signed by somebody else", stranger.Sign("ES256", typ, answer()), true, 503},
		{"signed for another client", a.issuer.Sign("ES256", typ, answer(members{"aud": "another"})), true, 503},
		{"signed long ago", a.issuer.Sign("ES256", typ, answer(members{"iat": time.Now().Add(-10 * time.Minute).Unix()})), true, 503},
		{"an access token of the issuer", a.issuer.Sign("ES256", nil, answer()), true, 503},
		{"not signed, where that is demanded", `{"active":true,"aud":"orders-api","scope":"orders:read"}`, true, 503},
		{"not signed", `{"active":true,"aud":"orders-api","scope":"orders:read"}`, false, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			there := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/token-introspection+jwt")
				if strings.HasPrefix(tc.answer, "{") {
					w.Header().Set("Content-Type", "application/json")
				}
				_, _ = io.WriteString(w, tc.answer)
			})
			w := a.another(ok, members{"issuers": []any{a.section(nil, there, members{"signed": tc.signed})}})
			require.Equal(t, tc.status, w.get("/orders/7", "any").StatusCode)
		})
	}
}

func TestTheTimesOfIntrospectionHaveEffect(t *testing.T) {
	a := newAskingWorld(t, ok)
	var calls atomic.Int64
	there := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.PostFormValue("token") == "slow" {
			<-r.Context().Done()
		}
		writeJSON(w, members{"active": r.PostFormValue("token") == "good", "aud": audience, "scope": "orders:read"})
	})
	w := a.another(ok, members{"issuers": []any{a.section(nil, there, members{"ttl": "1h", "negative_ttl": "1ms", "timeout": "50ms"})}})
	for range 3 {
		require.Equal(t, 200, w.get("/orders/7", "good").StatusCode)
	}
	require.Equal(t, int64(1), calls.Load(), "ttl")
	for range 3 {
		require.Equal(t, 401, w.get("/orders/7", "bad").StatusCode)
		<-time.After(5 * time.Millisecond)
	}
	require.Equal(t, int64(4), calls.Load(), "negative_ttl")
	begun := time.Now()
	require.Equal(t, 503, w.get("/orders/7", "slow").StatusCode)
	require.Less(t, time.Since(begun), 4*time.Second, "timeout")
}
