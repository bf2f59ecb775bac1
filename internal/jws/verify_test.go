package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

func TestAnAlgorithmTakesItsOwnKeyOnly(t *testing.T) {
	family := map[byte]string{'R': "rsa", 'P': "rsa"}
	for _, alg := range jws.Algorithms() {
		token := good(t, alg)
		for _, other := range jws.Algorithms() {
			_, err := verify(token, public(other))
			same := alg == other || family[alg[0]] != "" && family[alg[0]] == family[other[0]] || alg[:2] == "Ed" && other[:2] == "Ed"
			if same {
				require.NoError(t, err, "%s by the key of %s", alg, other)
				continue
			}
			requireKind(t, jws.KindKey, err)
		}
	}
}

func TestASignatureIsGoodUnderItsOwnAlgorithmOnly(t *testing.T) {
	for _, signed := range jws.Algorithms() {
		for _, named := range jws.Algorithms() {
			_, err := verify(sign(t, signed, `{"alg":"`+named+`"}`, `{}`), public(named))
			if signed == named || signed[:2] == "Ed" && named[:2] == "Ed" {
				require.NoError(t, err, "signed by %s, named %s", signed, named)
				continue
			}
			requireKind(t, jws.KindSignature, err)
		}
	}
}

func TestSupported(t *testing.T) {
	require.Equal(t, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}, jws.Algorithms())
	for _, alg := range jws.Algorithms() {
		require.True(t, jws.Supported(alg))
		require.False(t, jws.Supported(strings.ToLower(alg)))
	}
	require.False(t, jws.Supported(""))
	require.False(t, jws.Supported("none"))
	jws.Algorithms()[0] = "none"
	require.False(t, jws.Supported("none"))
	require.Equal(t, "RS256", jws.Algorithms()[0])
	requireKind(t, jws.KindAlgorithm, jws.VerifySignature("none", public("RS256"), nil, nil))
}

func TestOneBitMoreOrLessIsNoSignature(t *testing.T) {
	for _, alg := range jws.Algorithms() {
		t.Run(alg, func(t *testing.T) {
			input := []byte("what is signed")
			sig := rawSign(t, alg, input)
			require.NoError(t, jws.VerifySignature(alg, public(alg), input, sig))
			for i := range sig {
				if len(sig) > 132 && i%16 != 0 {
					continue // RSA: a sample
				}
				bent := slices.Clone(sig)
				bent[i] ^= 1 << (i % 8)
				requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), input, bent))
			}
			for name, other := range map[string][]byte{
				"none": nil, "empty": {}, "short by a byte": sig[:len(sig)-1], "without its first byte": sig[1:],
				"with a zero before": append([]byte{0}, sig...), "with a zero after": append(slices.Clone(sig), 0),
				"twice": append(slices.Clone(sig), sig...), "zero": make([]byte, len(sig)), "all ones": []byte(strings.Repeat("\xff", len(sig))),
			} {
				t.Run(name, func(t *testing.T) {
					requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), input, other))
				})
			}
			for _, text := range []string{"", "what is signed ", "What is signed"} {
				requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), []byte(text), sig))
			}
		})
	}
}

func TestECDSANumbers(t *testing.T) {
	for _, alg := range []string{"ES256", "ES384", "ES512"} {
		key := keys[alg].(*ecdsa.PrivateKey)
		size := (key.Curve.Params().BitSize + 7) / 8
		input := []byte("what is signed")
		sig := rawSign(t, alg, input)
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		n, zero, one := key.Curve.Params().N, new(big.Int), big.NewInt(1)
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)
		above := func(x *big.Int) *big.Int { return new(big.Int).Add(x, n) }

		for _, tc := range []struct {
			name string
			sig  []byte
		}{
			{"r is zero", raw(alg, zero, s)},
			{"s is zero", raw(alg, r, zero)},
			{"both are zero", raw(alg, zero, zero)},
			{"r is the order", raw(alg, n, s)},
			{"s is the order", raw(alg, r, n)},
			{"both are the order", raw(alg, n, n)},
			{"r is zero and s is one", raw(alg, zero, one)},
			{"both are one", raw(alg, one, one)},
			{"r and s are swapped", raw(alg, s, r)},
			{"the form of ASN.1", der},
			{"a zero before each", slices.Concat([]byte{0}, sig[:size], []byte{0}, sig[size:])},
			{"a zero before s", slices.Concat(sig[:size], []byte{0}, sig[size:])},
			{"r alone", sig[:size]},
			{"s alone", sig[size:]},
		} {
			t.Run(alg+"/"+tc.name, func(t *testing.T) {
				requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), input, tc.sig))
			})
		}
		if above(r).BitLen() <= 8*size { // always for P-521
			requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), input, raw(alg, above(r), s)))
		}
		if above(s).BitLen() <= 8*size {
			requireKind(t, jws.KindSignature, jws.VerifySignature(alg, public(alg), input, raw(alg, r, above(s))))
		}
		t.Run(alg+"/the other s is as good, as RFC 7518 does not forbid it", func(t *testing.T) {
			require.NoError(t, jws.VerifySignature(alg, public(alg), input, raw(alg, r, new(big.Int).Sub(n, s))))
		})
	}
}

