package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
)

// A keySource is what checkSignature needs, and all that it knows of package jwks.
type keySource interface {
	PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// Three answers, not two: an issuer that cannot be reached says nothing about the document.
var (
	errForged    = errors.New("the signature is not the issuer's")
	errUndecided = errors.New("cannot tell now")
)

func verdict(err error) string {
	switch {
	case err == nil:
		return "genuine"
	case errors.Is(err, errUndecided):
		return "undecided: try again later"
	default:
		return "refused: " + err.Error()
	}
}

// checkSignature checks the ES256 signature of a compact JWS (RFC 7515 section 3.1). It looks at no claim: who wrote the document,
// for whom and until when is another question, which package token answers.
func checkSignature(ctx context.Context, keys keySource, document string) error {
	signed, kid, signature, err := split(document)
	if err != nil {
		return err
	}
	candidates, err := keys.PublicKeys(ctx, kid, "ES256")
	if err != nil {
		return errors.Join(errUndecided, err)
	}
	digest := sha256.Sum256([]byte(signed))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	for _, key := range candidates {
		if key, ok := key.(*ecdsa.PublicKey); ok && ecdsa.Verify(key, digest[:], r, s) {
			return nil
		}
	}
	return errForged // also if there is no such key, which the issuer itself has said
}

// split returns what is signed, the key id and the signature.
func split(document string) (signed, kid string, signature []byte, err error) {
	malformed := errors.New("no compact JWS with ES256")
	dot := strings.LastIndexByte(document, '.')
	if dot < 0 {
		return "", "", nil, malformed
	}
	signed = document[:dot]
	encoded, _, _ := strings.Cut(signed, ".")
	raw, err1 := base64.RawURLEncoding.DecodeString(encoded)
	signature, err2 := base64.RawURLEncoding.DecodeString(document[dot+1:])
	var header struct { // it only chooses among the issuer's own keys
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	err3 := json.Unmarshal(raw, &header)
	if errors.Join(err1, err2, err3) != nil || header.Alg != "ES256" || len(signature) != 64 {
		return "", "", nil, malformed
	}
	return signed, header.Kid, signature, nil
}

// tamper changes the first letter of the payload.
func tamper(document string) string {
	i := strings.IndexByte(document, '.') + 1
	letter := "A"
	if document[i] == 'A' {
		letter = "B"
	}
	return document[:i] + letter + document[i+1:]
}
