package limit

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Config says how much guessing is too much, and who speaks for whom. [New] copies it. The zero Config means the defaults.
type Config struct {
	// PerMinute is how many guesses a peer gets back in a minute: 60, at most 6,000.
	PerMinute int

	// Burst is how many a peer has that has not guessed for long: 60, at most 6,000. An attacker with a thousand addresses has
	// a thousand times as many. Of a peer that has not guessed at all lately, up to 100 new credentials are examined at once,
	// whatever the Burst; if all turn out to be guesses, it owes them.
	Burst int

	// TrustedProxies are the proxies in front. For a request from one of them the client is the rightmost address of
	// X-Forwarded-For that is not one of them; several such headers are one list, in their order. An entry is an address, with
	// or without a port; IPv6 with a port stands in brackets, and may stand in brackets without. What cannot be read, zones
	// included, ends the search, and the last proxy before it is taken for the client; so does the 33rd entry from the right, and
	// one of more than 64 bytes. From anybody else X-Forwarded-For means nothing, and no other header ever means anything. A proxy
	// that comes by a unix socket cannot be named: in front of the guard, set Request.RemoteAddr to what it says. Default: none.
	TrustedProxies []netip.Prefix

	// Headers and Cookies name where credentials are read from besides Authorization, as by [middleware.FromHeader],
	// [middleware.FromCookie] or a forwarded certificate. The certificate of the connection itself needs no mention. What
	// changes with each request, such as a DPoP proof, is no credential. A credential that stands in none of these places
	// counts when it is wrong, but is never remembered as good.
	Headers, Cookies []string

	// MaxPeers is how many peers are told apart that owe guesses, and how many networks: 65,536, at least 1,024. Each takes
	// about 140 bytes.
	MaxPeers int

	// MaxRemembered is how many good credentials are remembered: 65,536, at least 1,024. They take 24 bytes each, from the
	// start, and are kept as hashes under a secret of the process.
	MaxRemembered int

	_ struct{}
}

const (
	defaultRate = 60
	mostRate    = 6_000
	defaultSize = 65_536
	leastSize   = 1_024
	mostSize    = 1 << 24
)

// mistakes collects what is wrong with a configuration.
type mistakes []error

func (m *mistakes) addf(format string, args ...any) {
	*m = append(*m, fmt.Errorf("limit: "+format, args...))
}

// number returns n or its default, and notes an n that is out of bounds.
func (m *mistakes) number(name string, n, otherwise, least, most int) int {
	if n == 0 {
		return otherwise
	}
	if n < least || n > most {
		m.addf("Config.%s is %d, not between %d and %d", name, n, least, most)
	}
	return n
}

func (m *mistakes) checkProxies(proxies []netip.Prefix) {
	for i, p := range proxies {
		switch {
		case !p.IsValid():
			m.addf("Config.TrustedProxies[%d] is no prefix", i)
		case p.Addr().Is4In6():
			m.addf("Config.TrustedProxies[%d] %v is IPv4 written as IPv6: write it as IPv4", i, p)
		case p.Bits() == 0:
			m.addf("Config.TrustedProxies[%d] %v is everybody: whoever sends X-Forwarded-For would choose who he is", i, p)
		}
	}
}

func (m *mistakes) checkNames(field string, names []string) {
	for i, name := range names {
		if !isToken(name) {
			m.addf("Config.%s[%d] %q is no name that one can have", field, i, name)
		}
	}
}

// isToken checks the token of RFC 9110 section 5.6.2, which names of headers and cookies are.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}) < 0
}

func (m *mistakes) joined() error { return errors.Join(*m...) }
