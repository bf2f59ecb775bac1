package middleware

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/perimeter-go/perimeter/token"
)

// A TokenVerifier verifies a compact JWT. [token.Verifier] and [token.Mux] are two. Its error wraps [token.ErrRefused] if the
// token is not good; any other error leaves the request undecided, and so does a nil result without an error.
type TokenVerifier interface {
	Verify(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)
}

// JWT authenticates by a signed JWT as a bearer token. Without sources it reads the Authorization header as
// FromHeader("Authorization") does; with sources only those. Several sources that have a token at once are [ErrInvalidRequest].
//
// A credential that is no JWS is not of its kind and gives [ErrNoCredentials]: one without exactly three segments, or whose
// first segment is not a base64url JSON object with a member alg. Dots and a leading eyJ alone make no JWT, for opaque
// tokens have them too. What v refuses gives an error that wraps [ErrRefused] and the verifier's own, so that
// [token.ReasonOf] still tells why.
//
// A token that is bound to a client certificate (RFC 8705) is good only from who has that certificate: v is handed the thumbprint of
// the one that the client has presented in the handshake, whoever vouches for it, or that a trusted proxy forwards, by
// [Options].Forwarded. Where that is malformed, or forwarded twice, the token is refused, bound or not. Without
// a certificate nothing is handed on and nothing is computed; with one it costs a hash of it, and where it is forwarded to read it too. A token that is bound to a key in another way is refused.
func JWT(v TokenVerifier, from ...Source) Authenticator {
	return &jwt{verifier: v, sources: sourcesOf(from)}
}

type jwt struct {
	verifier TokenVerifier
	sources  []Source
}

func (a *jwt) Authenticate(r *http.Request) (Identity, error) {
	id, _, err := a.verify(r)
	return id, err
}

// verify also returns what was presented.
func (a *jwt) verify(r *http.Request) (id Identity, p presented, err error) {
	p.raw, err = onlyOne(r, a.sources)
	if err != nil {
		return Identity{}, p, err
	}
	if !isJWS(p.raw) {
		return Identity{}, p, ErrNoCredentials
	}
	p.thumbprint, err = possessed(r)
	if err != nil {
		return Identity{}, p, err
	}
	claims, err := a.verifier.Verify(r.Context(), p.raw, p.forToken()...)
	if err != nil {
		return Identity{}, p, &finding{err, credentialJWT, string(token.ReasonOf(err)), errors.Is(err, token.ErrRefused)}
	}
	if claims == nil {
		return Identity{}, p, fmt.Errorf("%w: the verifier returned neither claims nor an error", ErrUndecided)
	}
	return identityOf(claims), p, nil
}

func identityOf(c *token.Claims) Identity {
	return Identity{
		Subject:  c.Subject(),
		Issuer:   c.Issuer(),
		ClientID: c.ClientID(),
		Scopes:   c.Scopes(),
		Expiry:   c.Expiry(),
		Token:    c,
	}
}

func (a *jwt) mistake() error {
	return errors.Join(mistakeOf("JWT", "verifier", a.verifier), mistakeInSources("JWT", a.sources))
}

// maxHeader bounds what is decoded to recognise a JWS. It is well above what any verifier accepts as a header.
const maxHeader = 8 << 10

// isJWS tells a JWS in compact form from any other credential (RFC 7515 section 3.1, RFC 7516 section 9). It is no check: what
// it lets through, the verifier still reads strictly.
func isJWS(raw string) bool {
	if strings.Count(raw, ".") != 2 {
		return false
	}
	segment, _, _ := strings.Cut(raw, ".")
	if len(segment) > base64.RawURLEncoding.EncodedLen(maxHeader) {
		return false
	}
	var onStack [512]byte // longer headers are rare
	header, err := base64.RawURLEncoding.AppendDecode(onStack[:0], []byte(segment))
	return err == nil && json.Valid(header) && hasMember(header, "alg")
}

// hasMember says whether valid JSON is an object with a member of that name at its top level.
func hasMember(valid []byte, name string) bool {
	depth := 0
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(valid, i)
			if depth == 1 && isName(valid[end:]) && spells(valid[i:end], name) {
				return true
			}
			i = end - 1
		}
	}
	return false
}

// stringEnd returns the index after the JSON string that begins at start.
func stringEnd(valid []byte, start int) int {
	for i := start + 1; i < len(valid); i++ {
		switch valid[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(valid)
}

// isName says whether the string before rest was a member's name.
func isName(rest []byte) bool {
	for _, c := range rest {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c == ':'
		}
	}
	return false
}

// spells says whether a quoted JSON string, escapes included, means name.
func spells(quoted []byte, name string) bool {
	if string(quoted[1:len(quoted)-1]) == name {
		return true
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return false
	}
	var s string
	return json.Unmarshal(bytes.Clone(quoted), &s) == nil && s == name // a copy, or isJWS's buffer would leave the stack
}
