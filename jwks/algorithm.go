package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
)

// The asymmetric signature algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 9864, by the key that they need.
var (
	rsaAlgorithms     = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	p256Algorithms    = []string{"ES256"}
	p384Algorithms    = []string{"ES384"}
	p521Algorithms    = []string{"ES512"}
	ed25519Algorithms = []string{"EdDSA", "Ed25519"} // two names of one algorithm
)

// algorithmsOf lists the algorithms that a key fits, nil for a key of another kind.
func algorithmsOf(public crypto.PublicKey) []string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return rsaAlgorithms
	case ed25519.PublicKey:
		return ed25519Algorithms
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return p256Algorithms
		case elliptic.P384():
			return p384Algorithms
		case elliptic.P521():
			return p521Algorithms
		}
	}
	return nil
}

// sameAlgorithm lists every name of the algorithm alg.
func sameAlgorithm(alg string) []string {
	if alg == "EdDSA" || alg == "Ed25519" {
		return ed25519Algorithms
	}
	return []string{alg}
}

// supported reports whether any key can ever fit alg.
func supported(alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519":
		return true
	}
	return false
}
