package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
	"github.com/perimeter-go/perimeter/token"
)

// sample is how many of the remembered tokens are looked up: enough that neither they nor what is known of them stays in the
// processor's caches.
const sample = 16 << 10

// manyTokens fills a cache and looks up tokens spread over it, at each power of ten on the way.
func manyTokens(ctx context.Context, s size) (table, error) {
	sizes := powers(1_000_000, s)
	last := sizes[len(sizes)-1]
	cache, err1 := token.NewCache(last+last/4+1000, 8<<30)
	keys, err2 := localKeys()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	v, err := token.NewVerifier(keys, token.AccessTokenPolicy(local().URL(), upstream.Audience), &token.Options{Cache: cache})
	if err != nil {
		return nil, err
	}
	var hits, floors []cost
	kept := make([]string, 0, sample)
	before := heap()
	for have, i := 0, 0; i < len(sizes); i++ {
		// What is looked up is spread over what is remembered: half of the sample is from the last step, which is nine tenths of it.
		kept = kept[:min(len(kept), sample/2)]
		more, err := fill(ctx, v, sizes[i]-have, min(sizes[i]-have, sample-len(kept)))
		if err != nil {
			return nil, err
		}
		kept, have = append(kept, more...), sizes[i]
		if n, _ := cache.Size(); n != have {
			return nil, fmt.Errorf("bench: of %d tokens %d are remembered", have, n)
		}
		c, err := measure([]target{verifying(ctx, v, kept), hashingAll(kept)}, s)
		if err != nil {
			return nil, err
		}
		hits, floors = append(hits, c[0]), append(floors, c[1])
	}
	each := (heap() - before) / float64(last)
	runtime.KeepAlive(cache)
	what := "tokens remembered"
	if last >= 10_000 { // with fewer, the heap says nothing of them
		what += fmt.Sprintf(", %.0f bytes of heap each", each)
	}
	row, net := grown(what, "token", sizes, hits), make([]float64, len(sizes))
	for i := range sizes {
		net[i] = hits[i].ns / floors[i].ns * floors[0].ns
	}
	row[len(row)-1] = verdict("token", sizes, net)
	return table{row, grown("the same tokens, SHA-256 alone", "token", sizes, floors)}, nil
}

// hashingAll goes round the tokens.
func hashingAll(tokens []string) target {
	texts := make([][]byte, len(tokens))
	for i, raw := range tokens {
		texts[i] = []byte(raw)
	}
	return target{"", func(n int) error {
		for i := range n {
			if err := must(sha256.Sum256(texts[i%len(texts)]) != [sha256.Size]byte{}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// fill verifies n new tokens, as fast as the machine can, and returns so many of them, evenly spread.
func fill(ctx context.Context, v *token.Verifier, n, keep int) ([]string, error) {
	kept, stride := make([]string, keep), max(1, n/max(1, keep))
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				raw := local().Token("EdDSA")
				if _, err := v.Verify(ctx, raw); err != nil {
					failed.Store(&err)
				}
				if i%stride == 0 && i/stride < keep {
					kept[i/stride] = raw
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return kept, ctx.Err()
}

// heap is what is reachable.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
