package jws

import (
	"github.com/go-jose/go-jose/v4/json"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// Decode reads one JSON object into v, as [encoding/json.Unmarshal] would, but strictly: what [strictjson.Object] refuses is
// refused, and a member fills a field only if their names are equal byte by byte. Its error carries nothing of data.
//
// Types with an UnmarshalJSON of their own are given the raw value and are on their own from there.
func Decode(data []byte, v any) error {
	if err := strictjson.Object(data, func(string, []byte) error { return nil }); err != nil {
		return refuse(KindMalformed)
	}
	if err := json.Unmarshal(data, v); err != nil { // its text may quote the document
		return refuse(KindMalformed)
	}
	return nil
}
