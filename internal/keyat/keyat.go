// Package keyat lets a key source answer by a time that who asks has read already. Reading the clock is a good part of what a remembered
// token costs, and who judges the token has to read it anyhow.
package keyat

import (
	"crypto"
	"reflect"
	"time"
)

// Lookup returns the keys for kid and alg that PublicKeys of the same source would return at once at the time now, without a wait or
// any other effect. If known is false, PublicKeys has to be asked.
type Lookup func(now time.Time, kid, alg string) (keys []crypto.PublicKey, known bool)

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
