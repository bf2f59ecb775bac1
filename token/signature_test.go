package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func TestEveryAlgorithmVerifies(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			c, err := verifier(t, &keys{}, plain()).Verify(t.Context(), issuer.Sign(alg, nil, []byte(payload())))
			require.NoError(t, err)
			require.Equal(t, alg, c.Algorithm())
			require.Equal(t, issuer.KeyID(alg), c.KeyID())
		})
	}
}

func TestEdDSAAndEd25519NameOneThing(t *testing.T) {
	for _, policy := range []string{"EdDSA", "Ed25519"} {
		for _, header := range []string{"EdDSA", "Ed25519"} {
			p := plain()
			p.Algorithms = []string{policy}
			raw := issuer.Sign("EdDSA", map[string]any{"alg": header}, []byte(payload()))
			c, err := verifier(t, &keys{}, p).Verify(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, header, c.Algorithm())
		}
	}
}

func TestAnAlgorithmOutsideThePolicyCostsNothing(t *testing.T) {
	p := plain()
	p.Algorithms = []string{"ES256", "PS256"}
	for _, alg := range algorithms {
		source := &keys{}
		raw := issuer.Sign(alg, nil, []byte(payload()))
		c, err := verifier(t, source, p).Verify(t.Context(), raw)
		if alg == "ES256" || alg == "PS256" {
			require.NoError(t, err)
			continue
		}
		requireRefused(t, c, err, token.ReasonAlgorithm, raw)
		require.Zero(t, source.asked)
	}
}

// The oldest trick: the public key, in any of its forms, as the secret of an HMAC (CVE-2015-9235).
func TestAPublicKeyIsNoSecret(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	require.NoError(t, err)
	jwk, err := (&jose.JSONWebKey{Key: private.Public(), KeyID: "k1"}).MarshalJSON()
	require.NoError(t, err)
	for _, tc := range []struct {
		name   string
		secret []byte
	}{
		{"its PEM", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})},
		{"its DER", der},
		{"its PKCS #1", x509.MarshalPKCS1PublicKey(&private.PublicKey)},
		{"its JWK", jwk},
		{"its modulus", private.N.Bytes()},
		{"the empty key", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			input := b64([]byte(`{"alg":"HS256","kid":"k1","typ":"at+jwt"}`)) + "." + b64([]byte(payload()))
			mac := hmac.New(sha256.New, tc.secret)
			mac.Write([]byte(input))
			raw := input + "." + b64(mac.Sum(nil))
			source := only(private.Public(), tc.secret)
			c, err := verifier(t, source, plain()).Verify(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonAlgorithm, raw)
			require.Zero(t, source.asked)
		})
	}
}

// The source answers with one key whatever it is asked; the algorithm must agree with that key.
func TestAKeyOfAnotherKindDoesNotVerify(t *testing.T) {
	for _, pair := range []struct{ name, signs, header, key string }{
		{"RS256 under an elliptic key", "RS256", "RS256", "ES256"},
		{"ES256 under an RSA key", "ES256", "ES256", "RS256"},
		{"ES256 under a P-384 key", "ES256", "ES256", "ES384"},
		{"ES512 by a P-256 key", "ES256", "ES512", "ES256"},
		{"ES384 by a P-256 key", "ES256", "ES384", "ES256"},
		{"EdDSA under an elliptic key", "EdDSA", "EdDSA", "ES256"},
		{"RS256 under an Ed25519 key", "RS256", "RS256", "EdDSA"},
	} {
		t.Run(pair.name, func(t *testing.T) {
			list, err := issuer.PublicKeys(t.Context(), issuer.KeyID(pair.key), pair.key)
			require.NoError(t, err)
			require.Len(t, list, 1)
			raw := issuer.Sign(pair.signs, map[string]any{"alg": pair.header}, []byte(payload()))
			c, err := verifier(t, only(list...), plain()).Verify(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonUnknownKey, raw)
		})
	}
}

// A key of the issuer that is pinned to another algorithm is not one of the keys that the source has for this one.
func TestRS512UnderAKeyPinnedToRS256(t *testing.T) {
	raw := signRSA(t, issuerRSA(t), "RS512", issuer.KeyID("RS256"), nil)
	c, err := verifier(t, &keys{}, plain()).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonUnknownKey, raw)
}

