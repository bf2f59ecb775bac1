package jwks

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

var (
	one = big.NewInt(1)
	// edwardsP is 2^255 - 19, edwardsD is -121665/121666 modulo it (RFC 8032 section 5.1).
	edwardsP = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	edwardsD = new(big.Int).Mod(new(big.Int).Mul(big.NewInt(-121665),
		new(big.Int).ModInverse(big.NewInt(121666), edwardsP)), edwardsP)
)

// onEdwards25519 reports whether public encodes a point in the one canonical way (RFC 8032 section 5.1.3).
//
// crypto/ed25519 offers no such check: with a key that is no point it refuses every signature, so that a typing error in a
// key set would look like a forged token. Public data only, so the variable time of math/big does no harm.
func onEdwards25519(public ed25519.PublicKey) bool {
	le := slices.Clone(public)
	le[len(le)-1] &= 0x7f // the sign of x
	slices.Reverse(le)
	y := new(big.Int).SetBytes(le)
	if y.Cmp(edwardsP) >= 0 {
		return false
	}
	y2 := new(big.Int).Exp(y, big.NewInt(2), edwardsP)
	u := new(big.Int).Sub(y2, one)        // y^2 - 1
	v := new(big.Int).Mul(edwardsD, y2)   // d y^2 + 1
	v.Add(v, one).ModInverse(v, edwardsP) // never 0: -1/d is no square
	x2 := u.Mod(u.Mul(u, v), edwardsP)    // x^2
	return big.Jacobi(x2, edwardsP) >= 0  // a square, or zero
}
