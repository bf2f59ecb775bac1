package limit

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
)

// A Limiter asks an authenticator about what peers present, until they have guessed too often.
//
// It is safe for concurrent use, and may serve several guards, which then count together. The zero and the nil Limiter leave
// every request undecided.
type Limiter struct {
	start   time.Time
	proxies proxies
	sources sources
	peers   *peers
	good    *memory

	unlisted atomic.Bool // there are credentials in a place that Config does not name
}

// New returns a limiter. It starts no goroutine. All mistakes are returned together.
func New(c Config) (*Limiter, error) {
	var m mistakes
	perMinute := m.number("PerMinute", c.PerMinute, defaultRate, 1, mostRate)
	burst := m.number("Burst", c.Burst, defaultRate, 1, mostRate)
	maxPeers := m.number("MaxPeers", c.MaxPeers, defaultSize, leastSize, mostSize)
	maxGood := m.number("MaxRemembered", c.MaxRemembered, defaultSize, leastSize, mostSize)
	m.checkProxies(c.TrustedProxies)
	m.checkNames("Headers", c.Headers)
	m.checkNames("Cookies", c.Cookies)
	if err := m.joined(); err != nil {
		return nil, err
	}
	seed := maphash.MakeSeed()
	return &Limiter{
		start:   time.Now(),
		proxies: newProxies(c.TrustedProxies),
		sources: newSources(seed, c),
		peers:   newPeers(seed, allowance{each: time.Minute / time.Duration(perMinute), burst: burst}, maxPeers),
		good:    newMemory(maxGood),
	}, nil
}

// now is the limiter's clock, in nanoseconds. While a machine sleeps it may stand still, and then nobody gets guesses back.
func (l *Limiter) now() int64 { return int64(time.Since(l.start)) }

// Authenticate asks a and returns what it says. Without asking, it returns an error that wraps [middleware.ErrLimited] when the
// peer has no guess left and the credential is not known to be good; the error's method RetryAfter says when there will be a
// guess again.
//
// It changes nothing about the request, but that an authenticator behind a trusted proxy is told of the client by
// [introspect.WithPeer].
func (l *Limiter) Authenticate(r *http.Request, a middleware.Authenticator) (middleware.Identity, error) {
	if l == nil || l.peers == nil {
		return middleware.Identity{}, errNoLimiter
	}
	spokenFor, forwarded := l.proxies.speakFor(r)
	if forwarded {
		r = r.WithContext(introspect.WithPeer(r.Context(), spokenFor))
	}
	c, lasting := l.sources.credential(r)
	switch {
	case l.good.has(c):
		return l.again(r, a, c, spokenFor)
	case c == nothing && !l.unlisted.Load():
		return l.bare(r, a, spokenFor)
	default:
		return l.first(r, a, presented{c, lasting, client(r, spokenFor)})
	}
}

// again asks about a credential that was good. One that has merely expired is still known, so that its client is told so.
func (l *Limiter) again(r *http.Request, a middleware.Authenticator, c credential, spokenFor netip.Addr) (middleware.Identity, error) {
	id, err := a.Authenticate(r)
	if isRefused(err) && isGuess(r, err) {
		l.good.forget(c)
		l.peers.repeated(client(r, spokenFor), c, l.now())
	}
	return id, err
}

// bare asks about a request that seems to have no credential. If it has one after all, such requests are from now on as good as
// any with an unknown credential.
func (l *Limiter) bare(r *http.Request, a middleware.Authenticator, spokenFor netip.Addr) (middleware.Identity, error) {
	id, err := a.Authenticate(r)
	if err == nil || isRefused(err) {
		l.unlisted.Store(true)
	}
	if isGuess(r, err) {
		l.peers.guessed(client(r, spokenFor), l.now())
	}
	return id, err
}

// presented is a credential, whether it is worth to be remembered, and by whom it is.
type presented struct {
	credential
	lasting bool
	by      netip.Addr
}

// first asks about a credential that is not known to be good, if the peer may have it examined.
func (l *Limiter) first(r *http.Request, a middleware.Authenticator, p presented) (middleware.Identity, error) {
	v, wait := l.peers.enter(p.by, p.credential, l.now())
	if wait > 0 {
		return middleware.Identity{}, &limited{time.Duration(wait)}
	}
	guess := false
	defer func() { l.peers.leave(&v, guess, l.now()) }() // after a panic too
	id, err := a.Authenticate(r)
	guess = isGuess(r, err)
	if err == nil && p.lasting {
		l.good.add(p.credential, id)
	}
	return id, err
}
