package introspect

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // links what the algorithms hash with
	_ "crypto/sha512" // as above
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"time"
)

// Why there are no credentials. What the caller's functions said is not repeated: it may hold the secret.
var (
	errNoSecret = errors.New("introspect: no secret")
	errNoKey    = errors.New("introspect: no key, or one that does not fit the algorithm")
)

// assertionLifetime is short, because an assertion is made for one request.
const assertionLifetime = time.Minute

// assertionAlgorithms are those that an assertion can be signed with.
var assertionAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}

// sign makes the assertion of RFC 7523 section 3.
func (a Auth) sign(ctx context.Context) (string, error) {
	key, id, err := a.Key(ctx)
	if err != nil || isNil(key) {
		return "", errNoKey
	}
	alg, err := a.algorithm(key.Public())
	if err != nil {
		return "", err
	}
	now := time.Now()
	header := map[string]string{"alg": alg}
	if id != "" {
		header["kid"] = id
	}
	h, errHeader := json.Marshal(header)
	p, errPayload := json.Marshal(map[string]any{
		"iss": a.ClientID, "sub": a.ClientID, "aud": a.Audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if errHeader != nil || errPayload != nil {
		return "", errNoKey
	}
	input := b64(h) + "." + b64(p)
	signature, err := signature(key, alg, []byte(input))
	if err != nil {
		return "", errNoKey
	}
	return input + "." + b64(signature), nil
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// algorithm is the one asked for, if it fits the key, or the key's own.
func (a Auth) algorithm(key crypto.PublicKey) (string, error) {
	fitting := ""
	switch k := key.(type) {
	case *rsa.PublicKey:
		fitting = "RS256"
		if a.Algorithm != "" && (a.Algorithm[:2] == "RS" || a.Algorithm[:2] == "PS") {
			fitting = a.Algorithm
		}
	case *ecdsa.PublicKey:
		fitting = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Curve.Params().Name]
	case ed25519.PublicKey:
		fitting = "EdDSA"
		if a.Algorithm == "Ed25519" { // RFC 9864: two names of one thing
			fitting = a.Algorithm
		}
	}
	if fitting == "" || a.Algorithm != "" && a.Algorithm != fitting {
		return "", errNoKey
	}
	return fitting, nil
}

// signature signs as RFC 7518 section 3 and RFC 8037 section 3.1 say.
func signature(key crypto.Signer, alg string, input []byte) ([]byte, error) {
	if alg[:2] == "Ed" {
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	h := hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch alg[:2] {
	case "PS":
		return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	case "RS":
		return key.Sign(rand.Reader, digest, hash)
	}
	der, err := key.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, err
	}
	return rawSignature(der, map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg])
}

// rawSignature turns the DER that crypto.Signer gives into r and s of size bytes each (RFC 7518 section 3.4).
func rawSignature(der []byte, size int) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &rs)
	if err != nil || len(rest) > 0 || rs.R.Sign() <= 0 || rs.S.Sign() <= 0 || rs.R.BitLen() > 8*size || rs.S.BitLen() > 8*size {
		return nil, errNoKey
	}
	raw := make([]byte, 2*size)
	rs.R.FillBytes(raw[:size])
	rs.S.FillBytes(raw[size:])
	return raw, nil
}
