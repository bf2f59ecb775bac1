package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

func TestTheLeastCheckIsOne(t *testing.T) {
	issuer, err := upstream.Start(t.Context(), 0)
	require.NoError(t, err)
	for _, alg := range []string{"RS256", "ES256"} {
		keys, err := issuer.PublicKeys(t.Context(), issuer.KeyID(alg), alg)
		require.NoError(t, err)
		passed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		check := least{key: keys[0], issuer: issuer.URL(), next: passed}
		good := issuer.Token(alg)
		for _, tc := range []struct {
			name, authorization string
			want                int
		}{
			{"a good token", "Bearer " + good, http.StatusNoContent},
			{"no token", "", http.StatusUnauthorized},
			{"an empty one", "Bearer ", http.StatusUnauthorized},
			{"no dots", "Bearer token", http.StatusUnauthorized},
			{"another signature", "Bearer " + forged(good), http.StatusUnauthorized},
			{"another issuer", "Bearer " + issuer.Token(alg, map[string]any{"iss": "https://other.example"}), http.StatusUnauthorized},
			{"expired", "Bearer " + issuer.Token(alg, map[string]any{"exp": time.Now().Add(-time.Second).Unix()}), http.StatusUnauthorized},
		} {
			t.Run(alg+", "+tc.name, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Authorization", tc.authorization)
				w := httptest.NewRecorder()
				check.ServeHTTP(w, r)
				require.Equal(t, tc.want, w.Code)
			})
		}
	}
}
