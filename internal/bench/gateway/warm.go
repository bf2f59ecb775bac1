package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	warmers   = 32 // at once, as connections of wrk are
	warmTurns = 2  // how often each warm token is sent: new, and again
)

// visit sends one request, with a token unless that is empty, and returns the status.
func visit(ctx context.Context, client *http.Client, address, token string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it has been read
	if err == nil && res.StatusCode == http.StatusOK && string(body) != answer {
		err = errors.New("the answer is not the backend's")
	}
	return res.StatusCode, err
}

func newClient() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: warmers, DisableCompression: true}}
}

// prove makes sure that a process does what it is measured for: it lets a good token through, and without one or with a forged one
// nothing, if it checks at all.
func prove(ctx context.Context, address, token string, checks bool) error {
	client := newClient()
	defer client.CloseIdleConnections()
	refusal := http.StatusOK
	if checks {
		refusal = http.StatusUnauthorized
	}
	for _, row := range []struct {
		name, token string
		want        int
	}{{"a good token", token, http.StatusOK}, {"no token", "", refusal}, {"a forged token", forged(token), refusal}} {
		if got, err := visit(ctx, client, address, row.token); err != nil || got != row.want {
			return fmt.Errorf("%s: status %d, not %d: %w", row.name, got, row.want, errors.Join(err, errors.New("not measured")))
		}
	}
	return nil
}

// heat sends each of the tokens twice, by many connections, so that what is made once has been made before the measurement.
func heat(ctx context.Context, address string, tokens []string) error {
	client := newClient()
	defer client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	for w := range warmers {
		g.Go(func() error {
			for i := w; i < warmTurns*len(tokens); i += warmers {
				if got, err := visit(ctx, client, address, tokens[i%len(tokens)]); err != nil || got != http.StatusOK {
					return fmt.Errorf("warming up: status %d: %w", got, errors.Join(err, ctx.Err()))
				}
			}
			return nil
		})
	}
	return g.Wait()
}
