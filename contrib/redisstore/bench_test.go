package redisstore_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// BenchmarkStore stands beside its floor: the same client's PING, a round trip that does nothing.
func BenchmarkStore(b *testing.B) {
	srv, ctx := startRedis(b), context.Background()
	c := closed(b, redis.NewClient(&redis.Options{Addr: srv.addr, ContextTimeoutEnabled: true}))
	s, value := newStore(b, c), bytes.Repeat([]byte("v"), 512)
	require.NoError(b, s.Set(ctx, "there", value, time.Hour))
	for _, row := range []struct {
		name string
		op   func() error
	}{
		{"floor", func() error { return c.Ping(ctx).Err() }},
		{"Get", func() error { _, err := s.Get(ctx, "there"); return err }},
		{"Get of nothing", func() error { _, err := s.Get(ctx, "missing"); return err }},
		{"Set", func() error { return s.Set(ctx, "k", value, time.Minute) }},
		{"Delete", func() error { return s.Delete(ctx, "k") }},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := row.op(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
