package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// What a key set says about a key holds for the tokens under it.
func TestKeysThatAreNotForSigningDoNotVerify(t *testing.T) {
	private := issuerRSA(t)
	small := func() *rsa.PrivateKey {
		t.Setenv("GODEBUG", "rsa1024min=0") // to make a key that must not be accepted
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		require.NoError(t, err)
		return k
	}()
	for _, tc := range []struct {
		name    string
		private *rsa.PrivateKey
		alg     string
		members map[string]any
		pass    bool
	}{
		{"a key that says nothing about itself", private, "RS256", nil, true},
		{"a key for signatures", private, "RS256", map[string]any{"use": "sig", "key_ops": []string{"verify"}}, true},
		{"use enc", private, "RS256", map[string]any{"use": "enc"}, false},
		{"key_ops without verify", private, "RS256", map[string]any{"key_ops": []string{"encrypt"}}, false},
		{"pinned to RS256, and the token is by RS256", private, "RS256", map[string]any{"alg": "RS256"}, true},
		{"pinned to RS256, but the token is by RS512", private, "RS512", map[string]any{"alg": "RS256"}, false},
		{"pinned to RS256, but the token is by PS256", private, "PS256", map[string]any{"alg": "RS256"}, false},
		{"1024 bits", small, "RS256", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			jwk := map[string]any{"kty": "RSA", "kid": "k1", "n": b64(tc.private.N.Bytes()), "e": b64(big.NewInt(int64(tc.private.E)).Bytes())}
			maps.Copy(jwk, tc.members)
			other := map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "k2", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
			document, err := json.Marshal(map[string]any{"keys": []any{jwk, other}})
			require.NoError(t, err)
			set, err := jwks.Parse(document)
			require.NoError(t, err)

			var pss *rsa.PSSOptions
			if tc.alg[0] == 'P' {
				pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			}
			raw := signRSA(t, tc.private, tc.alg, "k1", pss)
			c, err := verifier(t, set, plain()).Verify(t.Context(), raw)
			if tc.pass {
				require.NoError(t, err)
				return
			}
			requireRefused(t, c, err, token.ReasonUnknownKey, raw)
		})
	}
}
