package jws_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

func TestHeaderRules(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		want         jws.Kind // 0: accepted
	}{
		{"an algorithm alone", `{"alg":"ES256"}`, 0},
		{"blanks and line breaks between members", "{\r\n \"alg\" :\t\"ES256\" }", 0},
		{"an escaped algorithm is the same text", `{"\u0061lg":"\u0045S256"}`, 0},
		{"unknown members are ignored", `{"alg":"ES256","x":{"crit":["b64"]},"cty":"JWT","x5t":"a","x5t#S256":"b","iss":"c"}`, 0},
		{"members of another case are unknown", `{"alg":"ES256","ALG":"none","Crit":["exp"],"JWK":{},"B64":false}`, 0},
		{"members that fold to kid and zip only in Unicode are unknown", `{"alg":"ES256","\u212aid":1,"z\u0131p":"DEF"}`, 0},
		{"no typ that is empty text", `{"alg":"ES256","typ":""}`, 0},
		{"a kid of 256 bytes", `{"alg":"ES256","kid":"` + strings.Repeat("k", 256) + `"}`, 0},
		{"a kid of 12 letters that are all escaped", `{"alg":"ES256","kid":"` + strings.Repeat(`\u0061`, 12) + `"}`, 0},
		{"a kid of a letter more", `{"alg":"ES256","kid":"` + strings.Repeat(`\u0061`, 13) + `"}`, jws.KindMalformed},
		{"a typ of 256 bytes", `{"alg":"ES256","typ":"` + strings.Repeat("t", 256) + `"}`, 0},
		{"a nonce that is as long as a header can be", `{"alg":"ES256","nonce":"` + strings.Repeat("n", 4000) + `"}`, 0},
		{"as many escapes as there can be", `{"alg":"ES256","x":"` + strings.Repeat(`\"x\u0061x`, 6) + `"}`, 0},
		{"one escape more", `{"alg":"ES256","x":"` + strings.Repeat(`\"x\u0061x`, 6) + `\n"}`, jws.KindMalformed},
		{"a kid that looks like a path is only a name", `{"alg":"ES256","kid":"../../../../dev/null"}`, 0},
		{"a kid that looks like a query is only a name", `{"alg":"ES256","kid":"x' UNION SELECT 'a"}`, 0},

		{"no algorithm", `{}`, jws.KindAlgorithm},
		{"an algorithm of another case of alg", `{"Alg":"ES256"}`, jws.KindAlgorithm},
		{"none", `{"alg":"none"}`, jws.KindAlgorithm},
		{"None", `{"alg":"None"}`, jws.KindAlgorithm},
		{"NONE", `{"alg":"NONE"}`, jws.KindAlgorithm},
		{"nOnE", `{"alg":"nOnE"}`, jws.KindAlgorithm},
		{"none, escaped", `{"alg":"n\u006fne"}`, jws.KindAlgorithm},
		{"empty", `{"alg":""}`, jws.KindAlgorithm},
		{"null", `{"alg":null}`, jws.KindAlgorithm},
		{"an array", `{"alg":["ES256"]}`, jws.KindAlgorithm},
		{"an object", `{"alg":{"ES256":1}}`, jws.KindAlgorithm},
		{"a number", `{"alg":256}`, jws.KindAlgorithm},
		{"true", `{"alg":true}`, jws.KindAlgorithm},
		{"a blank before", `{"alg":" ES256"}`, jws.KindAlgorithm},
		{"a blank after", `{"alg":"ES256 "}`, jws.KindAlgorithm},
		{"a NUL after", `{"alg":"ES256\u0000"}`, jws.KindAlgorithm},
		{"lower case", `{"alg":"es256"}`, jws.KindAlgorithm},
		{"mixed case", `{"alg":"eDdSa"}`, jws.KindAlgorithm},
		{"HS256", `{"alg":"HS256"}`, jws.KindAlgorithm},
		{"HS384", `{"alg":"HS384"}`, jws.KindAlgorithm},
		{"HS512", `{"alg":"HS512"}`, jws.KindAlgorithm},
		{"ES256K", `{"alg":"ES256K"}`, jws.KindAlgorithm},
		{"ES521, which is a mistake for ES512", `{"alg":"ES521"}`, jws.KindAlgorithm},
		{"Ed448", `{"alg":"Ed448"}`, jws.KindAlgorithm},
		{"RS1", `{"alg":"RS1"}`, jws.KindAlgorithm},
		{"ML-DSA-65", `{"alg":"ML-DSA-65"}`, jws.KindAlgorithm},
		{"dir", `{"alg":"dir","enc":"A256GCM"}`, jws.KindAlgorithm},
		{"RSA-OAEP", `{"alg":"RSA-OAEP"}`, jws.KindAlgorithm},

		{"crit", `{"alg":"ES256","crit":["exp"],"exp":1}`, jws.KindHeader},
		{"crit that names b64", `{"alg":"ES256","crit":["b64"],"b64":false}`, jws.KindHeader},
		{"an empty crit", `{"alg":"ES256","crit":[]}`, jws.KindHeader},
		{"a crit that is null", `{"alg":"ES256","crit":null}`, jws.KindHeader},
		{"a crit that is a string", `{"alg":"ES256","crit":"exp"}`, jws.KindHeader},
		{"crit, escaped", `{"alg":"ES256","cr\u0069t":["exp"]}`, jws.KindHeader},
		{"b64 false without crit", `{"alg":"ES256","b64":false}`, jws.KindHeader},
		{"b64 true", `{"alg":"ES256","b64":true}`, jws.KindHeader},
		{"zip", `{"alg":"ES256","zip":"DEF"}`, jws.KindHeader},
		{"enc", `{"alg":"ES256","enc":"A256GCM"}`, jws.KindHeader},
		{"p2c", `{"alg":"ES256","p2c":2147483647}`, jws.KindHeader},
		{"a key", `{"alg":"ES256","jwk":{"kty":"oct","k":"AA"}}`, jws.KindHeader},
		{"a key that is null", `{"alg":"ES256","jwk":null}`, jws.KindHeader},
		{"a certificate", `{"alg":"ES256","x5c":["AAAA"]}`, jws.KindHeader},
		{"the address of a certificate", `{"alg":"ES256","x5u":"https://evil.test/c"}`, jws.KindHeader},
		{"an empty address of keys is not the same as none", `{"alg":"ES256","jku":""}`, jws.KindHeader},
		{"a refused member before the algorithm", `{"jwk":{},"alg":"ES256"}`, jws.KindHeader},

		{"an address of keys that is null", `{"alg":"ES256","jku":null}`, jws.KindMalformed},
		{"addresses of keys", `{"alg":"ES256","jku":["https://a.test"]}`, jws.KindMalformed},
		{"a nonce that is text, as some issuers send it", `{"alg":"ES256","nonce":"x"}`, 0},
		{"a nonce that is a number", `{"alg":"ES256","nonce":5}`, jws.KindMalformed},
		{"a kid of 257 escapes", `{"alg":"ES256","kid":"` + strings.Repeat(`\u0061`, 257) + `"}`, jws.KindMalformed},
		{"a typ of 257 bytes", `{"alg":"ES256","typ":"` + strings.Repeat("t", 257) + `"}`, jws.KindMalformed},
		{"a kid that is a number", `{"alg":"ES256","kid":1}`, jws.KindMalformed},
		{"a kid that is null", `{"alg":"ES256","kid":null}`, jws.KindMalformed},
		{"a kid that is an array", `{"alg":"ES256","kid":["k1"]}`, jws.KindMalformed},
		{"a kid of 257 bytes", `{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`, jws.KindMalformed},
		{"a kid of 86 letters that are 258 bytes", `{"alg":"ES256","kid":"` + strings.Repeat("€", 86) + `"}`, jws.KindMalformed},
		{"a typ that is null", `{"alg":"ES256","typ":null}`, jws.KindMalformed},
		{"a typ that is an array", `{"alg":"ES256","typ":["at+jwt"]}`, jws.KindMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := verify(sign(t, "ES256", tc.header, `{}`), public("ES256"))
			if tc.want == 0 {
				require.NoError(t, err)
				return
			}
			requireKind(t, tc.want, err)
		})
	}
}

