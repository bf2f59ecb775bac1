package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

var allAlgorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	"HS256", "none", "RSA-OAEP", "ES256K", "es256", "",
}

var rsaAlgorithms = allAlgorithms[:6]

// fits lists the algorithms under which a set gives a key for kid.
func fits(t *testing.T, s *jwks.Set, kid string) []string {
	t.Helper()
	var fitting []string
	for _, alg := range allAlgorithms {
		keys, err := s.PublicKeys(t.Context(), kid, alg)
		require.NoError(t, err)
		if len(keys) > 0 {
			fitting = append(fitting, alg)
		}
	}
	return fitting
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

type edit = map[string]any

func TestUsableEntries(t *testing.T) {
	for _, row := range []struct {
		name  string
		entry string
		want  []string
	}{
		{"RSA without alg fits all its algorithms", jwk(rsa2048(), "k"), rsaAlgorithms},
		{"RSA with alg fits that one", jwk(rsa2048(), "k", edit{"alg": "PS384"}), []string{"PS384"}},
		{"P-256", jwk(p256(), "k"), []string{"ES256"}},
		{"P-384", jwk(p384(), "k"), []string{"ES384"}},
		{"P-521", jwk(p521(), "k"), []string{"ES512"}},
		{"Ed25519", jwk(ed(), "k"), []string{"EdDSA", "Ed25519"}},
		{"Ed25519 with alg EdDSA fits both names", jwk(ed(), "k", edit{"alg": "EdDSA"}), []string{"EdDSA", "Ed25519"}},
		{"Ed25519 with alg Ed25519 fits both names", jwk(ed(), "k", edit{"alg": "Ed25519"}), []string{"EdDSA", "Ed25519"}},
		{"use sig", jwk(p256(), "k", edit{"use": "sig"}), []string{"ES256"}},
		{"use jwt-svid, as SPIRE's bundle says", jwk(p256(), "k", edit{"use": "jwt-svid"}), []string{"ES256"}},
		{"key_ops with verify", jwk(p256(), "k", edit{"key_ops": []string{"sign", "verify"}}), []string{"ES256"}},
		{"members nobody knows", jwk(p256(), "k", edit{"x-vendor": edit{"deep": []int{1}}, "exp": 1}), []string{"ES256"}},
		{"x5u, which is never followed", jwk(p256(), "k", edit{"x5u": "http://169.254.169.254/"}), []string{"ES256"}},
		{"a certificate of the same key", jwk(certified.public, "k", edit{"x5c": []string{certified.der}}), []string{"ES256"}},
		{"a kid of 256 bytes", jwk(p256(), strings.Repeat("k", 256)), []string{"ES256"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := jwks.Parse([]byte(keySet(row.entry)))
			require.NoError(t, err)
			require.Empty(t, s.Skipped())
			require.Equal(t, 1, s.Usable())
			kid := s.KeyIDs()[0]
			require.Equal(t, row.want, fits(t, s, kid))
			require.Equal(t, row.want, fits(t, s, ""), "without a kid")
			require.Empty(t, fits(t, s, "other"))
		})
	}
}

func TestUnusableEntriesAreSkippedAndCounted(t *testing.T) {
	smallRSA := must(rsa.GenerateKey(rand.Reader, 1024)).Public()
	largeN := new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 4096), 0, 1) // 4097 bits
	offCurve := slices.Clone(ed().(ed25519.PublicKey))
	for onCurve(offCurve) {
		offCurve[0]++
	}
	for _, row := range []struct{ name, entry, reason string }{
		{"null", `null`, "malformed"},
		{"a string", `"key"`, "malformed"},
		{"a number", `1`, "malformed"},
		{"an array", `[]`, "malformed"},
		{"an empty object", `{}`, "type"},
		{"a numeric kid", jwk(p256(), "", edit{"kid": 7}), "malformed"},
		{"a null kid", `{"kid":null,` + jwk(p256(), "")[1:], "malformed"},
		{"a kid of 257 bytes", jwk(p256(), strings.Repeat("k", 257)), "malformed"},
		{"kty in lower case", jwk(p256(), "k", edit{"kty": "ec"}), "type"},
		{"Kty for kty", jwk(p256(), "k", edit{"kty": nil, "Kty": "EC"}), "type"},
		{"a post-quantum key", `{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA","kid":"pq"}`, "type"},
		{"secp256k1", jwk(p256(), "k", edit{"crv": "secp256k1"}), "type"},
		{"X25519", jwk(ed(), "k", edit{"crv": "X25519"}), "type"},
		{"Ed448", jwk(ed(), "k", edit{"crv": "Ed448"}), "type"},
		{"a symmetric key", `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA","kid":"k","alg":"HS256"}`, "symmetric"},
		{"a private EC key", jwk(p256(), "k", edit{"d": "AAAA"}), "private"},
		{"a private member that is null", `{"d":null,` + jwk(p256(), "k")[1:], "private"},
		{"RSA with p", jwk(rsa2048(), "k", edit{"p": "AAAA"}), "private"},
		{"RSA with oth", jwk(rsa2048(), "k", edit{"oth": []int{}}), "private"},
		{"a public key with k", jwk(p256(), "k", edit{"k": "c2VjcmV0"}), "private"},
		{"use enc", jwk(rsa2048(), "k", edit{"use": "enc"}), "use"},
		{"use x509-svid, as SPIRE's bundle says", jwk(p256(), "k", edit{"use": "x509-svid"}), "use"},
		{"use in upper case", jwk(p256(), "k", edit{"use": "SIG"}), "use"},
		{"an empty use", jwk(p256(), "k", edit{"use": ""}), "use"},
		{"use that is a list", jwk(p256(), "k", edit{"use": []string{"sig"}}), "malformed"},
		{"key_ops without verify", jwk(p256(), "k", edit{"key_ops": []string{"sign"}}), "key_ops"},
		{"empty key_ops", jwk(p256(), "k", edit{"key_ops": []string{}}), "key_ops"},
		{"key_ops that is a string", jwk(p256(), "k", edit{"key_ops": "verify"}), "malformed"},
		{"alg of another type", jwk(rsa2048(), "k", edit{"alg": "ES256"}), "algorithm"},
		{"alg of another curve", jwk(p256(), "k", edit{"alg": "ES384"}), "algorithm"},
		{"ES512 on P-256", jwk(p256(), "k", edit{"alg": "ES512"}), "algorithm"},
		{"HS256 on an RSA key", jwk(rsa2048(), "k", edit{"alg": "HS256"}), "algorithm"},
		{"alg none", jwk(p256(), "k", edit{"alg": "none"}), "algorithm"},
		{"an empty alg", jwk(p256(), "k", edit{"alg": ""}), "algorithm"},
		{"an encryption alg", jwk(rsa2048(), "k", edit{"alg": "RSA-OAEP"}), "algorithm"},
		{"alg that is a number", jwk(p256(), "k", edit{"alg": 256}), "malformed"},
		{"RSA of 1024 bits", jwk(smallRSA, "k"), "size"},
		{"RSA of 2047 bits", jwk(rsa2048(), "k", edit{"n": b64(new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 2046), 0, 1).Bytes())}), "size"},
		{"RSA of 4097 bits", jwk(rsa2048(), "k", edit{"n": b64(largeN.Bytes())}), "size"},
		{"RSA with e=1", jwk(rsa2048(), "k", edit{"e": "AQ"}), "malformed"},
		{"RSA with e=3", jwk(rsa2048(), "k", edit{"e": "Aw"}), "size"},
		{"RSA with an even e", jwk(rsa2048(), "k", edit{"e": "AQAC"}), "malformed"},
		{"RSA with e above 31 bits", jwk(rsa2048(), "k", edit{"e": "AQAAAAE"}), "malformed"},
		{"RSA with an even modulus", jwk(rsa2048(), "k", edit{"n": b64(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())}), "malformed"},
		{"RSA without n", jwk(rsa2048(), "k", edit{"n": nil}), "malformed"},
		{"RSA with padded n", jwk(rsa2048(), "k", edit{"n": "AQAB="}), "malformed"},
		{"EC off the curve", jwk(p256(), "k", edit{"x": b64(make([]byte, 32))}), "malformed"},
		{"EC at infinity", jwk(p256(), "k", edit{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}), "malformed"},
		{"EC with a short coordinate", jwk(p256(), "k", edit{"x": "AAAA"}), "malformed"},
		{"Ed25519 of 31 bytes", jwk(ed(), "k", edit{"x": b64(make([]byte, 31))}), "malformed"},
		{"Ed25519 off the curve", jwk(ed(), "k", edit{"x": b64(offCurve)}), "malformed"},
		{"Ed25519 of small order", jwk(ed(), "k", edit{"x": b64(make([]byte, 32))}), "malformed"},
		{"Ed25519 above the field", jwk(ed(), "k", edit{"x": b64(append(slices.Repeat([]byte{0xff}, 31), 0x7f))}), "malformed"},
		{"x5c that is no certificate", jwk(p256(), "k", edit{"x5c": []string{"AAAA"}}), "malformed"},
		{"x5c of another key", jwk(p384(), "k", edit{"x5c": []string{certified.der}}), "malformed"},
		{"x5c that is a string", jwk(p256(), "k", edit{"x5c": certified.der}), "malformed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := jwks.Parse([]byte(keySet(row.entry, jwk(p256(), "good"))))
			require.NoError(t, err, "one bad entry does not lose the set")
			require.Equal(t, map[string]int{row.reason: 1}, s.Skipped())
			require.Equal(t, []string{"good"}, s.KeyIDs())
			require.Equal(t, []string{"ES256"}, fits(t, s, ""))

			_, err = jwks.Parse([]byte(keySet(row.entry)))
			require.EqualError(t, err, "jwks: the key set has no usable key")
		})
	}
}

