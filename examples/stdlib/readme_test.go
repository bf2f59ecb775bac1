package main

// What the README shows, compiled and run.

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

func protect(router http.Handler) (http.Handler, error) {
	keys, err1 := jwks.NewFromIssuer("https://id.example.com", nil)
	verifier, err2 := token.NewVerifier(keys, token.AccessTokenPolicy("https://id.example.com", "orders-api"), nil)
	guard, err3 := middleware.New(middleware.JWT(verifier), nil)
	routes, err4 := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /healthz", Public: true},
		middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")},
		middleware.Rule{Pattern: "DELETE /orders/{id}", Scope: scope.Any("orders:write", "orders:admin")},
	)
	return guard.Routes(routes)(router), errors.Join(err1, err2, err3, err4)
}

func TestTheJobInTenLines(t *testing.T) {
	service, err := protect(newRouter())
	require.NoError(t, err)
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/orders/7": http.StatusUnauthorized, "/admin": http.StatusForbidden} {
		w := httptest.NewRecorder()
		service.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, w.Code, path)
	}
}

func lookUp(ctx context.Context, issuer string, opts *jwks.Options, kid string) ([]crypto.PublicKey, error) {
	keys, err := jwks.NewFromIssuer(issuer, opts) // once, at start: what you keep is the cache
	if err != nil {
		return nil, err
	}
	return keys.PublicKeys(ctx, kid, "ES256") // for each token; empty: no such key; an error: could not tell
}

func TestOnlyTheKeys(t *testing.T) {
	issuer, err := localissuer.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, issuer.Close()) })
	found, err := lookUp(t.Context(), issuer.URL(), &jwks.Options{InsecureAllowHTTP: true}, issuer.KeyID("ES256"))
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func work(ctx context.Context, verifier *token.Verifier, raw string) string {
	claims, err := verifier.Verify(ctx, raw)
	switch {
	case errors.Is(err, token.ErrRefused):
		return "refused: " + string(token.ReasonOf(err)) // stable words for metrics: expired, audience, signature
	case err != nil:
		return "undecided" // the keys could not be had: keep the job and try again
	}
	return "for " + claims.Subject()
}

func TestOnlyTheVerifier(t *testing.T) {
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	require.NoError(t, err)
	require.Equal(t, "for client-1", work(t.Context(), verifier, issuer.AccessToken("orders-api")))
	require.Equal(t, "refused: audience", work(t.Context(), verifier, issuer.AccessToken("another-api")))
	old := issuer.AccessToken("orders-api")
	issuer.SetDown(true)
	require.Equal(t, "undecided", work(t.Context(), verifier, old))
}

func Example_onlyTheScopes() {
	needed := scope.AllOf(scope.All("orders:read"), scope.Any("region:eu", "region:us"))
	fmt.Println(needed.SatisfiedBy(scope.Granted("openid orders:read region:us")))
	// Output: true
}
