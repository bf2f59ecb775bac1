package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/fuzzkey"
	"github.com/perimeter-go/perimeter/internal/jws"
)

const maxBytes = 16 << 10

// The keys are the same in a fuzzing process and its workers, which must be able to use what it found. They protect nothing.
var keys = func() map[string]crypto.Signer {
	private := fuzzkey.RSA()
	edwards := ed25519.NewKeyFromSeed([]byte(strings.Repeat("\x07", ed25519.SeedSize)))
	return map[string]crypto.Signer{
		"RS256": private, "RS384": private, "RS512": private, "PS256": private, "PS384": private, "PS512": private,
		"ES256": scalar(elliptic.P256(), 32), "ES384": scalar(elliptic.P384(), 48), "ES512": scalar(elliptic.P521(), 66),
		"EdDSA": edwards, "Ed25519": edwards,
	}
}()

func scalar(curve elliptic.Curve, size int) *ecdsa.PrivateKey {
	d := make([]byte, size)
	d[size-1], d[size/2] = 3, 5
	key, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		panic(err)
	}
	return key
}

func public(alg string) crypto.PublicKey { return keys[alg].Public() }

func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
}

func digest(alg string, input []byte) []byte {
	h := hashOf(alg).New()
	h.Write(input)
	return h.Sum(nil)
}

// rawSign signs input by the standard library, as the algorithm asks.
func rawSign(tb testing.TB, alg string, input []byte) []byte {
	tb.Helper()
	var sig []byte
	var err error
	switch key := keys[alg].(type) {
	case *rsa.PrivateKey:
		if alg[0] == 'P' {
			sig, err = rsa.SignPSS(rand.Reader, key, hashOf(alg), digest(alg, input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(nil, key, hashOf(alg), digest(alg, input))
		}
	case *ecdsa.PrivateKey:
		sig, err = ecdsa.SignASN1(rand.Reader, key, digest(alg, input))
		require.NoError(tb, err)
		var numbers struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(sig, &numbers)
		sig = raw(alg, numbers.R, numbers.S)
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, input)
	}
	require.NoError(tb, err)
	return sig
}

// raw is r and s in the form of RFC 7518 section 3.4.
func raw(alg string, r, s *big.Int) []byte {
	size := (keys[alg].(*ecdsa.PrivateKey).Curve.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// unsigned is the signing input, with the dot that follows it.
func unsigned(header, payload string) string {
	return b64([]byte(header)) + "." + b64([]byte(payload)) + "."
}

// sign makes a token of any header, signed as alg asks, whatever the header says.
func sign(tb testing.TB, alg, header, payload string) string {
	tb.Helper()
	input := unsigned(header, payload)
	return input + b64(rawSign(tb, alg, []byte(input[:len(input)-1])))
}

var alice = `{"sub":"alice"}`

// good is a plain token.
func good(tb testing.TB, alg string) string {
	tb.Helper()
	return sign(tb, alg, `{"alg":"`+alg+`","kid":"k1","typ":"at+jwt"}`, alice)
}

// verify parses and verifies, and returns the payload of what is accepted.
func verify(compact string, key crypto.PublicKey) (payload []byte, err error) {
	m, err := jws.Parse(compact, maxBytes)
	if err != nil {
		return nil, err
	}
	if err := m.Verify(key); err != nil {
		return nil, err
	}
	return []byte(m.Payload()), nil
}

func requireKind(t *testing.T, want jws.Kind, err error) {
	t.Helper()
	var refusal *jws.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, want.String(), refusal.Kind.String())
}

var joseAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// joseVerify is what the usual user of go-jose gets: parse with a list of algorithms, verify.
func joseVerify(compact string, key crypto.PublicKey) (payload []byte, err error) {
	m, err := jose.ParseSignedCompact(compact, slices.Clone(joseAlgorithms))
	if err != nil {
		return nil, err
	}
	return m.Verify(key)
}