func TestSameKidTwice(t *testing.T) {
	other := newP256()
	s, err := jwks.Parse([]byte(keySet(jwk(p256(), "k"), jwk(rsa2048(), "k"), jwk(other, "k"), jwk(p256(), "k"), jwk(p256(), ""))))
	require.NoError(t, err)
	require.Equal(t, []string{"k"}, s.KeyIDs())
	require.Equal(t, 5, s.Usable())
	require.Equal(t, []crypto.PublicKey{p256(), other}, lookUp(t, s, "k", "ES256"), "both that fit, none twice")
	require.Equal(t, []crypto.PublicKey{rsa2048()}, lookUp(t, s, "k", "RS256"), "another kty under it")
	require.Equal(t, []crypto.PublicKey{p256(), other}, lookUp(t, s, "", "ES256"))
}

func TestKeysWithoutAKidAnswerOnlyTokensWithoutOne(t *testing.T) {
	s, err := jwks.Parse([]byte(keySet(jwk(p256(), ""), jwk(p384(), "", edit{"kid": ""}))))
	require.NoError(t, err)
	require.Empty(t, s.KeyIDs())
	require.Equal(t, []string{"ES256", "ES384"}, fits(t, s, ""))
	require.Empty(t, fits(t, s, "k"))
}

func TestParseRefusesWhatIsNoKeySet(t *testing.T) {
	good := jwk(p256(), "k")
	many := slices.Repeat([]string{good}, 101)
	for _, row := range []struct{ name, document, want string }{
		{"nothing", ``, "jwks: the document is not a key set"},
		{"HTML", `<html>`, "jwks: the document is not a key set"},
		{"an empty object", `{}`, "jwks: the document is not a key set"},
		{"an array", `[` + good + `]`, "jwks: the document is not a key set"},
		{"a single key", good, "jwks: the document is not a key set"},
		{"null keys", `{"keys":null}`, "jwks: the document is not a key set"},
		{"keys that are an object", `{"keys":{"k":` + good + `}}`, "jwks: the document is not a key set"},
		{"Keys for keys", `{"Keys":[` + good + `]}`, "jwks: the document is not a key set"},
		{"keys twice", `{"keys":[` + good + `],"keys":[]}`, "jwks: the document is not a key set"},
		{"keys twice, once escaped", `{"keys":[` + good + `],"\u006beys":[]}`, "jwks: the document is not a key set"},
		{"a member twice in an entry", `{"keys":[{"kid":"a",` + good[1:] + `]}`, "jwks: the document is not a key set"},
		{"something after it", keySet(good) + `{}`, "jwks: the document is not a key set"},
		{"cut off", keySet(good)[:80], "jwks: the document is not a key set"},
		{"invalid UTF-8", `{"a":"` + "\xff" + `","keys":[` + good + `]}`, "jwks: the document is not a key set"},
		{"nested too deep", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"keys":[` + good + `]}`, "jwks: the document is not a key set"},
		{"no keys", `{"keys":[]}`, "jwks: the key set has no usable key"},
		{"101 keys", keySet(many...), "jwks: the key set has more than 100 entries"},
		{"above 1 MiB", keySet(good) + strings.Repeat(" ", 1<<20), "jwks: the document is larger than 1 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := jwks.Parse([]byte(row.document))
			require.EqualError(t, err, row.want)
			require.Nil(t, s)
		})
	}
	_, err := jwks.Parse([]byte(keySet(many[:100]...)))
	require.NoError(t, err, "100 keys")
}

func TestSetLendsNothingThatReachesIt(t *testing.T) {
	s, err := jwks.Parse([]byte(keySet(jwk(p256(), "k"), jwk(newP256(), "k"), jwk(newP256(), "k"), `null`)))
	require.NoError(t, err)
	s.KeyIDs()[0] = "changed"
	s.Skipped()["changed"] = 1
	require.Equal(t, []string{"k"}, s.KeyIDs())
	require.Equal(t, map[string]int{"malformed": 1}, s.Skipped())
	require.Equal(t, 3, cap(lookUp(t, s, "k", "ES256")), "an append by one caller is not seen by another")
}

func TestEveryRealEd25519KeyIsOnTheCurve(t *testing.T) {
	for range 300 {
		public := must(ed25519Key())
		require.True(t, onCurve(public.(ed25519.PublicKey)))
		_, err := jwks.Parse([]byte(keySet(jwk(public, "k"))))
		require.NoError(t, err)
	}
}

func TestTheZeroSetHasNoKey(t *testing.T) {
	var s jwks.Set
	require.Empty(t, fits(t, &s, ""))
	require.Zero(t, s.Usable())
	require.Empty(t, s.KeyIDs())
	require.Empty(t, s.Skipped())
}

func TestANilSetHasNoKey(t *testing.T) {
	var s *jwks.Set
	require.Empty(t, fits(t, s, ""))
	require.Zero(t, s.Usable())
	require.Empty(t, s.KeyIDs())
	require.Empty(t, s.Skipped())
}

func lookUp(t *testing.T, s *jwks.Set, kid, alg string) []crypto.PublicKey {
	t.Helper()
	keys, err := s.PublicKeys(t.Context(), kid, alg)
	require.NoError(t, err)
	return keys
}

// onCurve is the oracle for points of Ed25519: the curve equation -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 section 5.1), solved for x^2,
// which must be a square by Euler's criterion. The constant d is that of the RFC's text.
func onCurve(encoded []byte) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d, _ := new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
	le := slices.Clone(encoded)
	le[31] &= 0x7f
	slices.Reverse(le)
	y := new(big.Int).SetBytes(le)
	yy := new(big.Int).Mul(y, y)
	num := new(big.Int).Sub(yy, big.NewInt(1))
	den := new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1))
	x2 := new(big.Int).Mul(num, new(big.Int).Exp(den, new(big.Int).Sub(p, big.NewInt(2)), p))
	x2.Mod(x2, p)
	euler := new(big.Int).Exp(x2, new(big.Int).Rsh(new(big.Int).Sub(p, big.NewInt(1)), 1), p)
	return euler.Sign() == 0 || euler.Cmp(big.NewInt(1)) == 0
}

// certified is a key with a certificate about it.
var certified = func() (c struct {
	public crypto.PublicKey
	der    string
},
) {
	private := must(ecdsa.GenerateKey(p256().(*ecdsa.PublicKey).Curve, rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))
	c.public, c.der = private.Public(), base64.StdEncoding.EncodeToString(der)
	return c
}()