// issuerRSA is some RSA key: the signature is not what refuses.
func issuerRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return private
}

// signRSA signs the baseline by RS or PS with a salt length of the caller's choice.
func signRSA(t *testing.T, private *rsa.PrivateKey, alg, kid string, pss *rsa.PSSOptions) string {
	t.Helper()
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	input := b64([]byte(`{"alg":"`+alg+`","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + b64([]byte(payload()))
	h := hash.New()
	h.Write([]byte(input))
	var opts crypto.SignerOpts = hash
	if pss != nil {
		pss.Hash = hash
		opts = pss
	}
	sig, err := private.Sign(rand.Reader, h.Sum(nil), opts)
	require.NoError(t, err)
	return input + "." + b64(sig)
}

func TestRSASignatures(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // to make a key that must not be accepted
	private := issuerRSA(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for _, tc := range []struct {
		name, alg string
		private   *rsa.PrivateKey
		salt      int
		want      token.Reason
	}{
		{"PS256 with a salt as long as the hash", "PS256", private, 32, ""},
		{"PS512 with a salt as long as the hash", "PS512", private, 64, ""},
		{"PS256 without a salt", "PS256", private, -2, token.ReasonSignature},
		{"PS256 with a salt of 20 bytes", "PS256", private, 20, token.ReasonSignature},
		{"PS256 with the longest salt", "PS256", private, rsa.PSSSaltLengthAuto, token.ReasonSignature},
		{"PS512 with a salt of 32 bytes", "PS512", private, 32, token.ReasonSignature},
		{"RS256 with 1024 bits", "RS256", small, 0, token.ReasonUnknownKey},
		{"PS256 with 1024 bits", "PS256", small, 32, token.ReasonUnknownKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var pss *rsa.PSSOptions
			if tc.alg[0] == 'P' {
				pss = &rsa.PSSOptions{SaltLength: tc.salt}
			}
			raw := ""
			if tc.salt == -2 {
				raw = signWithoutSalt(t, tc.private)
			} else {
				raw = signRSA(t, tc.private, tc.alg, "k1", pss)
			}
			c, err := verifier(t, only(tc.private.Public()), plain()).Verify(t.Context(), raw)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

// signWithoutSalt makes a PS256 signature with a salt of length 0, which crypto/rsa takes for "automatic" and cannot make: the
// encoding of RFC 8017 section 9.1.1 by hand.
func signWithoutSalt(t *testing.T, private *rsa.PrivateKey) string {
	t.Helper()
	input := b64([]byte(`{"alg":"PS256","kid":"k1"}`)) + "." + b64([]byte(payload()))
	digest := sha256.Sum256([]byte(input))
	h := sha256.Sum256(append(make([]byte, 8), digest[:]...))
	emLen := (private.N.BitLen() + 6) / 8
	em := make([]byte, emLen)
	db := em[:emLen-33]
	db[len(db)-1] = 1
	for i := range db {
		block := sha256.Sum256(append(append([]byte(nil), h[:]...), 0, 0, 0, byte(i/32)))
		db[i] ^= block[i%32]
	}
	db[0] &= 0x7f
	copy(em[emLen-33:], h[:])
	em[emLen-1] = 0xbc
	sig := new(big.Int).Exp(new(big.Int).SetBytes(em), private.D, private.N).FillBytes(make([]byte, private.Size()))
	require.NoError(t, rsa.VerifyPSS(&private.PublicKey, crypto.SHA256, digest[:], sig, nil), "not a signature at all")
	return input + "." + b64(sig)
}

func TestSignaturesThatRefuse(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	input := b64([]byte(`{"alg":"ES256","kid":"k1"}`)) + "." + b64([]byte(payload()))
	r, s := signECDSA(t, private, input)
	order := elliptic.P256().Params().N
	raw := func(r, s *big.Int) []byte {
		both := make([]byte, 64)
		r.FillBytes(both[:32])
		s.FillBytes(both[32:])
		return both
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	require.NoError(t, err)
	strangeR, strangeS := signECDSA(t, other, input)
	zero, largest := new(big.Int), new(big.Int).SetBytes([]byte(strings.Repeat("\xff", 32)))

	for _, tc := range []struct {
		name string
		sig  []byte
	}{
		{"by another key", raw(strangeR, strangeS)},
		{"r and s zero (CVE-2022-21449)", raw(zero, zero)},
		{"r zero", raw(zero, s)},
		{"s zero", raw(r, zero)},
		{"r the order", raw(order, s)},
		{"s the order", raw(r, order)},
		{"r and s the largest there are", raw(largest, largest)},
		{"r and s exchanged", raw(s, r)},
		{"ASN.1 instead of raw", der},
		{"a leading zero before r and s", append([]byte{0}, raw(r, s)...)},
		{"leading zeros before each", append(append([]byte{0}, raw(r, s)[:32]...), append([]byte{0}, raw(r, s)[32:]...)...)},
		{"truncated", raw(r, s)[:63]},
		{"half", raw(r, s)[:32]},
		{"one byte", []byte{1}},
		{"with something after it", append(raw(r, s), 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token1 := input + "." + b64(tc.sig)
			c, err := verifier(t, only(private.Public()), plain()).Verify(t.Context(), token1)
			requireRefused(t, c, err, token.ReasonSignature, token1)
		})
	}
	_, err = verifier(t, only(private.Public()), plain()).Verify(t.Context(), input+"."+b64(raw(r, s)))
	require.NoError(t, err, "the signature that all rows are made of is good")
}

func signECDSA(t *testing.T, private *ecdsa.PrivateKey, input string) (r, s *big.Int) {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	require.NoError(t, err)
	return r, s
}

func TestAnEd25519SignatureHasOneSpelling(t *testing.T) {
	m := newMinter(t)
	good := m.sign(edHeader, payload())
	input := good[:strings.LastIndexByte(good, '.')]
	sig := ed25519.Sign(m.private, []byte(input))
	order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	require.True(t, ok)
	s := new(big.Int).Add(littleEndian(sig[32:]), order) // S + L verifies where only the equation is checked
	malleable := append(append([]byte(nil), sig[:32]...), reversed(s.FillBytes(make([]byte, 32)))...)
	for name, sig := range map[string][]byte{
		"S plus the order of the group": malleable,
		"truncated":                     sig[:63],
		"with something after it":       append(append([]byte(nil), sig...), 0),
		"zeros":                         make([]byte, 64),
	} {
		raw := input + "." + b64(sig)
		c, err := verifier(t, m.source(), plain()).Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonSignature, raw)
		require.NotEmpty(t, name)
	}
}

func littleEndian(b []byte) *big.Int { return new(big.Int).SetBytes(reversed(b)) }

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return out
}

func TestATamperedTokenDoesNotVerify(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			raw := issuer.Sign(alg, nil, []byte(payload()))
			h, rest, _ := strings.Cut(raw, ".")
			_, s, _ := strings.Cut(rest, ".")
			source := &keys{}
			forged := h + "." + b64([]byte(payload(with("scope", `"admin"`)))) + "." + s
			c, err := verifier(t, source, plain()).Verify(t.Context(), forged)
			requireRefused(t, c, err, token.ReasonSignature, forged)
			require.Equal(t, 1, source.asked, "a bad signature under a known kid asks once")
		})
	}
}

func TestKeys(t *testing.T) {
	m, a, b, d := newMinter(t), newMinter(t), newMinter(t), newMinter(t)
	mine, list := m.private.Public(), []crypto.PublicKey{a.private.Public(), b.private.Public(), d.private.Public()}
	withKid, withoutKid := m.sign(edHeader, payload()), m.sign(`{"alg":"EdDSA"}`, payload())
	for _, tc := range []struct {
		name, raw string
		keys      []crypto.PublicKey
		want      token.Reason
	}{
		{"the key", withKid, []crypto.PublicKey{mine}, ""},
		{"two keys under one kid, the second is it", withKid, []crypto.PublicKey{list[0], mine}, ""},
		{"no kid, and one key fits", withoutKid, []crypto.PublicKey{mine}, ""},
		{"no kid, and the second of two keys is it", withoutKid, []crypto.PublicKey{list[0], mine}, ""},
		{"no kid, and three keys fit: each would cost a check", withoutKid, []crypto.PublicKey{mine, list[0], list[1]}, token.ReasonUnknownKey},
		{"an empty kid is no kid", m.sign(`{"alg":"EdDSA","kid":""}`, payload()), []crypto.PublicKey{mine, list[0], list[1]}, token.ReasonUnknownKey},
		{"no such key", withKid, nil, token.ReasonUnknownKey},
		{"no kid and no key", withoutKid, nil, token.ReasonUnknownKey},
		{"only other keys", withKid, list, token.ReasonSignature},
		{"a nil key", withKid, []crypto.PublicKey{nil}, token.ReasonUnknownKey},
		{"a private key", withKid, []crypto.PublicKey{m.private}, token.ReasonUnknownKey},
		{"a secret", withKid, []crypto.PublicKey{[]byte("s3cr3t")}, token.ReasonUnknownKey},
		{"a key that is too short", withKid, []crypto.PublicKey{ed25519.PublicKey("short")}, token.ReasonUnknownKey},
		{"a nil *rsa.PublicKey", issuer.Sign("RS256", nil, []byte(payload())), []crypto.PublicKey{(*rsa.PublicKey)(nil)}, token.ReasonUnknownKey},
		{"a nil *ecdsa.PublicKey", signed(), []crypto.PublicKey{(*ecdsa.PublicKey)(nil)}, token.ReasonUnknownKey},
		{"an odd key beside the right one", withKid, []crypto.PublicKey{nil, "s3cr3t", mine}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := only(tc.keys...)
			c, err := verifier(t, source, plain()).Verify(t.Context(), tc.raw)
			require.Equal(t, 1, source.asked)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, c, err, tc.want, tc.raw)
		})
	}
}

func TestTheSourceIsAskedForExactlyWhatTheHeaderSays(t *testing.T) {
	var gotKid, gotAlg string
	source := &keys{find: func(kid, alg string) ([]crypto.PublicKey, error) {
		gotKid, gotAlg = kid, alg
		return nil, nil
	}}
	const kid = `../../etc/passwd?x=%2e\u0022&SELECT`
	raw := issuer.SignRaw("ES256", []byte(`{"alg":"ES256","kid":"`+kid+`"}`), []byte(payload()))
	_, err := verifier(t, source, plain()).Verify(t.Context(), raw)
	require.ErrorIs(t, err, token.ErrRefused)
	require.Equal(t, strings.ReplaceAll(kid, `\u0022`, `"`), gotKid)
	require.Equal(t, "ES256", gotAlg)
}

func TestAKeySourceThatFailsLeavesTheTokenUndecided(t *testing.T) {
	down := errors.New("the key set could not be fetched")
	source := &keys{find: func(string, string) ([]crypto.PublicKey, error) { return nil, down }}
	v := verifier(t, source, plain())
	mux, err := token.NewMux(v)
	require.NoError(t, err)
	for _, verify := range []func() (*token.Claims, error){
		func() (*token.Claims, error) { return v.Verify(t.Context(), signed()) },
		func() (*token.Claims, error) { return mux.Verify(t.Context(), signed()) },
	} {
		c, err := verify()
		require.Nil(t, c)
		require.ErrorIs(t, err, down)
		require.NotErrorIs(t, err, token.ErrRefused)
		require.Equal(t, token.ReasonUndecided, token.ReasonOf(err))
	}
	raw := signed(with("exp", `1`))
	c, err := v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonExpired, raw)
}

// A key source that verifies tokens itself, to fetch its keys, may fail by an error of this package.
func TestAKeySourceHasNoSayOnTheToken(t *testing.T) {
	_, refused := verifier(t, &keys{}, plain()).Verify(t.Context(), signed(with("exp", `1`)))
	require.ErrorIs(t, refused, token.ErrRefused)
	source := &keys{find: func(string, string) ([]crypto.PublicKey, error) {
		return nil, fmt.Errorf("its own token: %w", refused)
	}}
	_, err := verifier(t, source, plain()).Verify(t.Context(), signed())
	require.Error(t, err)
	require.NotErrorIs(t, err, token.ErrRefused)
	require.Equal(t, token.ReasonUndecided, token.ReasonOf(err))
}

func TestKeysThatComeWithAnErrorAreNotUsed(t *testing.T) {
	m := newMinter(t)
	source := &keys{find: func(string, string) ([]crypto.PublicKey, error) {
		return []crypto.PublicKey{m.private.Public()}, errors.New("stale")
	}}
	_, err := verifier(t, source, plain()).Verify(t.Context(), m.sign(edHeader, payload()))
	require.Equal(t, token.ReasonUndecided, token.ReasonOf(err))
}
