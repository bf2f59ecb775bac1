package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
)

// none stands where a library has nothing to measure.
const none = "n/a"

// summary is everything about the peers in one table.
func summary(by map[string]cost, fates []*fate, s size) string {
	of := map[string]*fate{}
	for _, f := range fates {
		of[f.peer.Name] = f
	}
	rows := table{{
		"library", "RS256", "ES256", "EdDSA", "allocs", "seen before", "middleware", "allocs", "fetches in a flood", "new key", "amid the flood", "issuer away", "key withdrawn",
	}}
	for _, p := range peers.All() {
		rows = append(rows, append(costCells(p, by), fateCells(of[p.Name])...))
	}
	return section("In one table", fmt.Sprintf("RS256, ES256, EdDSA: a verification, as a multiple of the bare check by crypto/*; allocations of the ES256 one. Seen before: the same token again, as a "+
		"multiple of its SHA-256. Middleware: a whole request with a token seen before, beyond passing a context. Then what %s of unknown key ids cost the issuer, when a rotated key is accepted in "+
		"calm and amid them, how many requests with good tokens were refused while the issuer was away, and when a withdrawn key is refused, with keys refreshed each second. n/a: the library leaves that to others, or knows one fixed key.",
		s.flood), rows)
}

func costCells(p peers.Peer, by map[string]cost) []string {
	row := []string{p.Name}
	for _, alg := range algorithms {
		row = append(row, relative(by, coldName(p.Name, alg), coldName("crypto/*", alg)))
	}
	allocs := none
	if c, ok := by[coldName(p.Name, "ES256")]; ok {
		allocs = count(c.allocs)
	}
	mw := by[chainName(p.Name)]
	return append(row, allocs, relative(by, seenName(p.Name), floorHash), nanos(mw.ns-by[floorPass].ns), count(mw.allocs))
}

func relative(by map[string]cost, name, floor string) string {
	c, ok := by[name]
	if !ok {
		return none
	}
	return ratio(c.ns, by[floor].ns)
}

func fateCells(f *fate) []string {
	if f == nil {
		return []string{none, none, none, none, none}
	}
	asked := f.outage.dropped.asked + f.outage.hung.asked
	refused := f.outage.dropped.refused + f.outage.hung.refused
	away := fmt.Sprintf("%d of %d", refused, asked)
	if slowest := max(f.outage.dropped.slowest, f.outage.hung.slowest); slowest > 300*time.Millisecond {
		away += fmt.Sprintf(", up to %d ms", slowest.Milliseconds())
	}
	return []string{strconv.Itoa(f.flood.fetches), f.calm.String(), f.flood.found.String(), away, f.withdrawn.String()}
}
