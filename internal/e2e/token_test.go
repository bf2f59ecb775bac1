package e2e_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid,omitempty"`
	Typ string `json:"typ"`
}

// headerOf reads the header of a token that an issuer made.
func headerOf(t *testing.T, token string) (h header) {
	t.Helper()
	decodeSegment(t, token, 0, &h)
	return h
}

// payloadOf reads its claims.
func payloadOf(t *testing.T, token string) (claims members) {
	t.Helper()
	decodeSegment(t, token, 1, &claims)
	return claims
}

func decodeSegment(t *testing.T, token string, n int, into any) {
	t.Helper()
	segments := strings.Split(token, ".")
	require.Len(t, segments, 3)
	b, err := base64.RawURLEncoding.DecodeString(segments[n])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// signatureOf is its signature.
func signatureOf(t *testing.T, token string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token, ".")+1:])
	require.NoError(t, err)
	return b
}

func segment(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and strings marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// resign puts another header and other claims in place of the token's, and signs what comes of it by sign.
func resign(t *testing.T, token string, h header, edits members, sign func(input string) []byte) string {
	t.Helper()
	claims := payloadOf(t, token)
	maps.Copy(claims, edits)
	input := segment(h) + "." + segment(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

// hs256 signs as one does who takes a public key for a secret.
func hs256(secret []byte) func(string) []byte {
	return func(input string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
}

func unsigned(string) []byte { return nil }

func randomSignature(string) []byte {
	b := make([]byte, 256) // as long as RSA-2048 makes them
	_, _ = rand.Read(b)    // does not fail
	return b
}

// guesses returns a maker of tokens that are right in everything but that no key signed them: the kid is a random one.
func (i *issuer) guesses() func() string {
	now := time.Now().Unix()
	claims := segment(members{
		"iss": i.URL, "aud": i.API + "RS256", "sub": i.ClientID, "client_id": i.ClientID, "jti": "guess", "scope": "orders:read",
		"iat": now, "exp": now + 3600,
	})
	return func() string {
		input := segment(header{Alg: "RS256", Typ: "at+jwt", Kid: "RS256-" + rand.Text()}) + "." + claims
		return input + "." + base64.RawURLEncoding.EncodeToString(randomSignature(input))
	}
}
