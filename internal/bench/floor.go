package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
)

var errBadSignature = errors.New("bench: the signature does not verify")

// bareChecks goes round the tokens, as those do whose floor it is.
func bareChecks(alg string, tokens []string, key crypto.PublicKey) (func(n int) error, error) {
	checks := make([]func() error, len(tokens))
	for i, raw := range tokens {
		var err error
		if checks[i], err = bareCheck(alg, raw, key); err != nil {
			return nil, err
		}
	}
	return func(n int) error {
		for i := range n {
			if err := checks[i%len(checks)](); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// bareCheck is what no verifier can save: hash and signature check by crypto/* alone, everything else prepared.
func bareCheck(alg, raw string, key crypto.PublicKey) (func() error, error) {
	at := strings.LastIndexByte(raw, '.')
	input := []byte(raw[:at])
	sig, err := base64.RawURLEncoding.DecodeString(raw[at+1:])
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return func() error {
			sum := sha256.Sum256(input)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
		}, nil
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
		return func() error {
			sum := sha256.Sum256(input)
			return must(ecdsa.VerifyASN1(key, sum[:], der))
		}, err
	case ed25519.PublicKey:
		return func() error { return must(ed25519.Verify(key, input, sig)) }, nil
	default:
		return nil, fmt.Errorf("bench: no bare check of %s", alg)
	}
}

func must(ok bool) error {
	if !ok {
		return errBadSignature
	}
	return nil
}

// repeat makes a target of something done once.
func repeat(name string, once func() error) target {
	return target{name, func(n int) error {
		for range n {
			if err := once(); err != nil {
				return err
			}
		}
		return nil
	}}
}

func hashing(raw string) target {
	b := []byte(raw)
	return repeat(floorHash, func() error {
		return must(sha256.Sum256(b) != [sha256.Size]byte{}) // so that it is used
	})
}

// deaf is a ResponseWriter that costs nothing.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header         { return d.header }
func (d deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d deaf) WriteHeader(int)             {}

// passing is a middleware that does nothing but to put something into the context.
func passing(next http.Handler) http.Handler {
	type key struct{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, next)))
	})
}
