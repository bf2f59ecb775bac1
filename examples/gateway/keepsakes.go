package main

import (
	"reflect"
	"slices"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware/limit"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

// keepsakes are what a gateway leaves to the one that replaces it, beside the keys of its issuers: what clients and issuers have done, and
// what was counted. The zero keepsakes are nothing.
type keepsakes struct {
	limiter *limit.Limiter
	pushed  *revocation.List
	metrics *metrics
	quotas  map[string]*quota.Limiter // that are counted in process
}

// keepsakes keeps what means the same under the next configuration.
func (g *gateway) keepsakes(c, next *config) keepsakes {
	var k keepsakes
	if reflect.DeepEqual(c.failedAuthLimit, next.failedAuthLimit) && reflect.DeepEqual(c.mtls.headers(), next.mtls.headers()) {
		k.limiter = g.limiter
	}
	k.quotas = map[string]*quota.Limiter{}
	for _, q := range next.quotas {
		if c.redis == nil && next.redis == nil && slices.ContainsFunc(c.quotas, q.same) {
			k.quotas[q.name] = g.quotas[q.name]
		}
	}
	if g.revoked != nil {
		k.pushed = g.revoked.pushed
	}
	if reflect.DeepEqual(c.metrics, next.metrics) {
		k.metrics = g.metrics
	}
	return k
}

func (g *gateway) newLimiter(c *config) (*limit.Limiter, error) {
	if c.kept.limiter != nil {
		return c.kept.limiter, nil
	}
	return limit.New(c.limits(newMistakes()))
}
