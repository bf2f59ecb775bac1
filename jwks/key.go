package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"math"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// Why an entry of a key set is not used. These are the keys of Set.Skipped and Status.Skipped.
const (
	skipMalformed = "malformed" // no object, a member of the wrong type or value, coordinates that are no point, a bad certificate
	skipUse       = "use"       // use is not sig or jwt-svid
	skipKeyOps    = "key_ops"   // key_ops does not list verify
	skipAlgorithm = "algorithm" // alg is not supported, or contradicts the key
	skipType      = "type"      // kty or crv is not supported
	skipSymmetric = "symmetric" // kty is oct: who can check it can mint it
	skipPrivate   = "private"   // a private member is present: the key is compromised
	skipSize      = "size"      // RSA modulus or exponent out of bounds
)

const (
	maxKeyIDBytes = 256
	minRSABits    = 2048
	maxRSABits    = 4096
	minRSAExp     = 65537
)

// privateMembers are those of RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, of RFC 8037 section 2 and of RFC 9964.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// key is one usable entry of a key set.
type key struct {
	id         string // "" when the entry has none
	algorithms []string
	public     crypto.PublicKey
}

// entry is what the rules look at; go-jose reads the key material.
type entry struct {
	kid, use, kty, alg string
	hasUse, hasAlg     bool
	ops                []string
	hasOps             bool
	private            bool
	wellFormed         bool
}

// readKey applies the key rules to one entry. It returns the reason of refusal, "" when the key is usable.
func readKey(raw []byte) (key, string) {
	e := readEntry(raw)
	if reason := e.refusal(); reason != "" {
		return key{}, reason
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(raw); err != nil {
		return key{}, unreadable(e.kty, err)
	}
	if reason := unusable(parsed.Key); reason != "" {
		return key{}, reason
	}
	algorithms := algorithmsOf(parsed.Key)
	if e.hasAlg {
		if !slices.Contains(algorithms, e.alg) { // RFC 8725 section 3.1: one key, one algorithm
			return key{}, skipAlgorithm
		}
		algorithms = sameAlgorithm(e.alg)
	}
	return key{id: e.kid, algorithms: algorithms, public: parsed.Key}, ""
}

func readEntry(raw []byte) entry {
	e := entry{wellFormed: true}
	text := func(into *string, value []byte) bool {
		s, ok := strictjson.String(value)
		*into = s
		e.wellFormed = e.wellFormed && ok
		return true
	}
	err := strictjson.Object(raw, func(name string, value []byte) error {
		switch name {
		case "kid":
			text(&e.kid, value)
		case "kty":
			text(&e.kty, value)
		case "use":
			e.hasUse = text(&e.use, value)
		case "alg":
			e.hasAlg = text(&e.alg, value)
		case "key_ops":
			var ok bool
			e.ops, ok = strictjson.Strings(value)
			e.hasOps, e.wellFormed = true, e.wellFormed && ok
		default:
			e.private = e.private || slices.Contains(privateMembers, name)
		}
		return nil
	})
	e.wellFormed = e.wellFormed && err == nil && len(e.kid) <= maxKeyIDBytes
	return e
}

// refusal judges what can be judged before the key material is parsed.
func (e *entry) refusal() string {
	switch {
	case !e.wellFormed:
		return skipMalformed
	case e.kty == "oct":
		return skipSymmetric
	case e.private:
		return skipPrivate
	case !slices.Contains([]string{"RSA", "EC", "OKP"}, e.kty):
		return skipType
	case e.hasUse && e.use != "sig" && e.use != "jwt-svid": // RFC 7517 section 4.2; SPIFFE JWT-SVID section 4.2
		return skipUse
	case e.hasOps && !slices.Contains(e.ops, "verify"): // RFC 7517 section 4.3
		return skipKeyOps
	}
	return ""
}

// unreadable names what go-jose refused. Its error is not passed on: it may quote the entry.
func unreadable(kty string, err error) string {
	switch {
	case !errors.Is(err, jose.ErrUnsupportedKeyType):
		return skipMalformed
	case kty == "RSA": // a modulus above go-jose's own limit
		return skipSize
	default:
		return skipType
	}
}

// unusable applies the limits that go-jose leaves open.
func unusable(public crypto.PublicKey) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		if bits < minRSABits || bits > maxRSABits || k.E < minRSAExp {
			return skipSize
		}
		if k.N.Bit(0) == 0 || k.E%2 == 0 || k.E > math.MaxInt32 { // crypto/rsa verifies nothing with these
			return skipMalformed
		}
		return ""
	case *ecdsa.PublicKey: // go-jose has checked that the point is on the curve
		return ""
	case ed25519.PublicKey:
		if !onEdwards25519(k) {
			return skipMalformed
		}
		return ""
	default:
		return skipType
	}
}
