package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

func TestNoEndpointIsUnprotected(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	require.Empty(t, routes.Uncovered(slices.Sorted(maps.Keys(endpoints))...))
}

func TestAForgottenEndpointIsReported(t *testing.T) {
	routes, err := newRoutes()
	require.NoError(t, err)
	require.Equal(t, []string{"GET /export", "/orders/{id}"}, routes.Uncovered("GET /export", "GET /me", "/orders/{id}"), "the last is for all methods")
}

func TestTheProgramServesWhatItPrints(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, w, "127.0.0.1:0"); w.Close() }()

	printed := make([]string, 6)
	for i, lines := 0, bufio.NewScanner(r); i < len(printed); i++ {
		require.True(t, lines.Scan())
		printed[i] = lines.Text()
	}
	bearer, ok := strings.CutPrefix(printed[0], "export TOKEN=")
	require.True(t, ok)
	for i, want := range []string{
		"GET /healthz 200 up", "GET /me 200 client-1 of", "GET /orders/7 200 order \"7\" for client-1", "DELETE /orders/7 403 Forbidden", "GET /nowhere 403 Forbidden",
	} {
		require.Contains(t, curl(t, printed[i+1], bearer), want)
	}
	stop()
	require.NoError(t, <-done)
}

// curl does what a printed line says.
func curl(t *testing.T, line, bearer string) string {
	t.Helper()
	_, rest, ok := strings.Cut(line, " http://")
	require.True(t, ok, line)
	address, option, _ := strings.Cut(rest, " ")
	method := http.MethodGet
	if m, ok := strings.CutPrefix(option, "-X "); ok {
		method = m
	}
	r, err := http.NewRequest(method, "http://"+address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return fmt.Sprintf("%s %s %d %s", method, r.URL.Path, res.StatusCode, body)
}

func TestARunThatCannotStartSaysSo(t *testing.T) {
	require.Error(t, run(t.Context(), io.Discard, "nowhere"))
}

func TestEveryMistakeInTheConfigurationIsAnError(t *testing.T) {
	for _, issuer := range []string{"", "http://id.example.com", "https://id.example.com/?x"} {
		_, err := newService(issuer, nil)
		require.Error(t, err, issuer)
	}
	_, err := newService("https://id.example.com", &jwks.Options{MaxAge: -1})
	require.Error(t, err)
}

// Without a table, single handlers are wrapped: Handler asks for somebody, Scope for what was granted.
func Example_singleHandlers() {
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), audience), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := middleware.New(middleware.JWT(verifier), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /me", guard.Handler(http.HandlerFunc(showCaller)))
	mux.Handle("GET /orders/{id}", guard.Scope("orders:read")(http.HandlerFunc(showOrder)))
	mux.Handle("DELETE /orders/{id}", guard.Scope("orders:write")(http.HandlerFunc(deleteOrder)))

	try := func(method, path, authorization string) {
		r := httptest.NewRequest(method, path, nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		answer := strings.TrimSpace(w.Body.String()) + " " + w.Header().Get("WWW-Authenticate")
		fmt.Println(method, path, w.Code, strings.TrimSpace(answer))
	}
	good := "Bearer " + issuer.AccessToken(audience)
	try("GET", "/me", good)
	try("GET", "/orders/7", good)
	try("GET", "/orders/7", "")
	try("DELETE", "/orders/7", good)
	try("GET", "/me", "Bearer "+issuer.AccessToken("another-api"))
	// Output:
	// GET /me 200 client-1 of https://id.example.com may orders:read
	// GET /orders/7 200 order "7" for client-1
	// GET /orders/7 401 Unauthorized Bearer
	// DELETE /orders/7 403 Forbidden Bearer error="insufficient_scope", scope="orders:write"
	// GET /me 401 Unauthorized Bearer error="invalid_token"
}
