package token

import "github.com/perimeter-go/perimeter/internal/cnf"

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

// checkProofs refuses a bound token unless every member of its cnf equals one of the proofs (RFC 7800 section 3.1).
func (c *Claims) checkProofs(have []Proof) error {
	if c.bound == nil {
		return nil
	}
	if ok, err := cnf.AreProved(c.bound.confirmations, have); ok || err != nil {
		return err
	}
	return refuse(ReasonProof, "cnf")
}
