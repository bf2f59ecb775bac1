package localissuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
)

var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// canonical folds the two names of one algorithm (RFC 9864) into one.
func canonical(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}

type signingKey struct {
	kid, alg string
	private  crypto.Signer
}

func newSigningKey(alg string, generation int) *signingKey {
	private, err := generate(alg)
	if err != nil {
		panic("localissuer: " + err.Error())
	}
	return &signingKey{kid: fmt.Sprintf("%s-%d-%s", strings.ToLower(alg), generation, rand.Text()[:6]), alg: alg, private: private}
}

func generate(alg string) (crypto.Signer, error) {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("no such algorithm: %q", alg)
	}
}

// sign makes the compact serialisation (RFC 7515 section 7.1).
func (k *signingKey) sign(header, payload []byte) string {
	input := b64(header) + "." + b64(payload)
	sig, err := k.signature([]byte(input))
	if err != nil {
		panic("localissuer: " + err.Error())
	}
	return input + "." + b64(sig)
}

func (k *signingKey) signature(input []byte) ([]byte, error) {
	if k.alg == "EdDSA" {
		return k.private.Sign(rand.Reader, input, crypto.Hash(0))
	}
	hash := hashes[k.alg[2:]]
	h := hash.New()
	h.Write(input)
	var opts crypto.SignerOpts = hash
	if k.alg[0] == 'P' { // RFC 7518 section 3.5: the salt is as long as the hash
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	sig, err := k.private.Sign(rand.Reader, h.Sum(nil), opts)
	if err != nil || k.alg[0] != 'E' {
		return sig, err
	}
	return rawECDSA(sig, k.private.Public().(*ecdsa.PublicKey))
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// rawECDSA turns an ASN.1 signature into r || s of fixed length (RFC 7518 section 3.4).
func rawECDSA(der []byte, key *ecdsa.PublicKey) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, err
	}
	n := (key.Curve.Params().BitSize + 7) / 8
	raw := make([]byte, 2*n)
	sig.R.FillBytes(raw[:n])
	sig.S.FillBytes(raw[n:])
	return raw, nil
}

// jwk is the public key as a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
func (k *signingKey) jwk() map[string]string {
	m := map[string]string{"kid": k.kid, "alg": k.alg, "use": "sig"}
	switch pub := k.private.Public().(type) {
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(pub.N.Bytes()), b64(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 0x04 || x || y
		if err != nil {
			panic("localissuer: " + err.Error())
		}
		n := len(point) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", pub.Curve.Params().Name, b64(point[1:1+n]), b64(point[1+n:])
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(pub)
	}
	return m
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
