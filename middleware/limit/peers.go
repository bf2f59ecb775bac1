package limit

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
)

// A kind says what a key's bits are of.
type kind uint8

const (
	unnamed  kind = iota // whose address cannot be read
	host4                // an IPv4 address
	host6                // an IPv6 /64
	network4             // an IPv4 /16
	network6             // an IPv6 /48
	world                // everybody
)

// peersIn is how many peers' allowance a bucket has.
var peersIn = [...]int64{unnamed: 1, host4: 1, host6: 1, network4: 256, network6: 16, world: 4096}

type key struct {
	bits uint64
	kind kind
}

// keysOf names the buckets of an address, the finest first.
func keysOf(a netip.Addr) [3]key {
	everybody := key{kind: world}
	switch {
	case a.Is4():
		b := a.As4()
		n := uint64(binary.BigEndian.Uint32(b[:]))
		return [3]key{{n, host4}, {n >> 16, network4}, everybody}
	case a.Is6():
		b := a.As16()
		n := binary.BigEndian.Uint64(b[:8])
		return [3]key{{n, host6}, {n >> 16, network6}, everybody}
	default:
		return [3]key{{kind: unnamed}, everybody, everybody}
	}
}

// peers counts for everybody in bounded memory. A bucket that owes nothing may be dropped at any time; one that owes stays.
// Where there is no place for a finer bucket, the next coarser one counts.
type peers struct {
	tiers  [3]tier // by position in keysOf
	meters [world + 1]meter
}

func newPeers(seed maphash.Seed, a allowance, most int) *peers {
	p := &peers{}
	for i, most := range [...]int{most, most, shards} {
		p.tiers[i].init(seed, most)
	}
	for k := range p.meters {
		p.meters[k] = a.meter(peersIn[k])
	}
	return p
}

// A visit is one credential's examination: which buckets count it.
type visit struct {
	credential credential
	repeat     bool
	keys       [3]key
	held       [3]bool
}

func (v *visit) isHeld() bool { return v.held[0] || v.held[1] || v.held[2] }

// counts says whether a bucket counts although a finer one does. Addresses of IPv6 cost nothing, so that there its networks do.
func (v *visit) counts(k key) bool { return !v.isHeld() || k.kind == network6 }

// enter begins a visit, unless the peer has to wait for one.
func (p *peers) enter(a netip.Addr, c credential, now int64) (v visit, wait int64) {
	v = visit{credential: c, keys: keysOf(a)}
	for i, k := range v.keys {
		if !v.counts(k) {
			break
		}
		v.held[i], wait = p.tiers[i].enter(k, &v, &p.meters[k.kind], now)
		if wait > 0 {
			p.leave(&v, false, now)
			return v, wait
		}
	}
	return v, 0
}

// leave ends a visit and counts what it has shown.
func (p *peers) leave(v *visit, guess bool, now int64) {
	for i, k := range v.keys {
		if v.held[i] {
			p.tiers[i].leave(k, v, &p.meters[k.kind], guess, now)
		}
	}
}

// guessed counts what nobody could know of before.
func (p *peers) guessed(a netip.Addr, now int64) { p.count(visit{keys: keysOf(a)}, now) }

// repeated counts a wrong credential that was good.
func (p *peers) repeated(a netip.Addr, c credential, now int64) {
	p.count(visit{credential: c, repeat: true, keys: keysOf(a)}, now)
}

func (p *peers) count(v visit, now int64) {
	for i, k := range v.keys {
		if v.counts(k) {
			v.held[i] = p.tiers[i].count(k, &v, &p.meters[k.kind], now)
		}
	}
}

// shards are how many locks a tier has. Peers cannot choose theirs.
const shards = 64

// A tier holds buckets of one fineness.
type tier struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	buckets map[key]*bucket
	most    int
}

func (t *tier) init(seed maphash.Seed, most int) {
	t.seed = seed
	for i := range t.shards {
		t.shards[i].buckets = map[key]*bucket{}
		t.shards[i].most = most / shards
	}
}

func (t *tier) shard(k key) *shard { return &t.shards[maphash.Comparable(t.seed, k)%shards] }

// enter is false with no time to wait where there is no place for the bucket.
func (t *tier) enter(k key, v *visit, m *meter, now int64) (held bool, wait int64) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(k, now)
	if b == nil {
		return false, 0
	}
	v.repeat = v.repeat || b.knows(v.credential)
	if wait := m.wait(b, v.repeat, now); wait > 0 {
		return false, wait
	}
	b.pending++
	return true, 0
}

func (t *tier) leave(k key, v *visit, m *meter, guess bool, now int64) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[k] // it is there, because of what is pending
	b.pending--
	if guess {
		v.repeat = m.charge(b, v.credential, v.repeat, now)
	}
	if b.isClean(now) {
		delete(s.buckets, k)
	}
}

func (t *tier) count(k key, v *visit, m *meter, now int64) bool {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(k, now)
	if b == nil {
		return false
	}
	v.repeat = m.charge(b, v.credential, v.repeat, now)
	return true
}

// bucket returns the bucket of a key, or nil if all places are taken by those who owe something.
func (s *shard) bucket(k key, now int64) *bucket {
	b := s.buckets[k]
	if b != nil {
		return b
	}
	if len(s.buckets) >= s.most && !s.makeRoom(now) {
		return nil
	}
	b = &bucket{}
	s.buckets[k] = b
	return b
}

// makeRoom drops what is clean among a few buckets, picked as a map picks them, so that a flood of newcomers pays no more than
// this each.
func (s *shard) makeRoom(now int64) bool {
	looked, found := 0, false
	for k, b := range s.buckets {
		if b.isClean(now) {
			delete(s.buckets, k)
			found = true
		}
		if looked++; looked == 16 {
			break
		}
	}
	return found
}
