package jws

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// errUnfit says no more, because what a decoder says about a value may quote it.
var errUnfit = errors.New("jws: a value does not fit its Go type")

// Decode reads one JSON object into v, as [encoding/json.Unmarshal] would, but strictly: what [strictjson.Object] refuses is
// refused, and a member fills a field only if their names are equal byte by byte. Its error carries nothing of data but the
// kind of a value that does not fit.
//
// Types with an UnmarshalJSON of their own are given a copy of the raw value and are on their own from there. Unlike in
// encoding/json, a number does not fit an [encoding/json.Number], and the keys of a map are strings.
func Decode(data []byte, v any) error {
	if err := strictjson.Object(data, func(string, []byte) error { return nil }); err != nil {
		return refuse(KindMalformed)
	}
	err := json.Unmarshal(slices.Clone(data), v)
	if err == nil {
		return nil
	}
	if target, ok := errors.AsType[*json.InvalidUnmarshalError](err); ok { // v is no pointer: the caller's mistake
		return target
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(mismatch.Value, " ") // it may go on with the number itself
		return fmt.Errorf("%w: a JSON %s for a %s", errUnfit, kind, mismatch.Type)
	}
	return errUnfit
}
