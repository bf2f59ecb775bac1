package introspect

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Client asks one introspection endpoint about tokens and remembers the answers for a moment. All methods are safe for concurrent
// use. Make one with [New] and keep it.
//
// The zero Client decides nothing: every token is undecided.
type Client struct {
	*settings

	keys    *keyer
	asker   *asker
	cache   *cache
	shared  *shared // nil without a Store
	gate    *gate
	breaker breaker

	mu      sync.Mutex // guards flights and what is in them; taken before the cache's
	flights map[key]*flight
}

// New returns a client of the endpoint. It makes no request.
//
// The error lists every mistake in c and opts. Both are copied.
func New(c Config, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	s, err := compile(c, opts)
	var m mistakes
	m.checkAuth(c.Auth, opts.HTTPClient)
	maxActive := m.count("MaxActive", opts.MaxActive, 10_000, 1)
	maxInactive := m.count("MaxInactive", opts.MaxInactive, 1_000, 1)
	maxBytes := m.count("MaxBytes", opts.MaxBytes, 64<<20, maxAnswer)
	storeTimeout := m.duration("StoreTimeout", opts.StoreTimeout, 100*time.Millisecond, time.Millisecond, time.Minute)
	if err := errors.Join(append(m, err)...); err != nil {
		return nil, err
	}
	secret := processSecret()
	var sh *shared
	if opts.Store != nil {
		secret = opts.StoreKey
		sh = &shared{settings: s, store: opts.Store, timeout: storeTimeout}
		sh.seal = sealer{derive(secret, "seal", c, opts.Verify != nil)}
		sh.names = derive(secret, "name", c, opts.Verify != nil)
	}
	return &Client{
		settings: s,
		keys:     newKeyer(derive(secret, "key", c, opts.Verify != nil)),
		asker:    newAsker(s, c.Auth, opts.HTTPClient),
		cache:    newCache(maxActive, maxInactive, maxBytes),
		shared:   sh,
		gate:     &gate{lanes: map[netip.Prefix]*lane{}},
		flights:  map[key]*flight{},
	}, nil
}

// Introspect returns what the issuer says of a token that is active, current and meant for us.
//
// have is what the caller has itself seen proved. A token that is bound to a key or a certificate is refused unless every member
// of its cnf equals one of the proofs, whether or not the token is remembered; one that is bound to nothing needs none and is not
// made better by them.
//
// An error that is [ErrRefused] means that the token is not good. Any other error means that this could not be found out, and wraps
// that of ctx if the caller left, or is that of a proof's Find. However many ask about one token at once, there is one call to the
// endpoint; each caller may leave by its own ctx, the call goes on for the others. A token that is remembered costs one keyed hash and no call.
//
// At most 100 calls are under way and 1,000 tokens wait for one; more are undecided at once. After five failures in a row the endpoint
// is left alone for a second, then one call tries it; what is not remembered is undecided meanwhile. If one known peer had them all, this
// is so for its tokens only. See [WithPeer] for how one client is kept from taking the place of others.
func (c *Client) Introspect(ctx context.Context, tok string, have ...Proof) (*Result, error) {
	if c == nil || c.settings == nil {
		return nil, errNoClient
	}
	if tok == "" || len(tok) > maxToken {
		return nil, errMalformed
	}
	k := c.keys.of(tok)
	now := time.Now()
	if e := c.cache.fresh(&k, now); e != nil {
		return c.judge(e, now, have)
	}
	if !isToken(tok) {
		return nil, errMalformed
	}
	e, err := c.consult(ctx, k, tok)
	if err != nil {
		return nil, err
	}
	return c.judge(e, time.Now(), have)
}

// isToken holds the alphabet of RFC 6749 appendix A.12, without the blank that no header could carry.
func isToken(tok string) bool {
	for i := range len(tok) {
		if tok[i] <= ' ' || tok[i] > '~' {
			return false
		}
	}
	return true
}

// judge turns an answer into a verdict for this caller. Answers are remembered, verdicts are not.
func (c *Client) judge(e *entry, now time.Time, have []Proof) (*Result, error) {
	switch e.verdict {
	case active:
	case inactive:
		return nil, errInactive
	default:
		return nil, errRejected
	}
	if err := c.check(e.result, now); err != nil {
		return nil, err
	}
	if err := e.result.proved(have); err != nil {
		return nil, err
	}
	return e.result, nil
}

// Forget makes the next Introspect of this token ask the issuer, because the token is known to be revoked, say by a logout. What
// was asked before is not remembered after. With a Store the other gateways forget it within 2 seconds, unless an error says that
// the Store could not be told; this client has forgotten it in any case.
func (c *Client) Forget(ctx context.Context, tok string) error {
	if c == nil || c.settings == nil {
		return errNoClient
	}
	if len(tok) > maxToken {
		return nil // nothing was ever asked about it
	}
	k := c.keys.of(tok)
	c.mu.Lock()
	if f := c.flights[k]; f != nil {
		f.forgotten = true
		delete(c.flights, k)
	}
	c.cache.forget(&k)
	c.mu.Unlock()
	if c.shared == nil {
		return nil
	}
	_, err := contain(ctx, func(context.Context) (struct{}, error) { return struct{}{}, c.shared.forget(k) })
	if err != nil {
		return errNotShared
	}
	return nil
}

var errNotShared = errors.New("introspect: forgotten here, but the store could not be told")
