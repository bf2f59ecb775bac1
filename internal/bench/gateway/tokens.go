package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

// outlasting is an expiry that no run lives to see.
var outlasting = map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}

// mint makes n tokens, on all processors: a signature by RSA takes about a millisecond.
func mint(ctx context.Context, issuer *upstream.Issuer, alg string, n int) ([]string, error) {
	tokens := make([]string, n)
	var wg sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				tokens[i] = issuer.Token(alg, outlasting)
			}
		})
	}
	wg.Wait()
	return tokens, ctx.Err()
}

// write puts tokens where wrk can read them.
func write(dir, name string, tokens []string) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(strings.Join(tokens, "\n")+"\n"), 0o600)
}

// forged is a token whose signature is another one.
func forged(token string) string {
	at := strings.LastIndexByte(token, '.') + 5
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}
