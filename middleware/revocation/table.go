package revocation

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// A table is what one source said when it was read last. It does not change.
type table struct {
	cuts map[key]cut
	has  [kinds]bool
}

// newTable compiles entries; a mistake in one of them makes all of them useless, since whoever wrote it meant somebody.
func newTable(entries []Entry) (*table, error) {
	t := &table{cuts: make(map[key]cut, len(entries))}
	issuers := map[string]string{}
	for i := range entries {
		k, c, err := entries[i].compile()
		if err != nil {
			return nil, fmt.Errorf("revocation: entry %d: %w", i+1, err)
		}
		if one, known := issuers[k.issuer]; known {
			k.issuer = one // a million entries share one name
		} else {
			issuers[k.issuer] = k.issuer
		}
		t.put(k, c)
	}
	return t, nil
}

func (t *table) put(k key, c cut) {
	if known, twice := t.cuts[k]; twice {
		c = known.or(c)
	}
	t.cuts[k] = c
	t.has[k.kind] = true
}

const shards = 4096 // of a million entries, an addition copies some 250

// A pushed set is what was added one by one. Readers see an immutable snapshot of each shard; an addition copies one of them.
type pushed struct {
	seed   maphash.Seed
	shards [shards]atomic.Pointer[map[key]cut]
	has    [kinds]atomic.Bool

	mu      sync.Mutex // of whoever adds
	count   int
	issuers map[string]string // a million entries share one name
}

func (p *pushed) shardOf(k key) int { return int(maphash.String(p.seed, k.value) % shards) }

func (p *pushed) find(k key) (cut, bool) {
	if !p.has[k.kind].Load() {
		return cut{}, false
	}
	m := p.shards[p.shardOf(k)].Load()
	if m == nil {
		return cut{}, false
	}
	c, found := (*m)[k]
	return c, found
}

// add takes all of them or none.
func (p *pushed) add(keys []key, cuts []cut, now int64, limit int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, count := p.with(keys, cuts, now)
	if count > limit {
		p.sweep(now)
		changed, count = p.with(keys, cuts, now)
	}
	if count > limit {
		return errFull
	}
	p.store(changed, count)
	for _, k := range keys {
		p.has[k.kind].Store(true)
	}
	return nil
}

// with is the shards that change when these come in, and how many entries there are then. What no longer holds is dropped from
// them.
func (p *pushed) with(keys []key, cuts []cut, now int64) (changed map[int]map[key]cut, count int) {
	changed, count = map[int]map[key]cut{}, p.count
	for i, k := range keys {
		n := p.shardOf(k)
		m := changed[n]
		if m == nil {
			m = p.alive(n, now)
			count += len(m) - p.lenOf(n)
			changed[n] = m
		}
		c := cuts[i]
		known, twice := m[k]
		if twice {
			c = known.or(c)
		} else {
			count++
		}
		m[p.owned(k)] = c
	}
	return changed, count
}

// owned is k with names of its own: a given one may be a part of something large, such as a request.
func (p *pushed) owned(k key) key {
	issuer, known := p.issuers[k.issuer]
	if !known {
		issuer = strings.Clone(k.issuer)
		p.issuers[issuer] = issuer
	}
	return key{k.kind, issuer, strings.Clone(k.value)}
}

func (p *pushed) store(changed map[int]map[key]cut, count int) {
	for n, m := range changed {
		p.shards[n].Store(&m)
	}
	p.count = count
}

// sweep drops what no longer holds.
func (p *pushed) sweep(now int64) {
	for n := range p.shards {
		if before := p.lenOf(n); before > 0 {
			m := p.alive(n, now)
			p.store(map[int]map[key]cut{n: m}, p.count-before+len(m))
		}
	}
}

func (p *pushed) lenOf(shard int) int {
	if m := p.shards[shard].Load(); m != nil {
		return len(*m)
	}
	return 0
}

// alive copies what still holds of a shard.
func (p *pushed) alive(shard int, now int64) map[key]cut {
	m := p.shards[shard].Load()
	if m == nil {
		return map[key]cut{}
	}
	kept := make(map[key]cut, len(*m)+1)
	for k, c := range *m {
		if c.until == 0 || c.until >= now {
			kept[k] = c
		}
	}
	return kept
}

func (p *pushed) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
