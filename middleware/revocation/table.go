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

func (t *table) find(k key) (cut, bool) {
	c, found := t.cuts[k]
	return c, found
}

const shards = 256

// A pushed set is what was added one by one. Readers see an immutable snapshot of each shard; an addition copies one of them.
type pushed struct {
	seed   maphash.Seed
	shards [shards]atomic.Pointer[map[key]cut]
	has    [kinds]atomic.Bool

	mu    sync.Mutex // of whoever adds
	count int
}

func (p *pushed) shard(k key) *atomic.Pointer[map[key]cut] {
	return &p.shards[maphash.String(p.seed, k.value)%shards]
}

func (p *pushed) find(k key) (cut, bool) {
	if !p.has[k.kind].Load() {
		return cut{}, false
	}
	m := p.shard(k).Load()
	if m == nil {
		return cut{}, false
	}
	c, found := (*m)[k]
	return c, found
}

// add takes all of them or none. What no longer holds is dropped where something is added.
func (p *pushed) add(keys []key, cuts []cut, now int64, limit int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := map[*atomic.Pointer[map[key]cut]]map[key]cut{}
	count := p.count
	for i, k := range keys {
		shard := p.shard(k)
		m := changed[shard]
		if m == nil {
			m = alive(shard.Load(), now)
			if old := shard.Load(); old != nil {
				count -= len(*old) - len(m)
			}
			changed[shard] = m
		}
		c := cuts[i]
		if known, twice := m[k]; twice {
			c = known.or(c)
		} else {
			count++
		}
		// The name may be a part of something large, such as a request.
		m[key{k.kind, strings.Clone(k.issuer), strings.Clone(k.value)}] = c
	}
	if count > limit {
		return errFull
	}
	p.count = count
	for shard, m := range changed {
		shard.Store(&m)
	}
	for _, k := range keys {
		p.has[k.kind].Store(true)
	}
	return nil
}

// alive copies what still holds.
func alive(m *map[key]cut, now int64) map[key]cut {
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
