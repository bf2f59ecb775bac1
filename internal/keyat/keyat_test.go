package keyat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/keyat"
)

type hidden = keyat.Source

type source struct{ hidden }

type inPointer struct{ *source }

type inValue struct{ source }

type other source

type named struct{ s keyat.Source }

func TestOnlyWhoEmbedsItHasALookup(t *testing.T) {
	lookup := func(time.Time) keyat.Keys { return keyat.Keys{} }
	var own source
	own.hidden = keyat.NewSource(&own, lookup)
	require.NotNil(t, keyat.Of(&own))

	for name, keys := range map[string]any{
		"nothing":                       nil,
		"a nil pointer":                 (*source)(nil),
		"a source that was not made":    &source{},
		"a value":                       own,
		"a type around it":              inPointer{&own},
		"a pointer to one":              &inPointer{&own},
		"a type around nothing":         &inPointer{},
		"a type with it inside":         &inValue{own},
		"a type that has it in a field": &named{own.hidden},
		"the same under another type":   (*other)(&own),
		"a copy":                        &source{own.hidden},
		"another type":                  &struct{}{},
		"no struct":                     new(int),
	} {
		require.Nil(t, keyat.Of(keys), name)
	}
}
