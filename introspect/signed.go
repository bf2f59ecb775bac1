package introspect

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// signedType is the media type of a signed answer, and the typ of its header (RFC 9701 section 5).
const signedType = "token-introspection+jwt"

// errSignature is a signed answer that cannot be trusted. It is no word about the token.
var errSignature = &failure{class: "signature"}

// unwrap returns the member token_introspection of a signed answer that is meant for us.
func (a *asker) unwrap(ctx context.Context, jwt string) ([]byte, error) {
	if !isSignedType(jwt) {
		return nil, errSignature
	}
	payload, err := a.verify(ctx, jwt)
	if err != nil { // it may be a refusal: of the answer, not of the token
		return nil, errSignature
	}
	var inner []byte
	var issuer string
	r := reader{result: &Result{}}
	err = strictjson.Object(payload, func(name string, value []byte) error {
		switch name {
		case "iss":
			issuer = r.text(value)
		case "aud":
			r.result.audiences, _ = r.texts(value)
		case "token_introspection":
			inner = value
		}
		return nil
	})
	if err != nil || r.wrong || inner == nil || issuer != a.issuer || !slices.Contains(r.result.audiences, a.clientID) {
		return nil, errSignature
	}
	return bytes.Clone(inner), nil
}

// isSignedType looks at typ, so that another JWT of the issuer's is no answer whatever Verify makes of it.
func isSignedType(jwt string) bool {
	segment, _, _ := strings.Cut(jwt, ".")
	header, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return false
	}
	typ := ""
	err = strictjson.Object(header, func(name string, value []byte) error {
		if name == "typ" {
			typ, _ = strictjson.String(value)
		}
		return nil
	})
	return err == nil && strings.TrimPrefix(lower(typ), "application/") == signedType
}

// lower folds ASCII letters only: the Kelvin sign is no k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
