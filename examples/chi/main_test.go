package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

func TestTheProgramServesWhatItPrints(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, w, "127.0.0.1:0"); w.Close() }()

	printed := make([]string, 7)
	for i, lines := 0, bufio.NewScanner(r); i < len(printed); i++ {
		require.True(t, lines.Scan())
		printed[i] = lines.Text()
	}
	bearer, ok := strings.CutPrefix(printed[0], "export TOKEN=")
	require.True(t, ok)
	for i, want := range []string{
		"GET /healthz 200 up", "GET /me 200 client-1 of", "GET /orders/7 200 an order for client-1", "DELETE /orders/7 403 Forbidden",
		"GET /admin/users 403 Forbidden", "GET /nowhere 403 Forbidden",
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
