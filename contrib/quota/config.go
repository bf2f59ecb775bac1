package quota

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/perimeter-go/perimeter/middleware"
)

const (
	maxName     = 64
	maxWindow   = 366 * 24 * time.Hour
	perSecond   = 10_000 // faster than that, the clock of Redis rounds visibly
	leastKey    = 32
	maxKeys     = 100_000
	maxTimeout  = 10 * time.Second
	timeout     = 100 * time.Millisecond
	nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
)

// Config is a policy: how much, for whom, and what if nobody can tell.
type Config struct {
	// Name is what the policy is called in response fields. Limiters of different names, Limits or Windows count apart.
	// Required: at most 64 letters, digits, and - _ . characters.
	Name string
	// Limit is how many requests there are in a Window. That many may come at once; then they come back one by one, evenly. So
	// within any stretch of time t at most Limit + Limit*t/Window pass, which for t = Window is twice the Limit. Required; at
	// most 10,000 for each second of the Window.
	Limit int
	// Window is the time in which an empty quota fills up. Required: whole seconds, at most 366 days.
	Window time.Duration
	// By says whose quota an identity uses: [Subject], [Client], a [Claim], or a function of your own. It must be safe for
	// concurrent use. Its results are compared within one issuer, and those of tokens never equal those of certificates.
	//
	// An empty result means that the identity has no such name. All such identities of an issuer share one quota: none passes
	// uncounted, and none is better off for leaving the name out. Required.
	By func(middleware.Identity) string
	// Anonymous says about a request without an identity, as on public routes, whether it counts and, if it does, for whom: [Peer]
	// or [Pass], or a function of your own. An empty name is a name too. Required, also where every route asks for an identity.
	Anonymous func(*http.Request) (name string, counts bool)
	// MaxKeys is how many quotas are kept apart in process, default 100,000: about 0.4 kB each. One gives its place away
	// when it is full again. While there is no place, newcomers share 1,024 quotas of Limit each by a hash of their name. With
	// Shared it matters for Local alone.
	MaxKeys int
	// Shared makes gateways count together, in Redis. Nil: each for itself.
	Shared *Shared

	_ struct{}
}

// Shared is where gateways count together, and what to do when that is out of reach. Those with the same Key and Prefix, and
// the same Name, Limit and Window, count together.
type Shared struct {
	// Client is the caller's: it is not changed and not closed. ContextTimeoutEnabled must be set. Required.
	Client redis.UniversalClient
	// Key is a secret of the gateways, at least 32 random bytes. Names go to Redis only as an HMAC under it. Required.
	Key []byte
	// Prefix begins the names of all keys in Redis, after the "rate:" of the library that writes them. It may be empty.
	Prefix string
	// Down is what to do with a request when Redis cannot be asked. Required: there is no default.
	Down StoreDown
	// Timeout is how long a request waits for Redis. Default 100ms, at most 10s.
	Timeout time.Duration
	// OnError is told of each call to Redis that failed, if not nil. It must be safe for concurrent use and not block. Requests
	// that are not sent to Redis because it has just failed are no calls.
	OnError func(error)

	_ struct{}
}

// StoreDown is what to do when a [Shared] store cannot be asked.
type StoreDown int

const (
	// Closed answers 503 with Retry-After: without Redis nothing passes that must be counted.
	Closed StoreDown = iota + 1
	// Local counts in each gateway for itself, from a full quota at first: n gateways allow n times the Limit.
	Local
	// Open lets every request pass uncounted. Who can overload Redis, or the way to it, then has no limit.
	Open
)

func (c *Config) mistakes() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("quota: "+format, args...)) }
	if c.Name == "" || len(c.Name) > maxName || hasOther(c.Name) {
		wrong("Name is not made of 1 to %d letters, digits, and - _ . characters", maxName)
	}
	if c.Window < time.Second || c.Window > maxWindow || c.Window%time.Second != 0 {
		wrong("Window %v is not from 1s to %v in whole seconds", c.Window, maxWindow)
	} else if c.Limit > perSecond*int(c.Window/time.Second) {
		wrong("Limit %d is more than %d for each second of the Window", c.Limit, perSecond)
	}
	if c.Limit <= 0 {
		wrong("Limit %d is not positive", c.Limit)
	}
	if c.By == nil {
		wrong("By is nil: say whose quota an identity uses, such as Subject")
	}
	if c.Anonymous == nil {
		wrong("Anonymous is nil: say what becomes of requests without an identity, Peer or Pass")
	}
	if c.MaxKeys < 0 {
		wrong("MaxKeys %d is negative", c.MaxKeys)
	}
	if c.Shared != nil {
		errs = append(errs, c.Shared.mistakes()...)
	}
	return errors.Join(errs...)
}

func (s *Shared) mistakes() (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("quota: Shared."+format, args...)) }
	switch {
	case isNil(s.Client):
		wrong("Client is nil")
	case !heedsContexts(s.Client):
		wrong("Client has no ContextTimeoutEnabled: a request would wait for Redis longer than Timeout")
	}
	if len(s.Key) < leastKey {
		wrong("Key has less than %d bytes", leastKey)
	}
	if s.Down != Closed && s.Down != Local && s.Down != Open {
		wrong("Down is not chosen: Closed, Local or Open")
	}
	if s.Timeout < 0 || s.Timeout > maxTimeout {
		wrong("Timeout %v is not from 0 to %v", s.Timeout, maxTimeout)
	}
	return errs
}

func hasOther(name string) bool {
	return strings.IndexFunc(name, func(c rune) bool { return !strings.ContainsRune(nameLetters, c) }) >= 0
}

// heedsContexts is false of a client that visibly does not. What a wrapper hides cannot be seen.
func heedsContexts(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return c.Options().ContextTimeoutEnabled
	default:
		return true
	}
}
