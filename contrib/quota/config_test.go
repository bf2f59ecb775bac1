package quota_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/contrib/quota"
)

func TestEveryMistakeIsNamed(t *testing.T) {
	client := closed(t, redis.NewClient(&redis.Options{ContextTimeoutEnabled: true}))
	shared := func(change func(*quota.Shared)) func(*quota.Config) { return share(client, quota.Closed, change) }
	for _, row := range []struct {
		name   string
		change func(*quota.Config)
		says   string
	}{
		{"no name", func(c *quota.Config) { c.Name = "" }, "Name is not"},
		{"a name that is too long", func(c *quota.Config) { c.Name = strings.Repeat("a", 65) }, "Name is not"},
		{"a name with a quote", func(c *quota.Config) { c.Name = `or"ders` }, "Name is not"},
		{"a name with a line break", func(c *quota.Config) { c.Name = "orders\r\nSet-Cookie" }, "Name is not"},
		{"a name that is not ASCII", func(c *quota.Config) { c.Name = "bestellungä" }, "Name is not"},
		{"no limit", func(c *quota.Config) { c.Limit = 0 }, "Limit 0 is not positive"},
		{"a negative limit", func(c *quota.Config) { c.Limit = -1 }, "Limit -1 is not positive"},
		{"more than a clock can tell", allow(10_001, time.Second), "Limit 10001 is more than 10000"},
		{"no window", func(c *quota.Config) { c.Window = 0 }, "Window 0s"},
		{"a window with a fraction", func(c *quota.Config) { c.Window = 1500 * time.Millisecond }, "Window 1.5s"},
		{"a window of years", func(c *quota.Config) { c.Window = 367 * 24 * time.Hour }, "Window 8808h"},
		{"no By", func(c *quota.Config) { c.By = nil }, "By is nil"},
		{"no Anonymous", func(c *quota.Config) { c.Anonymous = nil }, "Anonymous is nil"},
		{"negative MaxKeys", func(c *quota.Config) { c.MaxKeys = -1 }, "MaxKeys -1"},
		{"no client", shared(func(s *quota.Shared) { s.Client = nil }), "Shared.Client is nil"},
		{"a nil client", shared(func(s *quota.Shared) { s.Client = (*redis.Client)(nil) }), "Shared.Client is nil"},
		{"a client that heeds no contexts", shared(func(s *quota.Shared) {
			s.Client = closed(t, redis.NewClient(&redis.Options{}))
		}), "ContextTimeoutEnabled"},
		{"a cluster client that heeds no contexts", shared(func(s *quota.Shared) {
			s.Client = closed(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}))
		}), "ContextTimeoutEnabled"},
		{"a ring that heeds no contexts", shared(func(s *quota.Shared) {
			s.Client = closed(t, redis.NewRing(&redis.RingOptions{}))
		}), "ContextTimeoutEnabled"},
		{"no key", shared(func(s *quota.Shared) { s.Key = nil }), "Shared.Key"},
		{"a short key", shared(func(s *quota.Shared) { s.Key = make([]byte, 31) }), "Shared.Key"},
		{"no choice for an outage", shared(func(s *quota.Shared) { s.Down = 0 }), "Shared.Down is not chosen"},
		{"an unknown choice", shared(func(s *quota.Shared) { s.Down = 4 }), "Shared.Down is not chosen"},
		{"a negative timeout", shared(func(s *quota.Shared) { s.Timeout = -1 }), "Shared.Timeout"},
		{"a timeout of minutes", shared(func(s *quota.Shared) { s.Timeout = time.Minute }), "Shared.Timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := quota.Config{Name: "orders", Limit: 3, Window: time.Minute, By: quota.Subject, Anonymous: quota.Pass}
			row.change(&c)
			l, err := quota.New(c)
			require.ErrorContains(t, err, row.says)
			require.Nil(t, l)
		})
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	_, err := quota.New(quota.Config{Shared: &quota.Shared{}})
	for _, field := range []string{"Name", "Limit", "Window", "By", "Anonymous", "Shared.Client", "Shared.Key", "Shared.Down"} {
		require.ErrorContains(t, err, "quota: "+field)
	}
}
