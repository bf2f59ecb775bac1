package jwks

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Options tunes a [Cache]. Zero fields, and a nil *Options, mean the defaults.
type Options struct {
	// HTTPClient makes the requests: for a private CA, a proxy, a client certificate, tracing. It is copied, and the rules of
	// this package hold with it: redirects are refused, sizes and times bounded, addresses checked.
	//
	// A *http.Transport is cloned; the clone keeps no idle connection and checks each address: before it connects, or before it
	// sends anything where the transport has a dialer of its own, as http.DefaultTransport has. Any other
	// RoundTripper is used as it is. The address of its connection is then checked once it is established, provided that the
	// RoundTripper reports it through net/http/httptrace, as wrappers of http.Transport do; one that does not is checked by
	// the host in the URL only. The address behind an HTTP proxy is the proxy's affair in every case. A RoundTripper that
	// ignores its context is abandoned after Timeout.
	HTTPClient *http.Client

	// MaxAge is how long keys are used without asking the issuer again: 5 minutes, at least 1 second. The server's
	// Cache-Control may shorten it to one minute, never lengthen it.
	MaxAge time.Duration

	// MaxStale is how long the last good keys are used while the issuer cannot be reached: 24 hours, at least MaxAge.
	MaxStale time.Duration

	// MinInterval paces the fetches that unknown key ids cause: 15 seconds, at least 1 second. Two may follow at once, then
	// one each MinInterval.
	MinInterval time.Duration

	// Timeout bounds a whole fetch, discovery included: 5 seconds, at least 100 milliseconds.
	Timeout time.Duration

	// InsecureAllowHTTP allows http: URLs, for work on one machine. Whoever can answer in the issuer's place, on the network or
	// by its name, then chooses the keys, and with them who everybody is.
	InsecureAllowHTTP bool

	// Snapshot names a file that keeps the last good key set over a restart; empty means none. It is written after each
	// successful fetch, by way of a temporary file beside it, with mode 0600. It is read once, when the first fetch fails, and
	// honoured within MaxStale of the fetch that it records. A file from another URL or issuer or from the future, and one that
	// its group, everyone or another user but root could have written, is ignored and reported. Whoever can write to its
	// directory chooses the keys: give it one of its own. Where files have no such modes (Windows), the directory's access
	// control is all there is.
	Snapshot string

	// OnRefresh is called after every fetch, in the goroutine of the fetch: nobody waits for it. Two calls overlap if the first
	// takes longer than the time to the next fetch. A panic in it is contained and counted by Status.
	OnRefresh func(Refresh)

	_ struct{}
}

const (
	defaultMaxAge      = 5 * time.Minute
	defaultMaxStale    = 24 * time.Hour
	defaultMinInterval = 15 * time.Second
	defaultTimeout     = 5 * time.Second
)

// settings is Options compiled: what the request path reads.
type settings struct {
	maxAge, maxStale, minInterval, timeout time.Duration
	insecureHTTP                           bool
	snapshotPath                           string
	onRefresh                              func(Refresh)
}

func (o *Options) compile() (settings, error) {
	if o == nil {
		o = &Options{}
	}
	s := settings{
		maxAge:       orDefault(o.MaxAge, defaultMaxAge),
		maxStale:     o.MaxStale,
		minInterval:  orDefault(o.MinInterval, defaultMinInterval),
		timeout:      orDefault(o.Timeout, defaultTimeout),
		insecureHTTP: o.InsecureAllowHTTP,
		snapshotPath: o.Snapshot,
		onRefresh:    o.OnRefresh,
	}
	if s.maxStale == 0 {
		s.maxStale = max(defaultMaxStale, s.maxAge)
	}
	return s, errors.Join(
		atLeast("MaxAge", s.maxAge, time.Second),
		atLeast("MaxStale", s.maxStale, max(s.maxAge, time.Second)),
		atLeast("MinInterval", s.minInterval, time.Second),
		atLeast("Timeout", s.timeout, 100*time.Millisecond),
	)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func atLeast(name string, d, least time.Duration) error {
	if d < least {
		return fmt.Errorf("jwks: %s is %v, the least is %v", name, d, least)
	}
	return nil
}

// fresh is how long an answer may be used without asking again, given the lifetime that its server stated; negative means that
// it stated none.
func (s *settings) fresh(stated time.Duration) time.Duration {
	if stated < 0 {
		return s.maxAge
	}
	return min(max(stated, min(time.Minute, s.maxAge)), s.maxAge)
}
