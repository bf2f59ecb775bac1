// Package cnf judges what a token is bound to (RFC 7800 section 3.1) by what its sender has proved, alike for JWTs and for answers of introspection.
package cnf

import (
	"crypto/subtle"
	"slices"
)

// A Confirmation is a member of cnf. Of one that is not known the Thumbprint is empty.
type Confirmation struct{ Method, Thumbprint string }

// IsKnown reports whether it is known here what a member of cnf means: x5t#S256 (RFC 8705 section 3.1) and jkt (RFC 9449 section 6.1).
func IsKnown(method string) bool { return method == "x5t#S256" || method == "jkt" }

// ThumbprintOf returns the thumbprint under a method, or "".
func ThumbprintOf(asked []Confirmation, method string) string {
	for _, c := range asked {
		if c.Method == method {
			return c.Thumbprint
		}
	}
	return ""
}

// A proof is what the packages that use this one call Proof; each has its own, for its readers.
type proof interface {
	~struct {
		Method     string
		Thumbprint string
		Find       func() (thumbprint string, err error)
	}
}

type plain struct {
	Method     string
	Thumbprint string
	Find       func() (thumbprint string, err error)
}

// ofNothing is the SHA-256 of no bytes: what a proxy without a certificate sends as one's thumbprint.
const ofNothing = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

// AreProved reports whether each of what is asked, of which there is at least one, equals one of the proofs. Nothing is found where something is asked that no
// proof is for. An error is that of Find.
func AreProved[P proof](asked []Confirmation, have []P) (bool, error) {
	for _, c := range asked {
		isFor := func(p P) bool { return plain(p).Method == c.Method }
		if c.Thumbprint == "" || c.Thumbprint == ofNothing || !slices.ContainsFunc(have, isFor) {
			return false, nil
		}
	}
	for _, c := range asked {
		if ok, err := isProved(c, have); !ok || err != nil {
			return false, err
		}
	}
	return len(asked) > 0, nil
}

func isProved[P proof](c Confirmation, have []P) (bool, error) {
	for _, h := range have {
		p := plain(h)
		if p.Method != c.Method {
			continue
		}
		if p.Find != nil {
			var err error
			if p.Thumbprint, err = p.Find(); err != nil {
				return false, err
			}
		}
		if subtle.ConstantTimeCompare([]byte(p.Thumbprint), []byte(c.Thumbprint)) == 1 {
			return true, nil
		}
	}
	return false, nil
}
