package limit

import (
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/perimeter-go/perimeter/internal/cookies"
)

// A credential stands for all that a request presents to prove who sends it: a hash under a secret of the process, from which
// nothing can be read. It decides only whether something is examined, never whether it is good. So a hash that is fast and has
// 64 bits is enough: who found two credentials of one hash would have had one refused without being counted.
type credential uint64

// nothing is no credential.
const nothing credential = 0

// sources are where credentials stand.
type sources struct {
	seed             maphash.Seed
	headers, cookies []string
}

func newSources(seed maphash.Seed, c Config) sources {
	s := sources{seed: seed, headers: []string{"Authorization"}, cookies: slices.Clone(c.Cookies)}
	for _, name := range c.Headers {
		s.headers = append(s.headers, http.CanonicalHeaderKey(name))
	}
	return s
}

// maxPresented is how much of a request can be told from other requests, in bytes, with perPart for each header: more than the cookies, the
// headers and the certificate that this module reads.
const maxPresented, perPart = 128 << 10, 64

// credential returns nothing if nothing is presented. The text of each is taken as it is: two spellings of a token are two
// credentials. What is longer than anybody's credential is not read: it is a new one each time, and not worth to be remembered.
func (s *sources) credential(r *http.Request) (c credential, lasting bool) {
	if s.isTooMuch(r) {
		return max(credential(rand.Uint64()), 1), false
	}
	c = nothing
	for i, name := range s.headers {
		for _, value := range r.Header[name] {
			c = s.and(c, part{place: inHeader, index: i, hash: maphash.String(s.seed, value)})
		}
	}
	if len(s.cookies) > 0 {
		c = s.andCookies(c, r.Header)
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		c = s.and(c, part{place: inHandshake, hash: maphash.Bytes(s.seed, r.TLS.PeerCertificates[0].Raw)})
	}
	return c, true
}

func (s *sources) isTooMuch(r *http.Request) bool {
	size := 0
	for _, name := range s.headers {
		for _, value := range r.Header[name] {
			if size += len(value) + perPart; size > maxPresented {
				return true
			}
		}
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		size += len(r.TLS.PeerCertificates[0].Raw)
	}
	if len(s.cookies) > 0 {
		for _, line := range r.Header["Cookie"] {
			if size += len(line) + perPart; size > maxPresented {
				return true
			}
		}
	}
	return size > maxPresented
}

func (s *sources) andCookies(c credential, h http.Header) credential {
	lines := h["Cookie"]
	if cookies.TooMany(h) { // none is looked for, but whoever has another one has other lines
		for _, line := range lines {
			c = s.and(c, part{place: inTooMany, hash: maphash.String(s.seed, line)})
		}
		return c
	}
	for i, value := range cookies.Named(lines, s.cookies) {
		c = s.and(c, part{place: inCookie, index: i, hash: maphash.String(s.seed, value)})
	}
	return c
}

// Where a part of a credential stands.
const (
	inHeader = iota + 1
	inCookie
	inHandshake
	inTooMany
)

// part is one of those that a credential is made of, in their order.
type part struct {
	before       credential
	place, index int
	hash         uint64
}

func (s *sources) and(c credential, p part) credential {
	p.before = c
	return max(credential(maphash.Comparable(s.seed, p)), 1)
}
