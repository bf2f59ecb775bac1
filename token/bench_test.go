package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// benchmarkPayload has the 13 claims that a token of RFC 9068 commonly has.
var benchmarkPayload = payload(
	with("nbf", `1700000000`), with("auth_time", `1699999990`), with("acr", `"urn:example:loa:2"`), with("tenant", `"acme"`), with("roles", `["reader","writer"]`),
)

// BenchmarkVerify shows, for each algorithm, what a verification costs and, in the same run, what its bare signature check
// by the standard library costs: read the ratio.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms {
		raw := issuer.Sign(alg, nil, []byte(benchmarkPayload))
		found, err := issuer.PublicKeys(b.Context(), issuer.KeyID(alg), alg)
		require.NoError(b, err)
		v := verifier(b, only(found...), token.AccessTokenPolicy(issuerURL, audience))
		b.Run(alg+"/token", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"/crypto", func(b *testing.B) {
			at := strings.LastIndexByte(raw, '.')
			sig, err := base64.RawURLEncoding.DecodeString(raw[at+1:])
			require.NoError(b, err)
			check := bareCheck(b, alg, found[0], sig)
			input := []byte(raw[:at])
			b.ReportAllocs()
			for b.Loop() {
				if !check(input) {
					b.Fatal("the signature does not verify")
				}
			}
		})
	}
}

// bareCheck is hash and signature check by crypto/* alone, everything else prepared.
func bareCheck(b *testing.B, alg string, key crypto.PublicKey, sig []byte) func(input []byte) bool {
	b.Helper()
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	sum := func(input []byte) []byte {
		switch hash {
		case crypto.SHA256:
			d := sha256.Sum256(input)
			return d[:]
		case crypto.SHA384:
			d := sha512.Sum384(input)
			return d[:]
		default:
			d := sha512.Sum512(input)
			return d[:]
		}
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if alg[0] == 'P' {
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return func(input []byte) bool { return rsa.VerifyPSS(k, hash, sum(input), sig, opts) == nil }
		}
		return func(input []byte) bool { return rsa.VerifyPKCS1v15(k, hash, sum(input), sig) == nil }
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
		require.NoError(b, err)
		return func(input []byte) bool { return ecdsa.VerifyASN1(k, sum(input), der) }
	default:
		return func(input []byte) bool { return ed25519.Verify(key.(ed25519.PublicKey), input, sig) }
	}
}

// BenchmarkRefuse shows what a stranger's token costs, for which no key is looked up.
func BenchmarkRefuse(b *testing.B) {
	v := verifier(b, &keys{}, token.AccessTokenPolicy(issuerURL, audience))
	for _, tc := range []struct{ name, raw string }{
		{"garbage", strings.Repeat("x", 16<<10)},
		{"another issuer", issuer.Sign("ES256", nil, []byte(payload(with("iss", `"https://evil.test"`))))},
		{"expired", issuer.Sign("ES256", nil, []byte(payload(with("exp", `1`))))},
		{"1200 claims", issuer.Sign("ES256", nil, []byte(crowd()))},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), tc.raw); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// crowd is the object with the most members that fits into a token.
func crowd() string {
	var sb strings.Builder
	for i := range 1200 {
		sb.WriteString(`,"` + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + `":1`)
	}
	return "{" + sb.String()[1:] + "}"
}
