package audit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// Config says what is written down. [New] copies it.
type Config struct {
	// Key is the secret under which tokens are hashed, at least 32 random bytes: HMAC-SHA-256, of which the first 12 bytes are written
	// in hexadecimal. Records of one token have the same hash wherever the key is the same, so that one can be followed through
	// logs; whoever has the logs but not the key can neither use the token nor find out whether a token that they have is in
	// them. Required.
	Key []byte

	// SampleAllowed keeps one of so many requests that pass, public ones included: the first, and every so many-th after it, in the order in
	// which they come, whoever they are from. 0 and 1 keep all. What does not pass is always kept.
	SampleAllowed int
	// KeepRules are patterns of rules, spelled as in the table, under which every request is kept, such as those that change
	// something.
	KeepRules []string

	// Headers and Cookies name where tokens are read from besides Authorization, as by [middleware.FromHeader] and
	// [middleware.FromCookie]. Where a request has two tokens neither is hashed; where it has more cookies than are looked at, none of
	// these. Of Authorization it is what follows the scheme Bearer or DPoP; other schemes hold passwords, and are not hashed.
	Headers, Cookies []string

	// RequestIDHeader names a header that is written down if there is exactly one; empty: none. Clients can set it, unless a proxy in
	// front sets it for them.
	RequestIDHeader string
	// Peer says where a request comes from, for example behind a proxy; nil: Request.RemoteAddr. Clients can set X-Forwarded-For.
	Peer func(r *http.Request) string

	_ struct{}
}

// minKey is the size of what HMAC-SHA-256 gives (RFC 2104 section 3).
const minKey = 32

func (c *Config) mistakes() error {
	var errs []error
	if len(c.Key) < minKey {
		errs = append(errs, fmt.Errorf("audit: Key has %d bytes, the least is %d", len(c.Key), minKey))
	}
	if c.SampleAllowed < 0 {
		errs = append(errs, fmt.Errorf("audit: SampleAllowed is %d", c.SampleAllowed))
	}
	if slices.Contains(c.KeepRules, "") {
		errs = append(errs, errors.New("audit: KeepRules: no rule has an empty pattern"))
	}
	for _, names := range []struct {
		field string
		names []string
	}{{"Headers", c.Headers}, {"Cookies", c.Cookies}} {
		for _, name := range names.names {
			if !isToken(name) {
				errs = append(errs, fmt.Errorf("audit: %s: nothing has the name %q", names.field, name))
			}
		}
	}
	if c.RequestIDHeader != "" && !isToken(c.RequestIDHeader) {
		errs = append(errs, fmt.Errorf("audit: RequestIDHeader: no header has the name %q", c.RequestIDHeader))
	}
	if isSecret(c.RequestIDHeader) || slices.ContainsFunc(c.Headers, func(h string) bool { return same(h, c.RequestIDHeader) }) {
		errs = append(errs, fmt.Errorf("audit: RequestIDHeader: %s holds credentials", http.CanonicalHeaderKey(c.RequestIDHeader)))
	}
	return errors.Join(errs...)
}

// isSecret says whether a header holds credentials, whatever an authenticator reads.
func isSecret(header string) bool {
	return slices.ContainsFunc([]string{"Authorization", "Cookie", "Proxy-Authorization"}, func(h string) bool { return same(h, header) })
}

func same(a, b string) bool { return http.CanonicalHeaderKey(a) == http.CanonicalHeaderKey(b) }

// isToken checks the token of RFC 9110 section 5.6.2, which names of headers and cookies are.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case slices.Contains([]byte("!#$%&'*+-.^_`|~"), c):
		default:
			return false
		}
	}
	return s != ""
}
