package conformance_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/jwks"
)

// tally counts the vectors of one file.
type tally struct {
	accepted int // valid, and of a supported algorithm
	refused  int // invalid
	// Left to the verifier ("acceptable"), and what happened:
	mayAccepted, mayRefused int
	ruled                   int // valid, but by a key or a salt that our rules refuse: all refused
	formless                int // ASN.1 signatures that have no raw form (RFC 7518 section 3.4), all of them invalid
	other                   int // hash, curve or mask of no supported algorithm: not run
	excepted                int // listed in signatureExceptions
	strangeKeys             int // JWKs of curves that no supported algorithm uses, one for each group that has one: refused by jwks
}

func (a tally) sum() int {
	return a.accepted + a.refused + a.mayAccepted + a.mayRefused + a.ruled + a.formless + a.other + a.excepted
}

type signatureGroup struct {
	Type      string
	SHA       string `json:"sha"`
	MGF       string `json:"mgf"`
	MGFSHA    string `json:"mgfSha"`
	SaltLen   int    `json:"sLen"`
	KeySize   int    `json:"keySize"`
	PublicKey struct {
		Curve, WX, WY, PK       string
		Modulus, PublicExponent string
	} `json:"publicKey"`
	PrivateKey struct {
		Modulus, PublicExponent string
	} `json:"privateKey"`
	PublicKeyJWK json.RawMessage `json:"publicKeyJwk"`
	KeyJWK       json.RawMessage `json:"keyJwk"`
	Tests        []signatureVector
}

type signatureVector struct {
	ID             int `json:"tcId"`
	Result         string
	Msg, Sig, Note string
}

// algorithm says which algorithm of JOSE the group's signatures are of, if any.
func (g *signatureGroup) algorithm() string {
	bits := map[string]string{"SHA-256": "256", "SHA-384": "384", "SHA-512": "512"}[g.SHA]
	switch g.Type {
	case "RsassaPkcs1Verify", "RsassaPkcs1Generate":
		if bits != "" {
			return "RS" + bits
		}
	case "RsassaPssVerify", "RsassaPssWithParametersVerify":
		if bits != "" && g.MGF == "MGF1" && g.MGFSHA == g.SHA {
			return "PS" + bits
		}
	case "EcdsaP1363Verify", "EcdsaVerify":
		return map[string]string{"secp256r1 SHA-256": "ES256", "secp384r1 SHA-384": "ES384", "secp521r1 SHA-512": "ES512"}[g.PublicKey.Curve+" "+g.SHA]
	case "EddsaVerify":
		return map[string]string{"edwards25519": "EdDSA"}[g.PublicKey.Curve]
	}
	return ""
}

// ruledOut says whether our own rules refuse whatever the group's key signs.
func (g *signatureGroup) ruledOut(t *testing.T) bool {
	t.Helper()
	alg := g.algorithm()
	switch alg[:2] {
	case "RS", "PS":
		n, e := g.rsa()
		hash := map[string]int{"256": 32, "384": 48, "512": 64}[alg[2:]]
		bits := number(t, n).BitLen()
		return bits < 2048 || bits > 4096 || number(t, e).Cmp(big.NewInt(65537)) < 0 || alg[0] == 'P' && g.SaltLen != hash
	}
	return false
}

func (g *signatureGroup) rsa() (n, e string) {
	if g.PublicKey.Modulus != "" {
		return g.PublicKey.Modulus, g.PublicKey.PublicExponent
	}
	return g.PrivateKey.Modulus, g.PrivateKey.PublicExponent
}

func number(t *testing.T, digits string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(digits, 16)
	require.True(t, ok)
	return n
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	data, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return data
}

// jwk spells the group's key as RFC 7518 section 6 and RFC 8037 section 2 want it.
func (g *signatureGroup) jwk(t *testing.T) string {
	t.Helper()
	alg := g.algorithm()
	switch alg[0] {
	case 'E':
		if alg == "EdDSA" {
			return fmt.Sprintf(`{"kid":"k","kty":"OKP","crv":"Ed25519","x":%q}`, b64(unhex(t, g.PublicKey.PK)))
		}
		curve := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg]
		size := map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg]
		x, y := number(t, g.PublicKey.WX).FillBytes(make([]byte, size)), number(t, g.PublicKey.WY).FillBytes(make([]byte, size))
		return fmt.Sprintf(`{"kid":"k","kty":"EC","crv":%q,"x":%q,"y":%q}`, curve, b64(x), b64(y))
	default:
		n, e := g.rsa()
		return fmt.Sprintf(`{"kid":"k","kty":"RSA","n":%q,"e":%q}`, b64(number(t, n).Bytes()), b64(number(t, e).Bytes()))
	}
}

