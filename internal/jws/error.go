package jws

// Kind says which rule a token broke. It never depends on secret data.
type Kind int

const (
	// KindMalformed: not a compact JWS within the limits.
	KindMalformed Kind = iota + 1
	// KindAlgorithm: alg is missing or is not [Supported].
	KindAlgorithm
	// KindHeader: the header has a member that is never accepted.
	KindHeader
	// KindKey: the key does not go with the algorithm, or is not fit for use.
	KindKey
	// KindSignature: the signature is not that of the key over this token.
	KindSignature
)

func (k Kind) String() string {
	switch k {
	case KindMalformed:
		return "malformed"
	case KindAlgorithm:
		return "algorithm not supported"
	case KindHeader:
		return "header member not accepted"
	case KindKey:
		return "key does not go with the algorithm"
	case KindSignature:
		return "signature does not verify"
	default:
		return "unknown"
	}
}

// Error is the error of every function of this package. It carries nothing of the token.
type Error struct{ Kind Kind }

func (e *Error) Error() string { return "jws: " + e.Kind.String() }

func refuse(k Kind) error { return &Error{Kind: k} }
