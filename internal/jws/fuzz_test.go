package jws_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

// agree holds that go-jose, which knows nothing of our rules, accepts what we accepted and reads the same from it.
func agree(t *testing.T, compact string, m *jws.Message) {
	t.Helper()
	h := m.Header()
	if h.Algorithm == "Ed25519" {
		return // the newer name of EdDSA (RFC 9864), which go-jose does not know
	}
	theirs, err := jose.ParseSignedCompact(compact, joseAlgorithms)
	require.NoError(t, err)
	require.Equal(t, string(theirs.UnsafePayloadWithoutVerification()), m.Payload())
	require.Len(t, theirs.Signatures, 1)
	require.Equal(t, theirs.Signatures[0].Header.Algorithm, h.Algorithm)
	require.Equal(t, theirs.Signatures[0].Header.KeyID, h.KeyID)
	typ, _ := theirs.Signatures[0].Header.ExtraHeaders[jose.HeaderType].(string)
	require.Equal(t, typ, h.Type)
	if m.Verify(public(h.Algorithm)) == nil {
		payload, err := theirs.Verify(public(h.Algorithm))
		require.NoError(t, err)
		require.Equal(t, string(payload), m.Payload())
	}
}

// FuzzCompact: whatever we parse, go-jose parses alike, and what we verify, it verifies; and a token has one spelling.
func FuzzCompact(f *testing.F) {
	for _, alg := range jws.Algorithms() {
		f.Add(good(f, alg))
	}
	token := good(f, "EdDSA")
	for _, seed := range []string{
		"", "..", "a.b.c", token + "=", token + ".", token[:len(token)-1], strings.Replace(token, ".", "\n.", 1), token + "." + token,
		sign(f, "ES256", `{"alg":"ES256","crit":[]}`, "{}"), sign(f, "ES256", `{"alg":"none"}`, "{}"), `{"payload":"","signature":""}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, compact string) {
		m, err := jws.Parse(compact, maxBytes)
		if err != nil {
			require.Nil(t, m)
			requireOneOf(t, err, jws.KindMalformed, jws.KindAlgorithm, jws.KindHeader)
			return
		}
		agree(t, compact, m)
		segments := strings.Split(compact, ".")
		require.Len(t, segments, 3)
		require.Equal(t, segments[1], base64.RawURLEncoding.EncodeToString([]byte(m.Payload())))
	})
}

func requireOneOf(t *testing.T, err error, kinds ...jws.Kind) {
	t.Helper()
	var refusal *jws.Error
	require.ErrorAs(t, err, &refusal)
	require.Contains(t, kinds, refusal.Kind)
}

// FuzzHeader: random text never carries a good signature, so here every header and payload gets one of the right kind.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		`{"alg":"ES256"}`, `{"alg":"EdDSA","kid":"a","typ":"JWT","jku":"https://a.test"}`, `{"alg":"Ed25519"}`, `{"alg":"ES256","crit":["exp"]}`,
		`{"alg":"ES256","alg":"none"}`, `{"alg":"ES256","b64":false}`, `{"alg":"ES256","jwk":{"kty":"oct"}}`, `{"alg":"ES256","x5c":[]}`, `{"kid":1}`, `[]`, ``,
	} {
		f.Add([]byte(seed), []byte(`{"sub":"alice"}`))
	}
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		var says struct{ Alg string } // without regard to case, to meet as many signatures as possible
		_ = json.Unmarshal(header, &says)
		alg := "ES256"
		if strings.HasPrefix(says.Alg, "Ed") {
			alg = "EdDSA"
		}
		compact := sign(t, alg, string(header), string(payload))
		m, err := jws.Parse(compact, maxBytes)
		if err != nil {
			requireOneOf(t, err, jws.KindMalformed, jws.KindAlgorithm, jws.KindHeader)
			return
		}
		require.Equal(t, string(payload), m.Payload())
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(header, &all))
		for _, banned := range []string{"crit", "b64", "zip", "enc", "p2c", "jwk", "x5c", "x5u"} {
			require.NotContains(t, all, banned)
		}
		agree(t, compact, m)
	})
}

// FuzzSegment: base64url is decoded like encoding/base64 does it strictly, but for the line breaks that it would skip.
func FuzzSegment(f *testing.F) {
	for _, seed := range []string{"", "A", "AA", "AB", "AAA", "AAE", "AAAA", "-_-_", "AA==", "AA\n", "AAAAAAAA+", strings.Repeat("QUJD", 300), strings.Repeat("_", 1025)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, segment string) { requireDecoded(t, segment) })
}
