package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

const (
	demoAudience = "orders-api"
	demoClient   = "shop"
)

// serveDemo serves the gateway in front of a backend of its own and trusts an issuer of its own. Everything is on loopback
// and gone with the process.
func serveDemo(ctx context.Context, listen string, out io.Writer, log *slog.Logger) error {
	issuer, err := localissuer.Start()
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	backend, address, err := startBackend()
	if err != nil {
		return err
	}
	defer func() { _ = backend.Close() }()

	text, err := demoConfig(listen, "http://"+address, issuer.URL())
	if err != nil {
		return err
	}
	c, err := parseConfig(text)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	g, err := build(c, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { _ = g.close() }() // nothing is lost with it
	secret := issuer.Register(demoClient, "orders:read orders:write")
	token := issuer.AccessToken(demoAudience, map[string]any{"sub": demoClient, "client_id": demoClient})
	printDemo(out, ln.Addr().String(), issuer.URL(), token, secret, text)
	s := &server{gateway: g, log: log, drainFor: drainTimeout, restFor: restTimeout}
	return s.serveOn(ctx, ln, nil)
}

// demoConfig is written as a file would be, so that the demonstration is a configuration to copy.
func demoConfig(listen, upstream, issuer string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"listen":   listen,
		"upstream": upstream,
		"issuers": []any{map[string]any{
			"issuer": issuer, "audiences": []string{demoAudience}, "access_token_profile": true, "insecure_allow_http": true,
		}},
		"routes": []any{
			map[string]any{"pattern": "GET /orders/{id}", "all": []string{"orders:read"}},
			map[string]any{"pattern": "POST /orders/", "any": []string{"orders:write", "orders:admin"}},
			map[string]any{"pattern": "GET /healthz", "public": true},
		},
		"identity_headers": map[string]any{},
	}, "", "  ")
}

// startBackend serves what a backend behind the gateway gets to see.
func startBackend() (*http.Server, string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &http.Server{Handler: http.HandlerFunc(showRequest), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(ln) }() // ends with Close
	return s, ln.Addr().String(), nil
}

func showRequest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "the backend got %s %s\n", r.Method, r.RequestURI)         //nolint:gosec // it is text, not HTML
	_ = r.Header.WriteSubset(w, map[string]bool{"Accept": true, "User-Agent": true}) // the client may have left
}

func printDemo(out io.Writer, address, issuer, token, secret string, config []byte) {
	_, _ = fmt.Fprintf(out, `This gateway admits tokens of %[2]s, made for this demonstration. Its configuration:

%[6]s

Try it (the token lives five minutes):

TOKEN=%[3]s

curl -i http://%[1]s/healthz                                      # public
curl -i http://%[1]s/orders/7                                     # 401: nothing presented
curl -i -H "Authorization: Bearer $TOKEN" http://%[1]s/orders/7   # 200: orders:read covers it
curl -i -H "Authorization: Bearer $TOKEN" -H "X-Identity-Subject: admin" http://%[1]s/orders/7   # 200: the forged header is gone
curl -i -X POST -H "Authorization: Bearer $TOKEN" http://%[1]s/orders/   # 403: orders:write is needed
curl -i -H "Authorization: Bearer $TOKEN" http://%[1]s/elsewhere  # 403: no route names it

A new token, from the issuer's token endpoint:

curl -s -u %[5]s:%[4]s -d grant_type=client_credentials -d resource=%[7]s %[2]s/token

`, address, issuer, token, secret, demoClient, config, demoAudience)
}
