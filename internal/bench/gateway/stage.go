package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

const (
	source = "../../examples/gateway" // from internal/bench, where `go run -C internal/bench ./gateway` runs
	path   = "/orders/7"
	answer = "ok"
	warmth = 500 // tokens of the warm-up, which are not those of the measurement
)

// A stage is what stays the same while the proxies come and go: an issuer, a backend, and the programs to run between them. It lives until
// close.
type stage struct {
	alg     string
	issuer  *upstream.Issuer
	warm    []string
	self    string // this program
	gateway string // the gateway's
	dir     string // temporary, with all files
	backend *process
}

func newStage(ctx context.Context, alg string) (*stage, error) {
	s := &stage{alg: alg}
	err := s.set(ctx)
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *stage) set(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "perimeter-bench-gateway-"); err != nil {
		return err
	}
	if s.self, err = os.Executable(); err != nil {
		return err
	}
	s.gateway = filepath.Join(s.dir, "gateway")
	build := exec.CommandContext(ctx, "go", "build", "-C", source, "-o", s.gateway, ".") //nolint:gosec // into a directory of our own
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("go build of %s: %w: %s", source, err, out), ctx.Err())
	}
	if s.issuer, err = upstream.Start(ctx, 0); err != nil {
		return err
	}
	if s.warm, err = mint(ctx, s.issuer, s.alg, warmth); err != nil {
		return err
	}
	s.backend, err = start(ctx, s.self, "role", "upstream")
	return err
}

// A setting changes the configuration of a gateway.
type setting func(config map[string]any)

// configure writes what makes the gateway do its whole duty, keys by a key set, a scope, and headers that say who calls, but for what the settings
// change.
func (s *stage) configure(settings []setting) (file string, err error) {
	config := map[string]any{
		"listen": "127.0.0.1:0", "upstream": "http://" + s.backend.address,
		"issuers": []any{map[string]any{
			"issuer": s.issuer.URL(), "jwks_url": s.issuer.KeySetURL(), "audiences": []string{upstream.Audience},
			"access_token_profile": true, "insecure_allow_http": true,
		}},
		"routes":           []any{map[string]any{"pattern": "GET /orders/{id}", "all": []string{upstream.Scope}}},
		"identity_headers": map[string]any{},
	}
	for _, set := range settings {
		set(config)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	file = filepath.Join(s.dir, "gateway.json")
	return file, os.WriteFile(file, text, 0o600)
}

// close ends the backend and removes the files.
func (s *stage) close() {
	if s.backend != nil {
		s.backend.stop()
	}
	_ = os.RemoveAll(s.dir) // of a temporary directory
}

// A starter starts what is measured.
type starter func(*stage, context.Context) (*process, error)

// proxies starts a proxy of that name that checks nothing.
func proxies(name string) starter {
	return func(s *stage, ctx context.Context) (*process, error) {
		return start(ctx, s.self, "role", name, "http://"+s.backend.address)
	}
}

// checks starts a proxy of that name behind the least check.
func checks(name string) starter {
	return func(s *stage, ctx context.Context) (*process, error) {
		keys, err := s.issuer.PublicKeys(ctx, "", s.alg)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(keys[0])
		if err != nil {
			return nil, err
		}
		return start(ctx, s.self, "role", name, "http://"+s.backend.address, s.issuer.URL(), base64.StdEncoding.EncodeToString(der))
	}
}

func (s *stage) startGateway(ctx context.Context) (*process, error) { return s.startGatewayWith(ctx) }

func (s *stage) startGatewayWith(ctx context.Context, settings ...setting) (*process, error) {
	file, err := s.configure(settings)
	if err != nil {
		return nil, err
	}
	return start(ctx, s.gateway, "-config", file)
}
