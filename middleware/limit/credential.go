package limit

import (
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// A credential stands for all that a request presents to prove who sends it: a hash under a secret of the process, from which nothing can
// be read. It decides only whether something is examined, never whether it is good. So a hash that is fast and has 64 bits is enough: who found two
// credentials of one hash would have had one refused without being counted.
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

// credential returns nothing if nothing is presented. The text of each is taken as it is: two spellings of a token are two credentials.
func (s *sources) credential(r *http.Request) credential {
	d := digest{}
	d.hash.SetSeed(s.seed)
	for i, name := range s.headers {
		for _, value := range r.Header[name] {
			d.add('h', i, value)
		}
	}
	if len(s.cookies) > 0 {
		s.addCookies(&d, r.Header["Cookie"])
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		d.addBytes('t', 0, r.TLS.PeerCertificates[0].Raw)
	}
	return d.sum()
}

func (s *sources) addCookies(d *digest, lines []string) {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(textproto.TrimString(pair), "=")
			if i := slices.Index(s.cookies, textproto.TrimString(name)); i >= 0 {
				d.add('c', i, value)
			}
		}
	}
}

// digest hashes parts so that no two lists of parts look alike.
type digest struct {
	hash maphash.Hash
	some bool
}

func (d *digest) add(kind byte, i int, value string) {
	d.head(kind, i, len(value))
	_, _ = d.hash.WriteString(value)
}

func (d *digest) addBytes(kind byte, i int, value []byte) {
	d.head(kind, i, len(value))
	_, _ = d.hash.Write(value)
}

func (d *digest) head(kind byte, i, length int) {
	var b [17]byte
	b[0] = kind
	binary.LittleEndian.PutUint64(b[1:], uint64(i))
	binary.LittleEndian.PutUint64(b[9:], uint64(length))
	_, _ = d.hash.Write(b[:])
	d.some = true
}

func (d *digest) sum() credential {
	if !d.some {
		return nothing
	}
	return max(credential(d.hash.Sum64()), 1)
}
