package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

// FuzzParse holds the promises of Parse: it never panics; the keys of what it accepts obey the rules and are, member by member, what
// go-jose reads from an entry that names them; whatever it counts is what the document holds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		keysNamed("k1"), keysNamed("k1", "k1", ""), `{}`, `{"keys":[]}`, `{"keys":[null,1,"",{}]}`,
		keySet(jwk(rsa2048(), "r", edit{"alg": "RS256", "use": "sig"}), jwk(p384(), "e"), jwk(p521(), "f"), jwk(ed(), "o", edit{"alg": "EdDSA"})),
		keySet(jwk(p256(), "k", edit{"key_ops": []string{"verify"}}), jwk(p256(), "", edit{"kid": 1}), jwk(p256(), "d", edit{"d": "AA"})),
		keySet(jwk(certified.public, "c", edit{"x5c": []string{certified.der}})),
		`{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := jwks.Parse(document)
		if err != nil {
			require.Nil(t, s)
			return
		}
		var members map[string]json.RawMessage // in exact case
		require.NoError(t, json.Unmarshal(document, &members))
		var entries []json.RawMessage
		require.NoError(t, json.Unmarshal(members["keys"], &entries))
		skipped := 0
		for _, n := range s.Skipped() {
			skipped += n
		}
		require.Positive(t, s.Usable())
		require.Len(t, entries, s.Usable()+skipped)

		for _, kid := range append(s.KeyIDs(), "") {
			found := 0
			for _, alg := range allAlgorithms {
				for _, k := range lookUp(t, s, kid, alg) {
					found++
					requireUsable(t, k, alg)
					require.True(t, slices.ContainsFunc(entries, func(entry json.RawMessage) bool { return names(entry, kid, alg, k) }),
						"go-jose finds no such entry")
				}
			}
			require.Positive(t, found)
		}
	})
}

// names reports whether go-jose reads public from entry, under kid, fit for alg.
func names(entry []byte, kid, alg string, public crypto.PublicKey) bool {
	var k jose.JSONWebKey
	if k.UnmarshalJSON(entry) != nil || !k.IsPublic() || !k.Valid() {
		return false
	}
	sameName := k.Algorithm == alg || k.Algorithm == "" || k.Algorithm+alg == "EdDSAEd25519" || k.Algorithm+alg == "Ed25519EdDSA"
	return (kid == "" || k.KeyID == kid) && sameName && (k.Use == "" || k.Use == "sig" || k.Use == "jwt-svid") &&
		k.Key.(interface{ Equal(x crypto.PublicKey) bool }).Equal(public)
}

func requireUsable(t *testing.T, public crypto.PublicKey, alg string) {
	t.Helper()
	switch k := public.(type) {
	case *rsa.PublicKey:
		require.Contains(t, rsaAlgorithms, alg)
		require.GreaterOrEqual(t, k.N.BitLen(), 2048)
		require.LessOrEqual(t, k.N.BitLen(), 4096)
		require.GreaterOrEqual(t, k.E, 65537)
		require.ErrorIs(t, rsa.VerifyPKCS1v15(k, crypto.SHA256, make([]byte, 32), make([]byte, k.Size())), rsa.ErrVerification)
	case *ecdsa.PublicKey:
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		require.Equal(t, curves[alg], k.Curve)
		_, err := k.ECDH() // checks the point
		require.NoError(t, err)
	case ed25519.PublicKey:
		require.Contains(t, []string{"EdDSA", "Ed25519"}, alg)
		require.Len(t, k, ed25519.PublicKeySize)
		require.True(t, onCurve(k))
	default:
		require.Fail(t, "a key of another kind")
	}
}
