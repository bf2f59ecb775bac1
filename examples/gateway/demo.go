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
	"os"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

const (
	demoAudience = "orders-api"
	demoClient   = "shop"
	demoGateway  = "gateway" // as the issuer knows it
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

	secretFile, err := writeSecret(issuer.Register(demoGateway, ""))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(secretFile) }()
	text, err := demoConfig(listen, "http://"+address, issuer, secretFile)
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
	claims := map[string]any{"sub": demoClient, "client_id": demoClient}
	token, opaque := issuer.AccessToken(demoAudience, claims), issuer.OpaqueToken(demoAudience, claims)
	printDemo(out, ln.Addr().String(), issuer.URL(), token, opaque, secret, text)
	s := &server{gateway: g, log: log, drainFor: drainTimeout, restFor: restTimeout}
	return s.serveOn(ctx, ln, nil)
}

// writeSecret puts the gateway's own secret where its configuration can name it.
func writeSecret(secret string) (name string, err error) {
	f, err := os.CreateTemp("", "gateway-demo-secret-") // nobody else may read it
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(secret + "\n")
	return f.Name(), errors.Join(err, f.Close())
}

// demoConfig is written as a file would be, so that the demonstration is a configuration to copy.
func demoConfig(listen, upstream string, issuer *localissuer.Issuer, secretFile string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"listen":   listen,
		"upstream": upstream,
		"issuers": []any{map[string]any{
			"issuer": issuer.URL(), "audiences": []string{demoAudience}, "access_token_profile": true, "insecure_allow_http": true,
			"introspection": map[string]any{
				"endpoint": issuer.IntrospectionURL(), "client_id": demoGateway, "client_secret_file": secretFile,
			},
		}},
		"routes": []any{
			map[string]any{"pattern": "GET /orders/{id}", "all": []string{"orders:read"}},
			map[string]any{"pattern": "POST /orders/", "any": []string{"orders:write", "orders:admin"}},
			map[string]any{"pattern": "GET /reports/", "all": []string{"orders:read"}, "accept": []string{"opaque"}},
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

func printDemo(out io.Writer, address, issuer, token, opaque, secret string, config []byte) {
	_, _ = fmt.Fprintf(out, `This gateway admits tokens of %[2]s, made for this demonstration. Its configuration:

%[6]s

Try it (the tokens, a JWT and an opaque one, live five minutes):

TOKEN=%[3]s
OPAQUE=%[8]s

curl -i http://%[1]s/healthz                                      # public
curl -i http://%[1]s/orders/7                                     # 401: nothing presented
curl -i -H "Authorization: Bearer $TOKEN" http://%[1]s/orders/7   # 200: orders:read covers it
curl -i -H "Authorization: Bearer $TOKEN" -H "X-Identity-Subject: admin" http://%[1]s/orders/7   # 200: the forged header is gone
curl -i -X POST -H "Authorization: Bearer $TOKEN" http://%[1]s/orders/   # 403: orders:write is needed
curl -i -H "Authorization: Bearer $TOKEN" http://%[1]s/elsewhere  # 403: no route names it
curl -i -H "Authorization: Bearer $OPAQUE" http://%[1]s/orders/7  # 200: the issuer was asked about it
curl -i -H "Authorization: Bearer $OPAQUE" http://%[1]s/reports/  # 200: likewise
curl -i -H "Authorization: Bearer $TOKEN" http://%[1]s/reports/   # 401: this route takes opaque tokens only
curl -i -H "Authorization: Bearer nobody" http://%[1]s/orders/7   # 401: the issuer does not know it

A new token, from the issuer's token endpoint:

curl -s -u %[5]s:%[4]s -d grant_type=client_credentials -d resource=%[7]s %[2]s/token

`, address, issuer, token, secret, demoClient, config, demoAudience, opaque)
}
