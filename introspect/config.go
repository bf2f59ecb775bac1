package introspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says whom to ask and what an active token must look like. [New] copies it; later changes have no effect.
type Config struct {
	// Endpoint is the URL of the introspection endpoint, https. Required.
	Endpoint string

	// Auth is how we authenticate to it. Required.
	Auth Auth

	// Issuer is who answers. An answer whose iss differs, byte by byte, refuses the token; one without iss speaks for this
	// issuer. Required.
	Issuer string

	// Audiences are the names this service answers to. A token is refused unless its aud, a string or an array of strings, holds
	// one of them, byte by byte. Required, unless InsecureAnyAudience.
	Audiences []string

	// InsecureAnyAudience accepts active tokens whatever their aud is, missing included. An attacker who runs, or breaks into, any
	// other service of the same issuer can then use here the tokens that were sent there. It is meant for issuers that answer
	// without aud, and that themselves refuse to tell a client about tokens that are not meant for it.
	InsecureAnyAudience bool

	_ struct{}
}

// Options tunes a [Client]. Nil and zero fields mean the defaults.
type Options struct {
	// HTTPClient makes the requests: for a private CA, a proxy, a client certificate, tracing. It is copied, and the rules of
	// this package hold with it: redirects are not followed, cookies not kept, sizes and times bounded. The default uses the proxy
	// that the environment names, as net/http does.
	HTTPClient *http.Client

	// Timeout bounds a call: 5 seconds, at least 10 milliseconds. A caller waits for its call to become free, and then for the
	// call, each no longer than this.
	Timeout time.Duration

	// TTL is how long an active token is not asked about again: 30 seconds, at most an hour, and never past its exp. A revocation
	// may go unseen for as long.
	TTL time.Duration

	// NegativeTTL is the same for a token that was refused, and for one that the endpoint does not tell about: 5 seconds, at most a
	// minute.
	NegativeTTL time.Duration

	// MaxActive and MaxInactive are how many active tokens and how many others are remembered: 10,000 and 1,000. The two do not
	// share their places: a flood of garbage evicts no active token.
	MaxActive, MaxInactive int

	// MaxBytes bounds what is kept of the answers about active tokens, with all that is read out of them: 64 MiB, at least 256 KiB.
	// Half a kilobyte for each token comes on top.
	MaxBytes int

	// Leeway is how far the issuer's clock may be ahead of ours, for nbf: 30 seconds, at most 2 minutes. There is none for exp.
	Leeway time.Duration

	// StaleIfError lets the last active answer about a token stand in for one that cannot be had, this long after its TTL. Zero, the
	// default, means never; at most an hour. It does so only when the endpoint cannot be reached, does not answer, or answers
	// 5xx; never because of our own credentials or of Verify, never past exp, never after the issuer has said otherwise of the token,
	// and never after Forget. Whoever can keep us from reaching the issuer keeps a revoked token alive for as long.
	StaleIfError time.Duration

	// Verify asks for signed answers (RFC 9701): it returns the payload of a JWT that the issuer has signed, or an error if it is
	// not that. A token.Verifier does it in one line, as the example shows, with the policy Type "token-introspection+jwt", a MaxAge,
	// and Auth.ClientID as the audience. An answer that is not signed is then undecided. The header's typ and the payload's iss and
	// aud are checked here as well; no exp is expected.
	Verify func(ctx context.Context, jwt string) (payload []byte, err error)

	// Store shares answers among gateways of one configuration. Its values are encrypted and authenticated under keys derived from StoreKey,
	// which is required with it, the same for all of them, and at least 32 random bytes. What is remembered in memory is then at
	// most 2 seconds old, so that a token that one gateway was told to Forget is asked about again by the others within that.
	Store    Store
	StoreKey []byte

	// StoreTimeout bounds each operation of the Store: 100 milliseconds, at least 1. What takes longer is abandoned.
	StoreTimeout time.Duration

	// Observe is told, in one word each, of what a service may want to count: asked (a call to the endpoint begins), failed (it
	// brought no answer), rejected (a 400 about the token), paused, crowded, stale (an old answer stood in), store_hit, store_failed,
	// store_foreign (a value in the Store that is not ours, or not for this token). It may be called by several goroutines at once
	// and must not wait. A panic in it is contained.
	Observe func(event string)

	// InsecureAllowHTTP allows an http: endpoint, for work on one machine. Whoever can read the network then has our credentials and
	// every token, and whoever can answer in the issuer's place decides who everybody is.
	InsecureAllowHTTP bool

	_ struct{}
}

// settings is Config and Options compiled: what the request path reads.
type settings struct {
	endpoint    string
	issuer      string
	audiences   []string
	anyAudience bool

	timeout, ttl, negativeTTL, leeway, stale time.Duration
	localTTL                                 time.Duration // ttl, or less with a Store

	verify  func(ctx context.Context, jwt string) ([]byte, error)
	observe func(string)
}

