package token

import (
	"crypto/subtle"
	"slices"
)

// Proof is something the caller has itself seen proved on the very connection or request that carries the token.
//
// Method is the member of the cnf claim that it answers: "x5t#S256" for a client certificate (RFC 8705 section 3.1), "jkt" for a
// key that signed a DPoP proof (RFC 9449 section 6.1). Thumbprint is the base64url SHA-256 of the certificate's DER, or of the JWK.
// To build one from anything a client merely claims is to accept stolen tokens.
type Proof struct {
	Method     string
	Thumbprint string

	// Find, if it is not nil, is asked for the Thumbprint in its place, and only about a token that is good in all else, bound by
	// Method, and to nothing that no proof is for. So what has come with a token that is no good need not be read. What it finds may be
	// empty: nothing was proved. Its error is returned as it is.
	Find func() (thumbprint string, err error)
}

// A confirmation is a member of cnf.
type confirmation struct{ method, thumbprint string }

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
		if !wanted.mayBeProved(have) {
			return refuse(ReasonProof, "cnf")
		}
	}
	for _, wanted := range c.bound.confirmations {
		if ok, err := wanted.isProved(have); err != nil {
			return err
		} else if !ok {
			return refuse(ReasonProof, "cnf")
		}
	}
	return nil
}

// mayBeProved reports whether c is of a kind that a proof is for. What has no thumbprint, as a member of cnf that nobody knows, no proof is for.
func (c confirmation) mayBeProved(have []Proof) bool {
	return c.thumbprint != "" && c.thumbprint != ofNothing &&
		slices.ContainsFunc(have, func(p Proof) bool { return p.Method == c.method })
}

// isProved reports whether one of the proofs is what c asks for.
func (c confirmation) isProved(have []Proof) (bool, error) {
	for _, h := range have {
		if h.Method != c.method {
			continue
		}
		found := h.Thumbprint
		if h.Find != nil {
			var err error
			if found, err = h.Find(); err != nil {
				return false, err
			}
		}
		if subtle.ConstantTimeCompare([]byte(found), []byte(c.thumbprint)) == 1 {
			return true, nil
		}
	}
	return false, nil
}
