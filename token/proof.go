package token

import "crypto/subtle"

// Proof is something the caller has itself seen proved on the very connection or request that carries the token.
//
// Method is the member of the cnf claim that it answers: "x5t#S256" for a client certificate (RFC 8705 section 3.1), "jkt" for a
// key that signed a DPoP proof (RFC 9449 section 6.1). Thumbprint is the base64url SHA-256 of the certificate's DER, or of the JWK.
// To build one from anything a client merely claims is to accept stolen tokens.
type Proof struct {
	Method     string
	Thumbprint string
}

// ofNothing is the SHA-256 of no bytes: what a proxy without a certificate sends as one's thumbprint.
const ofNothing = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

// knownMethod reports whether this package knows what a member of cnf means.
func knownMethod(method string) bool { return method == "x5t#S256" || method == "jkt" }

// checkProofs refuses a bound token unless every member of its cnf equals one of the proofs (RFC 7800 section 3.1).
func (c *Claims) checkProofs(have []Proof) error {
	if c.bound == nil {
		return nil
	}
	if len(c.bound.confirmations) == 0 {
		return refuse(ReasonProof, "cnf")
	}
	for _, wanted := range c.bound.confirmations {
		if !wanted.among(have) {
			return refuse(ReasonProof, "cnf")
		}
	}
	return nil
}

// among reports whether p is one of the proofs. What has no thumbprint, as a member of cnf that nobody knows, is none of them.
func (p Proof) among(have []Proof) bool {
	if p.Thumbprint == "" || p.Thumbprint == ofNothing {
		return false
	}
	for _, h := range have {
		if h.Method == p.Method && subtle.ConstantTimeCompare([]byte(h.Thumbprint), []byte(p.Thumbprint)) == 1 {
			return true
		}
	}
	return false
}
