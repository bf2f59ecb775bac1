package jws_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

var benchmarkPayload = `{"iss":"https://id.example.com","sub":"user-7","aud":"https://api.example.com","exp":9999999999,"iat":1700000000,` +
	`"nbf":1700000000,"jti":"Sy52mX1pQ3uVb0k7wHcR","client_id":"web","scope":"orders:read orders:write","tenant":"acme",` +
	`"acr":"urn:example:loa:2","auth_time":1699999990,"roles":["reader","writer"]}`

// BenchmarkVerify: parse and verify one token, and in the same run what the bare hash and check by crypto/* cost.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range jws.Algorithms() {
		token := sign(b, alg, `{"alg":"`+alg+`","kid":"k1","typ":"at+jwt"}`, benchmarkPayload)
		key := public(alg)
		b.Run(alg+"/token", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := jws.Parse(token, maxBytes)
				if err != nil || m.Verify(key) != nil {
					b.Fatal("refused")
				}
			}
		})
		b.Run(alg+"/crypto", func(b *testing.B) {
			check := bareCheck(b, alg, []byte(token[:strings.LastIndexByte(token, '.')]))
			b.ReportAllocs()
			for b.Loop() {
				if !check() {
					b.Fatal("refused")
				}
			}
		})
	}
}

func bareCheck(b *testing.B, alg string, input []byte) func() bool {
	b.Helper()
	sig := rawSign(b, alg, input)
	switch key := public(alg).(type) {
	case *rsa.PublicKey:
		if alg[0] == 'P' {
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return func() bool { return rsa.VerifyPSS(key, hashOf(alg), digest(alg, input), sig, opts) == nil }
		}
		return func() bool { return rsa.VerifyPKCS1v15(key, hashOf(alg), digest(alg, input), sig) == nil }
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
		require.NoError(b, err)
		return func() bool { return ecdsa.VerifyASN1(key, digest(alg, input), der) }
	default:
		return func() bool { return ed25519.Verify(key.(ed25519.PublicKey), input, sig) }
	}
}

func BenchmarkParse(b *testing.B) {
	token := sign(b, "ES256", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, benchmarkPayload)
	for name, text := range map[string]string{
		"good": token, "garbage": strings.Repeat("x", maxBytes), "none": strings.Replace(token, token[:strings.IndexByte(token, '.')], b64([]byte(`{"alg":"none"}`)), 1),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jws.Parse(text, maxBytes); (err == nil) != (name == "good") {
					b.Fatal("another verdict")
				}
			}
		})
	}
}

// BenchmarkPayload shows what taking a token apart costs, its signature and payload decoded, beside what encoding/base64 takes for the payload alone.
func BenchmarkPayload(b *testing.B) {
	compact := sign(b, "ES256", `{"alg":"ES256"}`, `{"x":"`+strings.Repeat("x", 400)+`"}`)
	segment := strings.Split(compact, ".")[1]
	b.Run("here", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m jws.Message
			if m.Split(compact, maxBytes) != nil {
				b.Fatal("refused")
			}
			if _, err := m.ReadPayload(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/base64", func(b *testing.B) {
		strict := base64.RawURLEncoding.Strict()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := strict.DecodeString(segment); err != nil {
				b.Fatal(err)
			}
		}
	})
}
