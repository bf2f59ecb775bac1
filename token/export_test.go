package token

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SlotBytes is what Cache.Size counts for a token beside its claims.
const SlotBytes = slotBytes

// KeyOf is the key of the i-th of many tokens.
func KeyOf(i int) (k [4]uint64) {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	for j := range k {
		k[j] = binary.LittleEndian.Uint64(sum[8*j:])
	}
	return k
}

// Plant remembers claims that a Verifier returned as those of the i-th of many tokens, without a copy.
func (c *Cache) Plant(i int, claims *Claims) {
	k := key(KeyOf(i))
	c.shard(&k).put(&k, entry{claims: claims, until: claims.window.until}, -1)
}

// PlantCopy is Plant with a copy for each token, as for verified ones.
func (c *Cache) PlantCopy(i int, claims *Claims) {
	k := key(KeyOf(i))
	d := claims.again().detached(c.scopes)
	if size := d.size(); size <= c.shard(&k).maxBytes {
		c.shard(&k).put(&k, entry{claims: d, size: size, until: d.window.until}, -1)
	}
}

// again is what another token would give that says the same: its payload, and the lists and texts in it, are its own.
func (c *Claims) again() *Claims {
	d := *c
	d.payload = strings.Clone(c.payload)
	within := func(text *string) {
		if at := strings.Index(d.payload, *text); at >= 0 {
			*text = d.payload[at : at+len(*text)]
		} else {
			*text = strings.Clone(*text)
		}
	}
	for _, text := range []*string{&d.subject, &d.clientID, &d.id} {
		within(text)
	}
	if !slices.Equal(c.audiences, c.verifier.policy.audiences) {
		d.audiences = slices.Clone(c.audiences)
		for i := range d.audiences {
			within(&d.audiences[i])
		}
	}
	if c.bound != nil {
		d.bound = &bond{slices.Clone(c.bound.confirmations)}
		for i := range d.bound.confirmations {
			within(&d.bound.confirmations[i].Method)
			within(&d.bound.confirmations[i].Thumbprint)
		}
	}
	return &d
}

// anybody believes every verifier.
type anybody struct{}

func (anybody) believes(*Verifier) bool { return true }

func (c *Cache) find(i int) (*Claims, *slot, *key) {
	k := key(KeyOf(i))
	claims, slot := c.shard(&k).index.Load().find(&k, anybody{})
	return claims, slot, &k
}

// Find returns what is remembered as the i-th of many tokens, or nil.
func (c *Cache) Find(i int) *Claims {
	claims, _, _ := c.find(i)
	return claims
}

// Holds reports whether the i-th of many tokens is remembered.
func (c *Cache) Holds(i int) bool { return c.Find(i) != nil }

// Use is Holds as a use of the token.
func (c *Cache) Use(i int) bool {
	claims, slot, _ := c.find(i)
	if claims != nil {
		slot.used.Store(true)
	}
	return claims != nil
}

// Drop forgets the i-th of many tokens.
func (c *Cache) Drop(i int) {
	if claims, _, k := c.find(i); claims != nil {
		c.shard(k).forget(k, claims)
	}
}

// Remembers reports whether v would be answered by what c remembers of the token.
func (c *Cache) Remembers(raw string, v *Verifier) bool {
	k := c.keyer.of(raw)
	claims, _ := c.shard(&k).index.Load().find(&k, v)
	return claims != nil
}

// Forget is what a reader does who found that these claims are over.
func (c *Cache) Forget(i int, claims *Claims) {
	k := key(KeyOf(i))
	c.shard(&k).forget(&k, claims)
}

// PlantUnder and FindUnder are Plant and Find by the key itself.
func (c *Cache) PlantUnder(k [4]uint64, claims *Claims) {
	c.shard((*key)(&k)).put((*key)(&k), entry{claims: claims, until: claims.window.until}, -1)
}

func (c *Cache) FindUnder(k [4]uint64) *Claims {
	claims, _ := c.shard((*key)(&k)).index.Load().find((*key)(&k), anybody{})
	return claims
}

// meddler believes every verifier, and does something else while it is asked.
type meddler func()

func (m meddler) believes(*Verifier) bool {
	m()
	return true
}

// FindWhile is Find, and when it has read all and not yet made up its mind, something happens.
func (c *Cache) FindWhile(i int, happens func()) *Claims {
	k := key(KeyOf(i))
	claims, _ := c.shard(&k).index.Load().find(&k, meddler(happens))
	return claims
}

// FindWhileWritten is Find while a writer is at the slot.
func (c *Cache) FindWhileWritten(i int) *Claims {
	_, slot, _ := c.find(i)
	slot.version.Add(1)
	defer slot.version.Add(1)
	return c.Find(i)
}

// Broken says what is wrong in how c is linked, "" if nothing is.
func (c *Cache) Broken() string {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		wrong := s.broken()
		s.mu.Unlock()
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

func (s *shard) broken() string {
	x := s.index.Load()
	linked := 0
	for i := range s.queues {
		entries, bytes := 0, 0
		for at, before := s.queues[i].oldest, uint32(0); at != 0; before, at = at, x.slot(at).newer {
			slot := x.slot(at)
			c := x.claimsAt(at).Load()
			if c == nil || slot.older != before || slot.settled != (i == settled) || slot.version.Load()%2 != 0 {
				return "a slot in a queue is not in order"
			}
			if k := slot.read(); x.at(&k, c.verifier) != at {
				return "a slot in a queue is in no bucket, or there twice"
			}
			entries, bytes = entries+1, bytes+int(slot.size)
		}
		if entries != s.queues[i].entries || bytes != s.queues[i].bytes {
			return "a queue is not as long as it says"
		}
		linked += entries
	}
	for at := s.free; at != 0; at = x.slot(at).newer {
		if x.claimsAt(at).Load() != nil {
			return "a free slot has claims"
		}
		linked++
	}
	if linked != s.taken {
		return "a slot is lost"
	}
	if s.entries() > s.maxEntries || s.bytes() > s.maxBytes {
		return "out of bounds"
	}
	return ""
}

// TimesAgree reports whether claims of the given times, remembered, are judged at a time as they would be in a verification.
func TimesAgree(p Policy, expiry, notBefore, issuedAt, now time.Time) (verification, remembered Reason, err error) {
	compiled, err := compile(p)
	if err != nil {
		return "", "", err
	}
	c := &Claims{audiences: p.Audiences, expiry: momentOf(expiry), notBefore: momentOf(notBefore), issuedAt: momentOf(issuedAt)}
	m := &members{}
	*m.at(atIssuer) = strconv.Quote(p.Issuer)
	cold := compiled.check(c, m, now)
	c.window = compiled.window(c)
	return ReasonOf(cold), ReasonOf(compiled.recheck(c, true, nil, now)), nil
}

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{t.Unix(), int32(t.Nanosecond()), true}
}

// Said is what claims say, whoever verified them and whether they are remembered.
func Said(c *Claims) *Claims {
	if c == nil {
		return nil
	}
	said := *c
	said.verifier, said.signer, said.known, said.recalled, said.window = nil, nil, false, false, window{}
	return &said
}

// LongTags is for how many long tokens the Cache of v has tags.
func LongTags(v *Verifier) int { return v.cache.long.size * len(longSet{}) }

// MayKnow reports whether c looks for a token before it is verified.
func (c *Cache) MayKnow(raw string) bool { return c.mayKnow(raw) }