const (
	maxToken  = 16 << 10
	maxAnswer = 256 << 10
	sharedTTL = 2 * time.Second // of what is remembered in memory, with a Store
)

// mistakes collects what is wrong with a configuration.
type mistakes []error

func (m *mistakes) addf(format string, args ...any) {
	*m = append(*m, fmt.Errorf("introspect: "+format, args...))
}

// compile checks what is no business of a file of its own and reports all mistakes joined.
func compile(c Config, o *Options) (*settings, error) {
	var m mistakes
	m.checkEndpoint(c.Endpoint, o.InsecureAllowHTTP)
	m.checkNames(c)
	m.checkOptions(c, o)
	s := &settings{
		endpoint:    c.Endpoint,
		issuer:      c.Issuer,
		audiences:   slices.Clone(c.Audiences),
		anyAudience: c.InsecureAnyAudience,
		timeout:     m.duration("Timeout", o.Timeout, 5*time.Second, 10*time.Millisecond, time.Minute),
		ttl:         m.duration("TTL", o.TTL, 30*time.Second, time.Millisecond, time.Hour),
		negativeTTL: m.duration("NegativeTTL", o.NegativeTTL, 5*time.Second, time.Millisecond, time.Minute),
		leeway:      m.duration("Leeway", o.Leeway, 30*time.Second, 0, 2*time.Minute),
		stale:       m.duration("StaleIfError", o.StaleIfError, 0, 0, time.Hour),
		verify:      o.Verify,
		observe:     o.Observe,
	}
	s.localTTL = s.ttl
	if o.Store != nil {
		s.localTTL = min(s.ttl, sharedTTL)
	}
	return s, errors.Join(m...)
}

// duration returns d or its default, and notes a d that is out of bounds.
func (m *mistakes) duration(name string, d, otherwise, least, most time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	if d < least || d > most {
		m.addf("Options.%s is %v, not between %v and %v", name, d, least, most)
	}
	return d
}

// count is duration for numbers.
func (m *mistakes) count(name string, n, otherwise, least int) int {
	if n == 0 {
		return otherwise
	}
	if n < least {
		m.addf("Options.%s is %d, the least is %d", name, n, least)
	}
	return n
}

func (m *mistakes) checkEndpoint(raw string, insecureHTTP bool) {
	u, err := url.Parse(raw)
	if err != nil {
		m.addf("Config.Endpoint is not a URL")
		return
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "http" && insecureHTTP:
	case u.Scheme == "http":
		m.addf("Config.Endpoint is not https (InsecureAllowHTTP is for work on one machine)")
	default:
		m.addf("Config.Endpoint is not an https URL")
	}
	if u.Hostname() == "" {
		m.addf("Config.Endpoint names no host")
	}
	if u.User != nil {
		m.addf("Config.Endpoint holds a user name or password: that is Auth's")
	}
	if strings.Contains(raw, "#") {
		m.addf("Config.Endpoint has a fragment")
	}
}

func (m *mistakes) checkNames(c Config) {
	if c.Issuer == "" {
		m.addf("Config.Issuer is empty")
	} else if strings.TrimSpace(c.Issuer) != c.Issuer {
		m.addf("Config.Issuer %q has white space around it", c.Issuer)
	}
	switch {
	case len(c.Audiences) == 0 && !c.InsecureAnyAudience:
		m.addf("Config.Audiences is empty: a token meant for any other service of the issuer would pass")
	case len(c.Audiences) > 0 && c.InsecureAnyAudience:
		m.addf("Config.Audiences and Config.InsecureAnyAudience contradict each other")
	}
	for i, a := range c.Audiences {
		if a == "" {
			m.addf("Config.Audiences[%d] is empty", i)
		} else if strings.TrimSpace(a) != a {
			m.addf("Config.Audiences[%d] %q has white space around it", i, a)
		}
	}
}

func (m *mistakes) checkOptions(c Config, o *Options) {
	if o.Verify != nil && c.Auth.ClientID == "" {
		m.addf("Options.Verify needs Auth.ClientID: a signed answer names in aud for whom it is (RFC 9701 section 5)")
	}
	switch {
	case o.Store == nil && (o.StoreKey != nil || o.StoreTimeout != 0):
		m.addf("Options.StoreKey and StoreTimeout are for a Store, and there is none")
	case o.Store != nil && isNil(o.Store):
		m.addf("Options.Store is nil in an interface")
	case o.Store != nil && len(o.StoreKey) < 32:
		m.addf("Options.StoreKey has %d bytes: a Store needs a key of at least 32 random bytes", len(o.StoreKey))
	}
}
