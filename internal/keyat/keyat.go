// Package keyat lets a key source answer by a time that who asks has read already, and tell by what it answers from whether the answer is still the same.
// Reading the clock and finding the key are a good part of what a remembered token costs, and who judges the token has to read the clock anyhow.
package keyat

import (
	"crypto"
	"reflect"
	"time"
)

// Lookup returns the keys that PublicKeys of the same source would answer from at the time now, without a wait or any other effect, or the zero Keys if it
// would have to do more than that.
type Lookup func(now time.Time) Keys

// Keys answer always what they have answered once, and so do all Keys with the same ID.
type Keys struct {
	ID *ID
	In Finder
}

// ID tells Keys from others, without keeping them alive.
type ID struct{ _ byte } // not of no size: each has its own address

// Finder finds keys. If known is false, PublicKeys has to be asked.
type Finder interface {
	Find(kid, alg string) (found []crypto.PublicKey, known bool)
}

// Find finds keys, if there are any.
func (k Keys) Find(kid, alg string) (found []crypto.PublicKey, known bool) {
	if k.In == nil {
		return nil, false
	}
	return k.In.Find(kid, alg)
}

// Source is embedded by a key source that has a [Lookup]. The zero Source has none.
type Source struct {
	owner  any
	lookup Lookup
}

// NewSource returns a Source for owner, a pointer to the key source that embeds it.
func NewSource(owner any, lookup Lookup) Source { return Source{owner, lookup} }

func (s *Source) of(keys any) Lookup {
	if s.owner != keys { // of another type, with methods of its own
		return nil
	}
	return s.lookup
}

// Of returns the Lookup of a key source, or nil. Only who embeds a Source itself has one: a type around such a key source may have
// a PublicKeys of its own, which is not to be passed by.
func Of(keys any) Lookup {
	v := reflect.ValueOf(keys)
	if v.Kind() != reflect.Pointer || v.IsNil() || !embeds(v.Type().Elem()) {
		return nil
	}
	s, ok := keys.(interface{ of(keys any) Lookup })
	if !ok {
		return nil
	}
	return s.of(keys)
}

func embeds(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range t.Fields() {
		if f.Anonymous && f.Type == reflect.TypeFor[Source]() {
			return true
		}
	}
	return false
}