// Small numbers have leading zeros in the raw form and none in ASN.1; large ones need a sign byte there.
func TestECDSASignaturesOfEveryShape(t *testing.T) {
	short, long := 0, 0
	for i := 0; short < 3 || long < 3; i++ {
		require.Less(t, i, 20_000)
		input := big.NewInt(int64(i)).Bytes()
		sig := rawSign(t, "ES256", input)
		short += min(1, strings.Count(string(sig[:1])+string(sig[32:33]), "\x00"))
		long += int(sig[0] >> 7)
		require.NoError(t, jws.VerifySignature("ES256", public("ES256"), input, sig))
	}
}

func TestPSSSaltIsAsLongAsTheHash(t *testing.T) {
	key := keys["PS256"].(*rsa.PrivateKey)
	for _, alg := range []string{"PS256", "PS384", "PS512"} {
		for _, salt := range []int{20, 32, 48, 64, 100, rsa.PSSSaltLengthAuto} { // the last is as long as fits
			header := unsigned(`{"alg":"`+alg+`"}`, `{}`)
			opts := &rsa.PSSOptions{SaltLength: salt}
			sig, err := rsa.SignPSS(rand.Reader, key, hashOf(alg), digest(alg, []byte(header[:len(header)-1])), opts)
			require.NoError(t, err)
			_, err = joseVerify(header+b64(sig), key.Public())
			require.NoError(t, err, "go-jose takes every salt")
			_, err = verify(header+b64(sig), key.Public())
			if salt == hashOf(alg).Size() {
				require.NoError(t, err)
				continue
			}
			requireKind(t, jws.KindSignature, err)
		}
	}
}

func TestEd25519TakesOnlyAReducedS(t *testing.T) {
	order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	require.True(t, ok)
	input := []byte("what is signed")
	sig := rawSign(t, "EdDSA", input)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	above := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(above)
	requireKind(t, jws.KindSignature, jws.VerifySignature("EdDSA", public("EdDSA"), input, slices.Concat(sig[:32], above)))
}

func handmade(curve elliptic.Curve, x, y *big.Int) *ecdsa.PublicKey {
	return &ecdsa.PublicKey{Curve: curve, X: x, Y: y} //nolint:staticcheck // it must be possible to make a bad one
}

// ownCurve is what a caller might make up.
type ownCurve struct {
	elliptic.Curve
	_ []int // not comparable
}

