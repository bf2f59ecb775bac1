package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

var algorithms = []string{"RS256", "ES256", "EdDSA"}

// apart is how many tokens a verification goes round, so that none is always the last one seen.
const apart = 64

// bench is the issuer, its tokens, and the peers configured for one algorithm each.
type bench struct {
	issuer    *upstream.Issuer
	tokens    map[string][]string
	instances map[string][]peers.Instance // by algorithm, in the order of peers.All
}

func newBench(ctx context.Context) (*bench, error) {
	issuer, err := upstream.Start(ctx, 0)
	if err != nil {
		return nil, err
	}
	b := &bench{issuer, map[string][]string{}, map[string][]peers.Instance{}}
	for _, alg := range algorithms {
		for range apart {
			b.tokens[alg] = append(b.tokens[alg], issuer.Token(alg))
		}
	}
	for _, alg := range algorithms {
		for _, p := range peers.All() {
			in, err := newInstance(ctx, p, issuer, alg, patient)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			b.instances[alg] = append(b.instances[alg], in)
		}
	}
	return b, nil
}

// pace is how often a peer may fetch keys.
type pace struct{ refresh, minInterval, timeout time.Duration }

// patient is what services use, and what Perimeter's defaults are.
var patient = pace{5 * time.Minute, 15 * time.Second, 5 * time.Second}

func newInstance(ctx context.Context, p peers.Peer, issuer *upstream.Issuer, alg string, at pace) (peers.Instance, error) {
	keys, err := issuer.PublicKeys(ctx, issuer.KeyID(alg), alg)
	if err != nil {
		return peers.Instance{}, err
	}
	return p.New(ctx, peers.Facts{
		Issuer: issuer.URL(), KeySetURL: issuer.KeySetURL(), Audience: upstream.Audience, Scope: upstream.Scope,
		Algorithm: alg, Key: keys[0], Refresh: at.refresh, MinInterval: at.minInterval, Timeout: at.timeout,
	})
}

// costs are what one request costs, by the names of the targets.
func costs(ctx context.Context, s size) (map[string]cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := newBench(ctx)
	if err != nil {
		return nil, err
	}
	var targets []target
	for _, group := range []func(context.Context) ([]target, error){b.cold, b.seen, b.middlewares} {
		more, err := group(ctx)
		if err != nil {
			return nil, err
		}
		targets = append(targets, more...)
	}
	measured, err := measure(targets, s)
	if err != nil {
		return nil, err
	}
	by := map[string]cost{}
	for i, t := range targets {
		by[t.name] = measured[i]
	}
	return by, nil
}

// The floors that are measured beside.
const (
	floorHash = "SHA-256 of the token"
	floorBare = "bare handler"
	floorPass = "passing a context value"
)

func coldName(peer, alg string) string { return "cold " + peer + " " + alg }
func seenName(peer string) string      { return "seen " + peer }
func chainName(peer string) string     { return "middleware " + peer }

// verifying goes round the tokens.
func (b *bench) verifying(ctx context.Context, name, alg string, verify peers.Verify, tokens []string) target {
	return target{name, func(n int) error {
		for i := range n {
			if _, err := verify(ctx, tokens[i%len(tokens)]); err != nil {
				return fmt.Errorf("%s, %s: %w", name, alg, err)
			}
		}
		return nil
	}}
}

// cold is every verification anew.
func (b *bench) cold(ctx context.Context) (targets []target, err error) {
	for _, alg := range algorithms {
		keys, err := b.issuer.PublicKeys(ctx, b.issuer.KeyID(alg), alg)
		if err != nil {
			return nil, err
		}
		check, err := bareChecks(alg, b.tokens[alg], keys[0])
		if err != nil {
			return nil, err
		}
		targets = append(targets, target{coldName("crypto/*", alg), check})
		for i, p := range peers.All() {
			if !p.Wraps && !p.Remembers {
				targets = append(targets, b.verifying(ctx, coldName(p.Name, alg), alg, b.instances[alg][i].Verify, b.tokens[alg]))
			}
		}
	}
	return targets, nil
}

