package main

import (
	"time"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware"
)

// Whose quota a request is charged to, and what becomes of it when Redis cannot be asked.
const (
	bySubject  = "subject"
	byClient   = "client"
	byClaim    = "claim"
	downClosed = "closed"
	downLocal  = "local"
	downOpen   = "open"
)

var downs = map[string]quota.StoreDown{downClosed: quota.Closed, downLocal: quota.Local, downOpen: quota.Open}

func (c *config) checkQuotas(m *mistakes) {
	names := map[string]string{}
	for n := range c.quotas {
		q := &c.quotas[n]
		if first, twice := names[q.name]; twice {
			m.addf(q.path+".name", "the same as %s.name", first)
		}
		names[q.name] = q.path
		q.check(m)
	}
	for n := range c.routes {
		r := &c.routes[n]
		switch {
		case r.quota == "":
		case names[r.quota] == "":
			m.addf(r.path+".quota", "not the name of any member of quotas")
		case r.public:
			m.addf(r.path+".quota", "contradicts public: there is nobody to count for")
		}
	}
}

func (q *quotaConfig) check(m *mistakes) {
	if q.by != bySubject && q.by != byClient && q.by != byClaim {
		m.addf(q.path+".by", "%q is none of %s, %s, %s", q.by, bySubject, byClient, byClaim)
	}
	if (q.by == byClaim) != (q.claim != "") {
		m.addf(q.path+".claim", `names the claim to count by, and goes with "by": "claim"`)
	}
	if _, known := downs[q.down]; !known {
		m.addf(q.path+".redis_down", "%q is none of %s, %s, %s", q.down, downClosed, downLocal, downOpen)
	}
	for _, member := range []struct {
		name    string
		missing bool
		why     string
		limit   int
		label   string
		window  time.Duration
	}{
		{"name", q.name == "", "required: what routes call it", 1, q.name, time.Minute},
		{"limit", q.limit == 0, "required: how many requests there are in a window", q.limit, "q", max(q.window, time.Minute)},
		{"window", q.window == 0, "required: the time in which an empty quota fills up, such as 1m", 1, "q", q.window},
	} {
		if member.missing {
			m.missing(q.path+"."+member.name, member.why)
			continue
		}
		_, err := quota.New(quota.Config{Name: member.label, Limit: member.limit, Window: member.window, By: quota.Subject, Anonymous: quota.Pass})
		m.addAll(q.path+"."+member.name, err)
	}
	if q.limit > 0 && q.window > 0 {
		_, err := quota.New(quota.Config{Name: "q", Limit: q.limit, Window: q.window, By: quota.Subject, Anonymous: quota.Pass})
		m.addAll(q.path+".limit", err)
	}
}

// same reports whether two quotas mean the same.
func (q *quotaConfig) same(other quotaConfig) bool {
	other.path = q.path
	return *q == other
}

func (q *quotaConfig) key() func(middleware.Identity) string {
	switch q.by {
	case byClient:
		return quota.Client
	case byClaim:
		return quota.Claim(q.claim)
	default:
		return quota.Subject
	}
}

// newQuotas makes a limiter of each quota, in Redis if there is one.
func (g *gateway) newQuotas(c *config) (map[string]*quota.Limiter, error) {
	all := map[string]*quota.Limiter{}
	for n := range c.quotas {
		q := &c.quotas[n]
		if all[q.name] = c.kept.quotas[q.name]; all[q.name] != nil {
			continue
		}
		config := quota.Config{Name: q.name, Limit: q.limit, Window: q.window, By: q.key(), Anonymous: quota.Pass}
		if g.shared != nil {
			config.Shared = &quota.Shared{
				Client: g.shared.client, Key: g.shared.key, Prefix: redisPrefix, Down: downs[q.down],
				OnError: func(err error) { g.shared.note(err) },
			}
		}
		limiter, err := quota.New(config)
		if err != nil {
			return nil, err
		}
		all[q.name] = limiter
	}
	return all, nil
}
