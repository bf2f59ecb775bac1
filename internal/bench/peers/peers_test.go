package peers_test

import (
	"context"
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

var algorithms = []string{"RS256", "ES256", "EdDSA"}

func start(t *testing.T) *upstream.Issuer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	i, err := upstream.Start(ctx, 0)
	require.NoError(t, err)
	for _, alg := range algorithms {
		i.KeyID(alg) // makes the key
	}
	return i
}

func instance(t *testing.T, p peers.Peer, i *upstream.Issuer, alg string) peers.Instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	keys, err := i.PublicKeys(t.Context(), i.KeyID(alg), alg)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	in, err := p.New(ctx, facts(i, alg, keys[0]))
	require.NoError(t, err)
	return in
}

func facts(i *upstream.Issuer, alg string, key crypto.PublicKey) peers.Facts {
	return peers.Facts{
		Issuer: i.URL(), KeySetURL: i.KeySetURL(), Audience: upstream.Audience, Scope: upstream.Scope, Algorithm: alg, Key: key,
		Refresh: 5 * time.Minute, MinInterval: 15 * time.Second, Timeout: 5 * time.Second,
	}
}

// forged is raw with another subject under the old signature.
func forged(t *testing.T, i *upstream.Issuer, alg string) string {
	t.Helper()
	good, other := strings.Split(i.Token(alg), "."), strings.Split(i.Token(alg, map[string]any{"sub": "mallory"}), ".")
	return strings.Join([]string{good[0], other[1], good[2]}, ".")
}

// unsigned is a token of alg none.
func unsigned(t *testing.T, i *upstream.Issuer, alg string) string {
	t.Helper()
	raw := i.Sign(alg, map[string]any{"alg": "none"}, payload(t, i, alg))
	return raw[:strings.LastIndexByte(raw, '.')+1]
}

func payload(t *testing.T, i *upstream.Issuer, alg string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"iss": i.URL(), "aud": upstream.Audience, "sub": "alice", "client_id": "shop", "scope": upstream.Scope, "jti": alg,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	require.NoError(t, err)
	return b
}

func TestEveryPeerReallyChecks(t *testing.T) {
	i, other := start(t), start(t)
	long := time.Now().Add(-time.Hour).Unix()
	for _, p := range peers.All() {
		for _, alg := range algorithms {
			in := instance(t, p, i, alg)
			t.Run(p.Name+"/"+alg, func(t *testing.T) {
				got, err := in.Verify(t.Context(), i.Token(alg))
				require.NoError(t, err)
				require.Equal(t, []string{"alice", "shop"}, []string{got.Subject, got.ClientID})
				require.Contains(t, got.Scope, upstream.Scope)
				for name, raw := range map[string]string{
					"expired":                    i.Token(alg, map[string]any{"exp": long}),
					"for another audience":       i.Token(alg, map[string]any{"aud": "billing-api"}),
					"of another issuer":          i.Token(alg, map[string]any{"iss": other.URL()}),
					"signed by a stranger's key": other.Sign(alg, map[string]any{"kid": i.KeyID(alg)}, payload(t, i, alg)),
					"with another subject":       forged(t, i, alg),
					"without a signature":        unsigned(t, i, alg),
					"that is no token":           "garbage",
				} {
					_, err := in.Verify(t.Context(), raw)
					require.Error(t, err, "takes a token %s", name)
				}
			})
		}
	}
}

func TestEveryPeerHasAMiddlewareThatChecks(t *testing.T) {
	i := start(t)
	for _, p := range peers.All() {
		in := instance(t, p, i, "ES256")
		served := 0
		h := in.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		for _, tc := range []struct {
			name, authorization string
			status              int
		}{
			{"a good token", "Bearer " + i.Token("ES256"), http.StatusOK},
			{"a forged token", "Bearer " + forged(t, i, "ES256"), http.StatusUnauthorized},
			{"a token without the scope", "Bearer " + i.Token("ES256", map[string]any{"scope": "orders:write"}), http.StatusForbidden},
		} {
			t.Run(p.Name+"/"+tc.name, func(t *testing.T) {
				served = 0
				r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
				r.Header.Set("Authorization", tc.authorization)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				require.Equal(t, tc.status, w.Code)
				require.Equal(t, tc.status == http.StatusOK, served == 1)
			})
		}
		t.Run(p.Name+"/no token", func(t *testing.T) {
			served = 0
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/7", nil))
			require.GreaterOrEqual(t, w.Code, 400)
			require.Zero(t, served)
		})
	}
}
