package localissuer

import (
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	pathMetadata      = "/.well-known/openid-configuration"
	pathKeys          = "/jwks"
	pathToken         = "/token"
	pathIntrospection = "/introspect"
)

// ServeHTTP serves the metadata (OpenID Connect Discovery 1.0), the key set, the token endpoint and the introspection endpoint.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r.URL.Path]++
	down := i.down
	i.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	switch r.URL.Path {
	case pathMetadata:
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + pathKeys, "token_endpoint": i.url + pathToken, "introspection_endpoint": i.url + pathIntrospection,
			"grant_types_supported": []string{"client_credentials"}, "response_types_supported": []string{},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case pathKeys:
		i.serveKeys(w)
	case pathToken:
		i.serveToken(w, r)
	case pathIntrospection:
		i.serveIntrospection(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) serveKeys(w http.ResponseWriter) {
	i.mu.Lock()
	keys := []map[string]string{}
	for _, k := range i.published() {
		keys = append(keys, k.jwk())
	}
	i.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// serveToken answers the client credentials grant (RFC 6749 section 4.4) with the audience of the resource parameter (RFC 8707).
func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	id, c, ok := i.authenticate(r)
	if !ok {
		refuseClient(w)
		return
	}
	if r.PostFormValue("grant_type") != "client_credentials" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	wanted := r.PostFormValue("scope")
	if wanted == "" {
		wanted = c.scope
	}
	if !within(wanted, c.scope) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_scope"})
		return
	}
	audience := r.PostFormValue("resource")
	if audience == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_target"})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": i.AccessToken(audience, map[string]any{"sub": id, "client_id": id, "scope": wanted}),
		"token_type":   "Bearer", "expires_in": 300, "scope": wanted,
	})
}

// serveIntrospection tells a registered client about any token of the issuer (RFC 7662).
func (i *Issuer) serveIntrospection(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := i.authenticate(r); !ok {
		refuseClient(w)
		return
	}
	i.mu.Lock()
	claims, known := i.issued[r.PostFormValue("token")]
	i.mu.Unlock()
	answer := map[string]any{"active": false}
	if known && !expired(claims) {
		maps.Copy(answer, claims)
		answer["active"] = true
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, answer)
}

func expired(claims map[string]any) bool {
	var c struct {
		Exp *float64 `json:"exp"`
	}
	return json.Unmarshal(mustJSON(claims), &c) != nil || c.Exp != nil && *c.Exp <= float64(time.Now().Unix())
}

func refuseClient(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="localissuer"`)
	writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
}

// authenticate checks client_secret_basic, whose parts are form-encoded (RFC 6749 section 2.3.1).
func (i *Issuer) authenticate(r *http.Request) (string, client, bool) {
	user, pass, _ := r.BasicAuth()
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	i.mu.Lock()
	c, known := i.clients[id]
	i.mu.Unlock()
	same := subtle.ConstantTimeCompare([]byte(secret), []byte(c.secret)) == 1
	return id, c, err1 == nil && err2 == nil && known && same
}

func within(wanted, allowed string) bool {
	have := strings.Fields(allowed)
	return !slices.ContainsFunc(strings.Fields(wanted), func(s string) bool { return !slices.Contains(have, s) })
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