func TestUnusableKeysRefuseAndDoNotPanic(t *testing.T) {
	rsaKey, ecKey, edKey := public("RS256").(*rsa.PublicKey), public("ES256").(*ecdsa.PublicKey), public("EdDSA").(ed25519.PublicKey)
	modulus := func(bits int) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.Add(n, big.NewInt(1))
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	p := ecKey.Curve.Params().P
	uncompressed, err := ecKey.Bytes() // 4, x, y
	require.NoError(t, err)
	x, y := new(big.Int).SetBytes(uncompressed[1:33]), new(big.Int).SetBytes(uncompressed[33:])
	point := func(x, y *big.Int) *ecdsa.PublicKey { return handmade(ecKey.Curve, x, y) }

	for _, tc := range []struct {
		name string
		key  crypto.PublicKey
	}{
		{"nil", nil},
		{"text", "secret"},
		{"bytes", []byte("secret")},
		{"a JWK", jose.JSONWebKey{Key: rsaKey}},
		{"a private RSA key", keys["RS256"]},
		{"a private EC key", keys["ES256"]},
		{"a private Ed25519 key", keys["EdDSA"]},
		{"an RSA key by value", *rsaKey},
		{"a pointer to an Ed25519 key", &edKey},

		{"a nil RSA key", (*rsa.PublicKey)(nil)},
		{"a zero RSA key", &rsa.PublicKey{}},
		{"RSA without an exponent", &rsa.PublicKey{N: rsaKey.N}},
		{"RSA with e=1", &rsa.PublicKey{N: rsaKey.N, E: 1}},
		{"RSA with e=3", &rsa.PublicKey{N: rsaKey.N, E: 3}},
		{"RSA with e=65535", &rsa.PublicKey{N: rsaKey.N, E: 65535}},
		{"RSA with an even exponent", &rsa.PublicKey{N: rsaKey.N, E: 65538}},
		{"RSA with a negative exponent", &rsa.PublicKey{N: rsaKey.N, E: -65537}},
		{"RSA of zero", &rsa.PublicKey{N: new(big.Int), E: 65537}},
		{"RSA with a negative modulus", &rsa.PublicKey{N: new(big.Int).Neg(rsaKey.N), E: 65537}},
		{"RSA with an even modulus", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}},
		{"RSA of 1024 bits", weak.Public()},
		{"RSA of 2047 bits", &rsa.PublicKey{N: modulus(2047), E: 65537}},
		{"RSA of 4097 bits", &rsa.PublicKey{N: modulus(4097), E: 65537}},
		{"RSA of a million bits", &rsa.PublicKey{N: modulus(1_000_000), E: 65537}},

		{"a nil EC key", (*ecdsa.PublicKey)(nil)},
		{"a zero EC key", &ecdsa.PublicKey{}},
		{"EC without a point", point(nil, nil)},
		{"EC without y", point(x, nil)},
		{"EC without a curve", handmade(nil, x, y)},
		{"EC at the origin", point(new(big.Int), new(big.Int))},
		{"EC off the curve", point(x, new(big.Int).Add(y, big.NewInt(1)))},
		{"EC with a negative coordinate", point(x, new(big.Int).Neg(y))},
		{"EC with a coordinate of the field's size", point(x, p)},
		{"EC with a coordinate that is not reduced", point(x, new(big.Int).Add(y, p))},
		{"EC with a huge coordinate", point(modulus(100_000), y)},
		{"EC of P-224", other.Public()},
		{"EC by a generic curve", handmade(ecKey.Params(), x, y)},
		{"EC by a curve of one's own", handmade(ownCurve{Curve: elliptic.P256()}, x, y)},

		{"a nil Ed25519 key", ed25519.PublicKey(nil)},
		{"a short Ed25519 key", edKey[:31]},
		{"a long Ed25519 key", append(slices.Clone(edKey), 0)},
		{"a zero Ed25519 key", make(ed25519.PublicKey, 32)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, alg := range jws.Algorithms() {
				_, err := verify(good(t, alg), tc.key)
				requireKind(t, jws.KindKey, err)
			}
		})
	}
	t.Run("Ed25519 off the curve is found at the check", func(t *testing.T) {
		off := ed25519.PublicKey("\x02" + strings.Repeat("\x00", 31))
		_, err := verify(good(t, "EdDSA"), off)
		requireKind(t, jws.KindSignature, err)
	})
}

// smallOrder lists the points whose order divides 8, with spellings that are not reduced, little-endian.
var smallOrder = []string{
	"\x00" + strings.Repeat("\x00", 31),
	"\x01" + strings.Repeat("\x00", 31),
	"\xec" + strings.Repeat("\xff", 30) + "\x7f",
	"\xed" + strings.Repeat("\xff", 30) + "\x7f",
	"\xee" + strings.Repeat("\xff", 30) + "\x7f",
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
}

// Under a key of small order, R = 1 and S = 0 sign one message in eight or more, without any secret.
func TestNobodySignsUnderAnEd25519KeyOfSmallOrder(t *testing.T) {
	forgery := make([]byte, ed25519.SignatureSize)
	forgery[0] = 1
	forged := 0
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			key := ed25519.PublicKey(y)
			key[31] |= sign
			for i := range 100 {
				input := []byte{byte(i)}
				if ed25519.Verify(key, input, forgery) {
					forged++
				}
				requireKind(t, jws.KindKey, jws.VerifySignature("EdDSA", key, input, forgery))
			}
		}
	}
	require.Greater(t, forged, 100, "crypto/ed25519 alone would have been deceived")
}
