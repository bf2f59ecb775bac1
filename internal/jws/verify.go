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
	_, err := signer(alg, []crypto.PublicKey{key}, string(input), signature)
	return err
}

// signer hashes the input once, however many keys there are.
func signer(alg string, keys []crypto.PublicKey, input string, signature []byte) (crypto.PublicKey, error) {
	a, ok := algorithms[alg]
	if !ok {
		return nil, refuse(KindAlgorithm)
	}
	var near [2 << 10]byte // most inputs are shorter
	text, digest := near[:0], []byte(nil)
	if len(keys) > 0 {
		if a.scheme == edwards {
			text = append(text, input...)
		} else {
			digest = a.digest(input, near[:])
		}
	}
	kind := KindKey
	for _, key := range keys {
		got := a.verify(key, text, digest, signature)
		if got == 0 {
			return key, nil
		}
		if got == KindSignature {
			kind = got
		}
	}
	return nil, refuse(kind)
}

// verify is 0 only if the signature is that of key.
func (a algorithm) verify(key crypto.PublicKey, input, digest, signature []byte) Kind {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return a.verifyRSA(k, digest, signature)
	case *ecdsa.PublicKey:
		return a.verifyECDSA(k, digest, signature)
	case ed25519.PublicKey:
		return a.verifyEd25519(k, input, signature)
	default:
		return KindKey
	}
}

func (a algorithm) verifyRSA(key *rsa.PublicKey, digest, signature []byte) Kind {
	if a.scheme != pkcs1 && a.scheme != pss || !fitRSA(key) {
		return KindKey
	}
	if len(signature) != key.Size() {
		return KindSignature
	}
	if a.scheme == pss { // the salt is exactly as long as the hash (RFC 7518 section 3.5)
		opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return verdict(rsa.VerifyPSS(key, a.hash, digest, signature, &opts) == nil)
	}
	return verdict(rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil)
}

func fitRSA(key *rsa.PublicKey) bool {
	if key == nil || key.N == nil || key.N.Sign() <= 0 || key.N.Bit(0) == 0 {
		return false
	}
	bits := key.N.BitLen()
	return minRSABits <= bits && bits <= maxRSABits && key.E >= minRSAExp && key.E&1 == 1
}

func (a algorithm) verifyECDSA(key *ecdsa.PublicKey, digest, signature []byte) Kind {
	if a.scheme != ecdsaRaw || !fitECDSA(a, key) {
		return KindKey
	}
	size := (a.curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size { // R and S, each as long as the order (RFC 7518 section 3.4)
		return KindSignature
	}
	der := appendDER(digest[len(digest):], signature[:size], signature[size:])
	if ecdsa.VerifyASN1(key, digest, der) { // refuses R and S that are zero, or the order and above
		return 0
	}
	if _, err := key.Bytes(); err != nil { // not on the curve: no signature could be good
		return KindKey
	}
	return KindSignature
}

func fitECDSA(a algorithm, key *ecdsa.PublicKey) bool {
	return key != nil && key.Curve == a.curve &&
		key.X != nil && key.Y != nil //nolint:staticcheck // a key that someone made by hand must not panic in crypto/ecdsa
}

func (a algorithm) verifyEd25519(key ed25519.PublicKey, input, signature []byte) Kind {
	if a.scheme != edwards || !fitEd25519(key) {
		return KindKey
	}
	return verdict(ed25519.Verify(key, input, signature)) // refuses another length than 64, and an S of the order and above
}

// digest returns the hash of the input, with room for a DER signature behind it: crypto/* keeps both from the stack, and so they are one
// allocation. It hashes by way of by, as bytes is what hashes take.
func (a algorithm) digest(input string, by []byte) []byte {
	room := 0
	if a.scheme == ecdsaRaw {
		room = maxDER
	}
	digest := make([]byte, 0, a.hash.Size()+room)
	if len(input) > len(by) {
		return a.hashed(digest, input)
	}
	text := by[:copy(by, input)]
	switch a.hash {
	case crypto.SHA256:
		sum := sha256.Sum256(text)
		return append(digest, sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(text)
		return append(digest, sum[:]...)
	default:
		sum := sha512.Sum512(text)
		return append(digest, sum[:]...)
	}
}

// hashed appends the hash of a long input, part by part.
func (a algorithm) hashed(digest []byte, input string) []byte {
	h, part := a.hash.New(), make([]byte, 2<<10)
	for input != "" {
		n := copy(part, input)
		h.Write(part[:n])
		input = input[n:]
	}
	return h.Sum(digest)
}

func verdict(good bool) Kind {
	if good {
		return 0
	}
	return KindSignature
}
