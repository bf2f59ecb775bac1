package token_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/token"
)

const (
	issuerURL = "https://issuer.test"
	audience  = "https://api.test"
	secret    = "s3cr3t" // part of every value that must not show in an error
)

// issuer signs for the whole package; its keys are made on first use.
var issuer = localissuer.New(issuerURL)

// keys is a key source as a function. It counts how often it was asked.
type keys struct {
	asked int
	find  func(kid, alg string) ([]crypto.PublicKey, error)
}

func (k *keys) PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	k.asked++
	if k.find == nil {
		return issuer.PublicKeys(ctx, kid, alg)
	}
	return k.find(kid, alg)
}

// only is a key source that answers every question with the same keys.
func only(list ...crypto.PublicKey) *keys {
	return &keys{find: func(string, string) ([]crypto.PublicKey, error) { return list, nil }}
}

// plain is the least policy.
func plain() token.Policy {
	return token.Policy{Issuer: issuerURL, Audiences: []string{audience}}
}

func verifier(tb testing.TB, source token.KeySource, p token.Policy) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(source, p, nil)
	require.NoError(tb, err)
	return v
}

// claim is one member of a payload as JSON text.
type claim struct{ name, raw string }

func with(name, raw string) claim { return claim{name, raw} }
func without(name string) claim   { return claim{name, ""} }

// baseline is a token of RFC 9068 that is good from 2023 to 2286.
var baseline = []claim{
	{"iss", `"` + issuerURL + `"`},
	{"sub", `"` + secret + `-subject"`},
	{"aud", `"` + audience + `"`},
	{"exp", `9999999999`},
	{"iat", `1700000000`},
	{"jti", `"` + secret + `-id"`},
	{"client_id", `"` + secret + `-client"`},
	{"scope", `"orders:read orders:write"`},
}

// payload is the baseline with some members replaced, added or removed. An edit with a name that starts with "+" is added
// without a look at what is there.
func payload(edits ...claim) string {
	list := append([]claim(nil), baseline...)
	for _, e := range edits {
		at := -1
		for i, c := range list {
			if c.name == e.name {
				at = i
			}
		}
		switch {
		case at >= 0:
			list[at].raw = e.raw
		default:
			list = append(list, claim{strings.TrimPrefix(e.name, "+"), e.raw})
		}
	}
	var parts []string
	for _, c := range list {
		if c.raw != "" {
			parts = append(parts, `"`+c.name+`":`+c.raw)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// signed is a token with the baseline's header and the given claims, by ES256.
func signed(edits ...claim) string { return issuer.Sign("ES256", nil, []byte(payload(edits...))) }

// minter signs any text at all with one Ed25519 key, also text that no encoder would write.
type minter struct{ private ed25519.PrivateKey }

func newMinter(tb testing.TB) minter {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	return minter{private}
}

func (m minter) source() *keys { return only(m.private.Public()) }

// seal appends the signature over exactly this text.
func (m minter) seal(input string) string {
	return input + "." + b64(ed25519.Sign(m.private, []byte(input)))
}

// sign encodes header and payload, then seals them.
func (m minter) sign(header, payload string) string {
	return m.seal(b64([]byte(header)) + "." + b64([]byte(payload)))
}

const edHeader = `{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// requireRefused also holds what every error promises: no text of a refusal quotes the token.
func requireRefused(tb testing.TB, c *token.Claims, err error, want token.Reason, raw string) {
	tb.Helper()
	require.ErrorIs(tb, err, token.ErrRefused)
	require.Equal(tb, want, token.ReasonOf(err), "%v", err)
	require.Nil(tb, c)
	require.NotContains(tb, err.Error(), secret)
	for segment := range strings.SplitSeq(raw, ".") {
		if len(segment) > 8 {
			require.NotContains(tb, err.Error(), segment)
		}
	}
}