// seen is the same token again, ES256.
func (b *bench) seen(ctx context.Context) ([]target, error) {
	targets := []target{hashing(b.tokens["ES256"][0])}
	for i, p := range peers.All() {
		if !p.Wraps || p.Remembers {
			targets = append(targets, b.verifying(ctx, seenName(p.Name), "ES256", b.instances["ES256"][i].Verify, b.tokens["ES256"][:1]))
		}
	}
	return targets, nil
}

var errNotServed = errors.New("bench: a request with a good token did not reach the handler")

// middlewares is a whole request, ES256, the same token again.
func (b *bench) middlewares(context.Context) ([]target, error) {
	r, err := bearing(b.tokens["ES256"][0])
	if err != nil {
		return nil, err
	}
	targets := []target{
		serving(floorBare, r, func(next http.Handler) http.Handler { return next }),
		serving(floorPass, r, passing),
	}
	for i, p := range peers.All() {
		targets = append(targets, serving(chainName(p.Name), r, b.instances["ES256"][i].Middleware))
	}
	return targets, nil
}

func serving(name string, r *http.Request, wrap func(http.Handler) http.Handler) target {
	served := 0
	h := wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	w := deaf{http.Header{}}
	return target{name, func(n int) error {
		served = 0
		for range n {
			h.ServeHTTP(w, r)
		}
		if served != n {
			return fmt.Errorf("%s: %w", name, errNotServed)
		}
		return nil
	}}
}

func coldTable(by map[string]cost) string {
	head, floor := []string{"verification, every one anew"}, []string{"crypto/* alone"}
	for _, alg := range algorithms {
		f := by[coldName("crypto/*", alg)]
		head = append(head, alg, "allocs")
		floor = append(floor, "1 = "+nanos(f.ns), count(f.allocs))
	}
	rows := table{head, floor}
	for _, p := range peers.All() {
		if p.Wraps || p.Remembers {
			continue
		}
		row := []string{p.Name}
		for _, alg := range algorithms {
			c := by[coldName(p.Name, alg)]
			row = append(row, ratio(c.ns, by[coldName("crypto/*", alg)].ns), count(c.allocs))
		}
		rows = append(rows, row)
	}
	return section("Cold", "Time as a multiple of the bare signature check by the standard library, key and digest included; the same 64 tokens with the 13 claims that "+
		"one of RFC 9068 commonly has. Allocations are all there are, those of the check included.", rows)
}

func seenTable(by map[string]cost) string {
	floor := by[floorHash]
	rows := table{
		{"the same token again", "× SHA-256", "time", "allocs", ""},
		{floorHash, "1", nanos(floor.ns), count(floor.allocs), ""},
	}
	for _, p := range peers.All() {
		if p.Wraps && !p.Remembers {
			continue
		}
		note := "remembers nothing"
		if p.Remembers {
			note = "remembers it"
		}
		c := by[seenName(p.Name)]
		rows = append(rows, []string{p.Name, ratio(c.ns, floor.ns), nanos(c.ns), count(c.allocs), note})
	}
	return section("Seen before", "A token that was verified before, ES256, beside the least that finding it by its whole text costs.", rows)
}

func middlewareTable(by map[string]cost) string {
	bare, pass := by[floorBare], by[floorPass]
	rows := table{
		{"a whole request", "× bare handler", "beyond passing a context", "allocs"},
		{floorBare, "1 = " + nanos(bare.ns), "", count(bare.allocs)},
		{floorPass, ratio(pass.ns, bare.ns), "0", count(pass.allocs)},
	}
	for _, p := range peers.All() {
		c := by[chainName(p.Name)]
		rows = append(rows, []string{p.Name, count(c.ns / bare.ns), nanos(c.ns - pass.ns), count(c.allocs)})
	}
	return section("Middleware", "Header to handler, scope checked, identity in the context; ES256, the same token again, so that who remembers may. "+
		"Perimeter's is a table of three routes.", rows)
}
