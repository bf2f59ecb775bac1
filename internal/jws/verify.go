package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
)

// RSA keys outside of this range are not used: shorter ones are weak, longer ones cost the verifier at the signer's choice.
const (
	minRSABits = 2048 // RFC 7518 section 3.3
	maxRSABits = 4096
	minRSAExp  = 65537
)

// VerifySignature is the check behind [Message.Verify], for a signature and an input that did not come as a compact JWS.
func VerifySignature(alg string, key crypto.PublicKey, input, signature []byte) error {
	a, ok := algorithms[alg]
	if !ok {
		return refuse(KindAlgorithm)
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return verifyRSA(a, k, input, signature)
	case *ecdsa.PublicKey:
		return verifyECDSA(a, k, input, signature)
	case ed25519.PublicKey:
		return verifyEd25519(a, k, input, signature)
	default:
		return refuse(KindKey)
	}
}

func verifyRSA(a algorithm, key *rsa.PublicKey, input, signature []byte) error {
	if a.scheme != pkcs1 && a.scheme != pss || !fitRSA(key) {
		return refuse(KindKey)
	}
	digest := digest(a.hash, input)
	var err error
	if a.scheme == pss { // the salt is exactly as long as the hash (RFC 7518 section 3.5)
		err = rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		err = rsa.VerifyPKCS1v15(key, a.hash, digest, signature)
	}
	return verdict(err == nil && len(signature) == key.Size())
}

func fitRSA(key *rsa.PublicKey) bool {
	if key == nil || key.N == nil || key.N.Sign() <= 0 || key.N.Bit(0) == 0 {
		return false
	}
	bits := key.N.BitLen()
	return minRSABits <= bits && bits <= maxRSABits && key.E >= minRSAExp && key.E&1 == 1
}

func verifyECDSA(a algorithm, key *ecdsa.PublicKey, input, signature []byte) error {
	if a.scheme != ecdsaRaw || !fitECDSA(a, key) {
		return refuse(KindKey)
	}
	size := (a.curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size { // R and S, each as long as the order (RFC 7518 section 3.4)
		return refuse(KindSignature)
	}
	var onStack [maxDER]byte
	der := appendDER(onStack[:0], signature[:size], signature[size:])
	if ecdsa.VerifyASN1(key, digest(a.hash, input), der) { // refuses R and S that are zero, or the order and above
		return nil
	}
	if _, err := key.Bytes(); err != nil { // not on the curve: no signature could be good
		return refuse(KindKey)
	}
	return refuse(KindSignature)
}

func fitECDSA(a algorithm, key *ecdsa.PublicKey) bool {
	return key != nil && key.Curve == a.curve &&
		key.X != nil && key.Y != nil //nolint:staticcheck // a key that someone made by hand must not panic in crypto/ecdsa
}

func verifyEd25519(a algorithm, key ed25519.PublicKey, input, signature []byte) error {
	if a.scheme != edwards || !fitEd25519(key) {
		return refuse(KindKey)
	}
	return verdict(ed25519.Verify(key, input, signature)) // refuses another length than 64, and an S of the order and above
}

func digest(hash crypto.Hash, input []byte) []byte {
	switch hash {
	case crypto.SHA256:
		sum := sha256.Sum256(input)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(input)
		return sum[:]
	default:
		sum := sha512.Sum512(input)
		return sum[:]
	}
}

func verdict(good bool) error {
	if good {
		return nil
	}
	return refuse(KindSignature)
}
