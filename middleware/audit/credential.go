package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"net/textproto"
	"strings"
	"sync"

	"github.com/perimeter-go/perimeter/internal/cookies"
)

// A hasher finds the token of a request and hashes it under a key.
type hasher struct {
	headers []string // canonical, without Authorization
	cookies []string
	macs    sync.Pool // of *mac
}

type mac struct {
	hash.Hash

	in  []byte
	sum [sha256.Size]byte
}

// maxToken is above what any verifier reads. Of a longer token only the beginning is hashed.
const maxToken = 16 << 10

// As [middleware.FromHeader] has it: a longer scheme is none that is known, and no token is looked for in more, its blanks included.
const (
	maxScheme     = 64
	maxCredential = 32 << 10
)

// shortHash is how many bytes of the HMAC are written: enough that no two tokens in a log meet by chance.
const shortHash = 12

func newHasher(key []byte, headers, cookies []string) *hasher {
	h := &hasher{cookies: append([]string(nil), cookies...)}
	for _, name := range headers {
		if !same(name, "Authorization") {
			h.headers = append(h.headers, http.CanonicalHeaderKey(name))
		}
	}
	key = append([]byte(nil), key...)
	h.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key)} }
	return h
}

// of returns the hash of the one token that r has, or "". Where there are too many cookies for a token to be looked for, none is there.
func (h *hasher) of(r *http.Request) string {
	token, n := fromAuthorization(r.Header["Authorization"])
	for _, name := range h.headers {
		if values := r.Header[name]; len(values) > 0 {
			token, n = values[0], n+len(values)
		}
	}
	if len(h.cookies) > 0 && !cookies.TooMany(r.Header) {
		for _, value := range cookies.Named(r.Header["Cookie"], h.cookies) {
			token, n = textproto.TrimString(value), n+1
		}
	}
	if n != 1 || token == "" {
		return ""
	}
	return h.sum(token)
}

func (h *hasher) sum(token string) string {
	m := h.macs.Get().(*mac)
	defer h.macs.Put(m)
	m.Reset()
	m.in = append(m.in[:0], token[:min(len(token), maxToken)]...)
	_, _ = m.Write(m.in)
	clear(m.in) // no bearer secret stays in the pool
	var text [2 * shortHash]byte
	hex.Encode(text[:], m.Sum(m.sum[:0])[:shortHash])
	return string(text[:])
}

// fromAuthorization returns the token in a header, and how many there are. Another scheme's credentials are none. What no guard reads for its length is
// not read here either.
func fromAuthorization(values []string) (token string, n int) {
	if len(values) != 1 {
		return "", len(values)
	}
	value, rest := values[0], ""
	scheme := value[:min(len(value), maxScheme+1)]
	if end := strings.IndexByte(scheme, ' '); end >= 0 {
		scheme, rest = value[:end], value[end+1:]
	}
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") { // RFC 9110 section 11.1: schemes have no case
		return "", 0
	}
	if len(rest) > maxCredential {
		return "", 1
	}
	return strings.Trim(rest, " "), 1
}