// judge checks one signature by the keys that a key set has for it.
func judge(t *testing.T, set *jwks.Set, kid, alg string, msg, sig []byte) bool {
	t.Helper()
	keys, err := set.PublicKeys(t.Context(), kid, alg)
	require.NoError(t, err)
	require.LessOrEqual(t, len(keys), 1)
	return len(keys) == 1 && jws.VerifySignature(alg, keys[0], msg, sig) == nil
}

// raw turns an ASN.1 signature into r || s, if it has that form.
func raw(der []byte, size int) (sig []byte, ok bool) {
	var n struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &n); err != nil {
		return nil, false
	}
	if again, err := asn1.Marshal(n); err != nil || !bytes.Equal(again, der) { // not DER, though readable
		return nil, false
	}
	if n.R.Sign() < 0 || n.S.Sign() < 0 || n.R.BitLen() > 8*size || n.S.BitLen() > 8*size {
		return nil, false
	}
	return append(n.R.FillBytes(make([]byte, size)), n.S.FillBytes(make([]byte, size))...), true
}

func TestSignatureVectors(t *testing.T) {
	for name, want := range ledger {
		t.Run(name, func(t *testing.T) {
			f := read[signatureGroup](t, name)
			var got tally
			for i := range f.TestGroups {
				g := &f.TestGroups[i]
				require.NotEmpty(t, g.Tests)
				if g.algorithm() == "" {
					got.other += len(g.Tests)
					got.strangeKeys += refuseStrangeKey(t, g)
					continue
				}
				runGroup(t, name, g, &got)
			}
			require.Equal(t, f.NumberOfTests, got.sum())
			require.Len(t, signatureExceptions[name], got.excepted)
			require.Equal(t, want, got)
		})
	}
}

// refuseStrangeKey holds that jwks does not take a key of another curve, and counts it.
func refuseStrangeKey(t *testing.T, g *signatureGroup) int {
	t.Helper()
	switch g.PublicKey.Curve {
	case "secp256r1", "secp384r1", "secp521r1", "edwards25519":
		return 0
	}
	if g.PublicKeyJWK == nil {
		return 0
	}
	_, err := jwks.Parse(asSet(g.PublicKeyJWK))
	require.Error(t, err)
	return 1
}

func runGroup(t *testing.T, name string, g *signatureGroup, got *tally) {
	t.Helper()
	alg, ruledOut := g.algorithm(), g.ruledOut(t)
	set, err := jwks.Parse(asSet(json.RawMessage(g.jwk(t))))
	if err != nil {
		require.True(t, ruledOut, "the key is refused: %v", err)
		set = &jwks.Set{}
	}
	requireSameKey(t, g, set)
	for _, v := range g.Tests {
		msg, sig := unhex(t, v.Msg), unhex(t, v.Sig)
		if g.Type == "EcdsaVerify" {
			require.False(t, judge(t, set, "k", alg, msg, sig), "tcId %d: ASN.1 is not the form of a JWS", v.ID)
			var ok bool
			if sig, ok = raw(sig, map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg]); !ok {
				require.Equal(t, invalid, v.Result, "tcId %d", v.ID)
				got.formless++
				continue
			}
		}
		accepted := judge(t, set, "k", alg, msg, sig)
		if e, ok := signatureExceptions[name][v.ID]; ok {
			require.NotEqual(t, v.Result == valid, e.verdict, "tcId %d is no exception", v.ID)
			require.Equal(t, e.verdict, accepted, "tcId %d: %s", v.ID, e.reason)
			got.excepted++
			continue
		}
		switch {
		case ruledOut:
			require.False(t, accepted, "tcId %d", v.ID)
			if v.Result == invalid {
				got.refused++
			} else {
				got.ruled++
			}
		case v.Result == valid:
			require.True(t, accepted, "tcId %d", v.ID)
			got.accepted++
		case v.Result == invalid:
			require.False(t, accepted, "tcId %d", v.ID)
			got.refused++
		case accepted:
			got.mayAccepted++
		default:
			got.mayRefused++
		}
	}
}

// requireSameKey holds that the JWK that some groups bring is read as the key that its numbers make.
func requireSameKey(t *testing.T, g *signatureGroup, set *jwks.Set) {
	t.Helper()
	given := g.PublicKeyJWK
	if given == nil {
		given = g.KeyJWK
	}
	if given == nil || len(set.KeyIDs()) == 0 {
		return
	}
	var says struct{ Kid string }
	require.NoError(t, json.Unmarshal(given, &says))
	theirs, err := jwks.Parse(asSet(given))
	require.NoError(t, err)
	want, err := set.PublicKeys(t.Context(), "k", g.algorithm())
	require.NoError(t, err)
	require.Len(t, want, 1)
	got, err := theirs.PublicKeys(t.Context(), says.Kid, g.algorithm())
	require.NoError(t, err)
	require.Equal(t, want, got)
}
