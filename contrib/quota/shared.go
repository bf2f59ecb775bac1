package quota

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

const keyspace = "perimeter:quota:"

var errAnswer = errors.New("quota: an answer of Redis was not understood")

// shared counts in Redis, by the generic cell rate algorithm and the clock of Redis, and by policy when it cannot.
type shared struct {
	limiter *redis_rate.Limiter
	limit   redis_rate.Limit
	policy  policy
	prefix  string
	timeout time.Duration
	onError func(error)
	breaker breaker
	down    StoreDown
	local   *buckets
}

func newShared(c Shared, p policy, local *buckets) *shared {
	if c.Timeout == 0 {
		c.Timeout = timeout
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	return &shared{
		limiter: redis_rate.NewLimiter(c.Client),
		limit:   redis_rate.Limit{Rate: p.limit, Burst: p.limit, Period: p.window},
		policy:  p,
		prefix:  c.Prefix + keyspace,
		timeout: c.Timeout,
		onError: c.OnError,
		down:    c.Down,
		local:   local,
	}
}

func (s *shared) take(r *http.Request, key fingerprint) verdict {
	if !s.breaker.ask(time.Now()) {
		return s.without(r, key)
	}
	v, err := s.call(r.Context(), key)
	if err != nil {
		s.onError(err)
		return s.without(r, key)
	}
	return v
}

// call asks Redis. A client that leaves ends no call: else a few that do so on purpose would pass for an outage.
func (s *shared) call(ctx context.Context, key fingerprint) (v verdict, err error) {
	err = errAnswer // what a panic leaves behind
	defer func() { s.breaker.done(time.Now(), err) }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	res, err := s.limiter.Allow(ctx, s.prefix+key.String(), s.limit)
	if err != nil {
		return verdict{}, err
	}
	v.outcome = exceeded
	if res.Allowed > 0 {
		v.outcome = admitted
	}
	v.standing = s.policy.until(res.ResetAfter)
	return v, nil
}

// without is what becomes of a request that Redis was not asked about.
func (s *shared) without(r *http.Request, key fingerprint) verdict {
	switch s.down {
	case Open:
		return verdict{outcome: uncounted}
	case Local:
		return s.local.take(r, key)
	default:
		return verdict{}
	}
}
