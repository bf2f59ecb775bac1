package forward

import (
	"encoding/json"
	"slices"
)

// A claimHeader is the header, canonical, that a claim goes into.
type claimHeader struct{ claim, header string }

// A decoder is a token's verified claims, or the issuer's answer about one.
type decoder interface{ Decode(v any) error }

// putClaims sets a header for each claim that can be written as one.
func (w *writer) putClaims(claims []claimHeader, from decoder) {
	var all map[string]json.RawMessage
	if from.Decode(&all) != nil {
		return // not possible for verified claims; and without claims there is nothing to say
	}
	for _, c := range claims {
		w.put(c.header, claimValue(all[c.claim]))
	}
}

// claimValue writes a claim as a header's value; "" is none. raw is valid JSON or empty.
func claimValue(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return encode(s)
	case c == '[':
		return claimList(raw)
	case c == '-', '0' <= c && c <= '9', c == 't', c == 'f':
		return string(raw)
	default:
		return "" // null or an object
	}
}

func claimList(raw json.RawMessage) string {
	var elements []*string
	if json.Unmarshal(raw, &elements) != nil {
		return ""
	}
	list := make([]string, 0, len(elements))
	for _, e := range elements {
		if e == nil || *e == "" {
			return ""
		}
		list = append(list, *e)
	}
	return encodeList(slices.Values(list))
}
