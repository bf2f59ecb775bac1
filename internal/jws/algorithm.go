package jws

import (
	"crypto"
	"crypto/elliptic"
	"slices"
)

// A scheme is how an algorithm signs.
type scheme int

const (
	pkcs1    scheme = iota + 1 // RFC 7518 section 3.3
	pss                        // section 3.5
	ecdsaRaw                   // section 3.4
	edwards                    // RFC 8037 section 3.1
)

type algorithm struct {
	scheme scheme
	hash   crypto.Hash
	curve  elliptic.Curve // of ecdsaRaw
}

// algorithms is the closed list. There is no symmetric algorithm in it: who can check HS256 can mint it.
var algorithms = map[string]algorithm{
	"RS256":   {scheme: pkcs1, hash: crypto.SHA256},
	"RS384":   {scheme: pkcs1, hash: crypto.SHA384},
	"RS512":   {scheme: pkcs1, hash: crypto.SHA512},
	"PS256":   {scheme: pss, hash: crypto.SHA256},
	"PS384":   {scheme: pss, hash: crypto.SHA384},
	"PS512":   {scheme: pss, hash: crypto.SHA512},
	"ES256":   {scheme: ecdsaRaw, hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384":   {scheme: ecdsaRaw, hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512":   {scheme: ecdsaRaw, hash: crypto.SHA512, curve: elliptic.P521()},
	"EdDSA":   {scheme: edwards},
	"Ed25519": {scheme: edwards}, // RFC 9864: the fully specified name of what EdDSA means here
}

var names = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}

// Supported tells whether alg is the exact name of an algorithm that this package verifies.
func Supported(alg string) bool {
	_, ok := algorithms[alg]
	return ok
}

// Algorithms returns the names that are Supported, in a fresh slice. EdDSA and Ed25519 name one thing.
func Algorithms() []string { return slices.Clone(names) }
