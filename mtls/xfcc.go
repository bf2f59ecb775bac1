package mtls

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	maxHops     = 10
	maxElements = 32 // those of the hops, and the client's own
	maxKey      = 64 // bytes
)

// An element is what one proxy says about the certificate of whoever has connected to it. Nothing else in it is believed.
type element struct {
	cert, chain, hash string
	named             bool // has a URI or a DNS, which Envoy copies from the certificate without quotes
}

// absentXFCC is absent for a value that has no pair. Names inside one may well hold a "{".
func absentXFCC(value string) bool { return !strings.Contains(value, "=") && absent(value) }

// readXFCC reads the element that the outermost of the trusted hops has written; Hops says why it is that one.
func readXFCC(value, _ string, hops int) ([][]byte, error) {
	elements, err := splitXFCC(value)
	if err != nil {
		return nil, err
	}
	counts := len(elements) - hops
	if counts < 0 {
		return nil, ErrNoCertificate
	}
	for _, e := range elements[:counts] {
		if e.named { // perhaps the head of the one that counts, cut in two by a comma in a name
			return nil, errMalformed
		}
	}
	return elements[counts].certificates()
}

// splitXFCC takes the header apart: elements with commas between them, of pairs with semicolons between them.
func splitXFCC(value string) ([]element, error) {
	elements := []element{{}}
	for rest := value; ; {
		key, text, after, ok := cutPair(rest)
		if !ok || !elements[len(elements)-1].add(key, text) {
			return nil, errMalformed
		}
		switch {
		case after == "":
			return elements, nil
		case after[0] == ',' && len(elements) < maxElements:
			elements, rest = append(elements, element{}), strings.TrimLeft(after[1:], " \t")
		case after[0] == ';':
			rest = after[1:]
		default:
			return nil, errMalformed
		}
	}
}

// cutPair returns the pair that s begins with, and what follows it.
func cutPair(s string) (key, value, after string, ok bool) {
	equals := strings.IndexByte(s[:min(len(s), maxKey+1)], '=')
	if equals < 0 || !isToken(s[:equals]) {
		return "", "", "", false
	}
	key, value = s[:equals], s[equals+1:]
	if quoted, yes := strings.CutPrefix(value, `"`); yes {
		value, after, ok = cutQuoted(quoted)
		return key, value, after, ok
	}
	if end := strings.IndexAny(value, ",;"); end >= 0 {
		value, after = value[:end], value[end:]
	}
	return key, value, after, !strings.Contains(value, `"`)
}

// cutQuoted returns the value up to the closing quote, and what follows. A backslash takes the next byte's meaning away.
func cutQuoted(s string) (value, after string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			return b.String(), s[i+1:], true
		}
		if s[i] == '\\' {
			i++
		}
		if i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// add reports whether the pair can belong to e: what is believed stands in it once, and is not empty. By, URI and DNS may repeat.
func (e *element) add(key, value string) bool {
	var into *string
	switch strings.ToLower(key) {
	case "cert":
		into = &e.cert
	case "chain":
		into = &e.chain
	case "hash":
		into = &e.hash
	case "uri", "dns":
		e.named = true
	}
	if into == nil {
		return true
	}
	if *into != "" || value == "" {
		return false
	}
	*into = value
	return true
}

// certificates returns the element's leaf and what came with it. Chain has the leaf too, as its first.
func (e *element) certificates() ([][]byte, error) {
	var ders [][]byte
	var err error
	if e.chain != "" {
		if ders, err = escapedPEM(e.chain); err != nil {
			return nil, err
		}
	}
	if e.cert != "" {
		leaf, err := escapedPEM(e.cert)
		if err != nil || len(leaf) != 1 || ders != nil && !bytes.Equal(ders[0], leaf[0]) {
			return nil, errMalformed
		}
		ders = append(leaf, ders[min(1, len(ders)):]...)
	}
	if ders == nil || !e.hashOf(ders[0]) {
		return nil, errMalformed
	}
	return ders, nil
}

// hashOf reports whether the element's hash is that of the certificate, or there is none.
func (e *element) hashOf(der []byte) bool {
	sum := sha256.Sum256(der)
	return e.hash == "" || strings.EqualFold(e.hash, hex.EncodeToString(sum[:]))
}
