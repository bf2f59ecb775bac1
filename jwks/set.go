package jwks

import (
	"context"
	"crypto"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/perimeter-go/perimeter/internal/keyat"
)

// Set is the usable keys of one key set document. It never changes, needs no network, and is safe for concurrent use. The zero
// Set and a nil *Set have no key.
type Set struct {
	index   map[string][]line // by kid; "" stands for every key
	keys    int
	skipped map[string]int
	sum     [sha256.Size]byte // of the document
	id      *keyat.ID
}

// line is the keys of one kid that fit an algorithm.
type line struct {
	alg  string
	keys []crypto.PublicKey
}

var noKeys Set

// get makes a nil *Set say what the zero Set says.
func (s *Set) get() *Set {
	if s == nil {
		return &noKeys
	}
	return s
}

// PublicKeys returns the keys that may have signed a token whose header names kid and alg. An empty result means that the set
// has no such key. The error is always nil and the context is not used: they make a Set usable where a [Cache] is.
//
// An empty kid asks for every key that fits alg; who tries them all should bound how many. A kid that several keys share gives
// those that fit alg. A key without an alg of its own fits each algorithm of its type and curve; EdDSA and Ed25519 name one
// algorithm. The result is shared: callers must not write to it.
func (s *Set) PublicKeys(_ context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	found, _ := s.get().find(kid, alg)
	return found, nil
}

// KeyIDs lists the key ids of the usable keys, sorted, each once. Keys without a key id are not in it.
func (s *Set) KeyIDs() []string {
	ids := slices.Sorted(maps.Keys(s.get().index))
	if len(ids) > 0 && ids[0] == "" {
		return ids[1:]
	}
	return ids
}

// Skipped counts the entries that are not used, by reason: malformed, use, key_ops, algorithm, type, symmetric, private, size.
func (s *Set) Skipped() map[string]int { return maps.Clone(s.get().skipped) }

// find returns the keys for kid and alg, and whether the set can decide about them: it cannot when it does not know the kid,
// for the issuer may have added it since. A kid that is known under other algorithms only is decided: no such key.
func (s *Set) find(kid, alg string) (found []crypto.PublicKey, decided bool) {
	lines, known := s.index[kid]
	for i := range lines { // at most one for each algorithm
		if lines[i].alg == alg {
			return lines[i].keys, true
		}
	}
	return nil, known && kid != ""
}

// finder is a Set for who remembers what it has found.
type finder Set

func (f *finder) Find(kid, alg string) (found []crypto.PublicKey, decided bool) {
	return (*Set)(f).find(kid, alg)
}

func newSet() *Set {
	return &Set{
		index:   map[string][]line{},
		skipped: map[string]int{},
		id:      new(keyat.ID),
	}
}

func (s *Set) add(k key) {
	s.keys++
	for _, alg := range k.algorithms {
		s.enter("", alg, k.public)
		if k.id != "" {
			s.enter(k.id, alg, k.public)
		}
	}
}

// enter adds a key to one line of the index, unless the same key stands there: trying it twice proves nothing more.
func (s *Set) enter(kid, alg string, public crypto.PublicKey) {
	lines := s.index[kid]
	at := slices.IndexFunc(lines, func(l line) bool { return l.alg == alg })
	if at < 0 {
		s.index[kid] = append(lines, line{alg, []crypto.PublicKey{public}})
		return
	}
	for _, have := range lines[at].keys {
		if have.(interface{ Equal(x crypto.PublicKey) bool }).Equal(public) {
			return
		}
	}
	lines[at].keys = slices.Clip(append(lines[at].keys, public))
}

// isOf reports whether s was parsed from this very document.
func (s *Set) isOf(document []byte) bool { return s.sum == sha256.Sum256(document) }