func TestTheHeaderIsHandedOnAsItIsSpelled(t *testing.T) {
	m, err := jws.Parse(sign(t, "Ed25519", `{"jku":"https://Id.test/k?a=b","typ":"application/AT+JWT","kid":"k\u0000\n\u00e9","alg":"Ed25519"}`, ""), maxBytes)
	require.NoError(t, err)
	require.Equal(t, jws.Header{
		Algorithm: "Ed25519", KeyID: "k\x00\né", Type: "application/AT+JWT", KeySetURL: "https://Id.test/k?a=b",
	}, m.Header())
}

// The public key in any spelling as an HMAC secret: refused by its algorithm before any key is looked at.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	pub := public("RS256").(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(pub)
	require.NoError(t, err)
	jwk, err := (&jose.JSONWebKey{Key: pub}).MarshalJSON()
	require.NoError(t, err)
	for name, secret := range map[string][]byte{
		"PKIX PEM":  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PKIX DER":  der,
		"PKCS1 DER": x509.MarshalPKCS1PublicKey(pub),
		"PKCS1 PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(pub)}),
		"JWK":       jwk,
		"modulus":   pub.N.Bytes(),
		"nothing":   {},
	} {
		t.Run(name, func(t *testing.T) {
			input := unsigned(`{"alg":"HS256"}`, `{"sub":"admin"}`)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input[:len(input)-1]))
			_, err := verify(input+b64(mac.Sum(nil)), pub)
			requireKind(t, jws.KindAlgorithm, err)
			_, err = verify(unsigned(`{"alg":"RS256"}`, `{"sub":"admin"}`)+b64(mac.Sum(nil)), pub)
			requireKind(t, jws.KindSignature, err)
		})
	}
}
