package mtls

import (
	"bytes"
	"strings"
)

// readClientCert reads Client-Cert and Client-Cert-Chain (RFC 9440 section 2).
func readClientCert(value, chain string, _ int) ([][]byte, error) {
	leaf, err := byteSequence(value)
	if err != nil {
		return nil, err
	}
	if absent(chain) {
		return [][]byte{leaf}, nil
	}
	rest, err := readClientCertChain(chain)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(rest[0], leaf) {
		rest = rest[1:]
	}
	return append([][]byte{leaf}, rest...), nil
}

// readClientCertChain returns the members of the list, at least one.
func readClientCertChain(chain string) ([][]byte, error) {
	var ders [][]byte
	for member := range strings.SplitSeq(chain, ",") { // RFC 8941 section 4.2.1; no byte sequence has a comma
		der, err := byteSequence(strings.Trim(member, " \t"))
		if err != nil {
			return nil, err
		}
		if ders = append(ders, der); isTooMany(ders) {
			return nil, errMalformed
		}
	}
	if len(ders) > 1 {
		return ders, nil
	}
	return splitDER(ders[0])
}

// byteSequence decodes what RFC 8941 section 3.3.5 calls so, which is never empty here. Parameters have no meaning in RFC 9440, so
// a sender that means something by them is not understood.
func byteSequence(item string) ([]byte, error) {
	inner, opened := strings.CutPrefix(item, ":")
	inner, closed := strings.CutSuffix(inner, ":")
	if !opened || !closed || inner == "" {
		return nil, errMalformed
	}
	return decodeBase64(inner)
}
