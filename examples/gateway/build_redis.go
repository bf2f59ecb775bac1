package main

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/perimeter-go/perimeter/contrib/redisstore"
	"github.com/perimeter-go/perimeter/introspect"
)

const (
	redisPrefix   = "gateway:"
	redisPatience = time.Second // for a connection; introspect itself waits a tenth of it for an answer
	leastKey      = 32
)

var (
	errRedisURL   = errors.New("must be a URL such as rediss://user:password@redis.example.com:6379/0")
	errRedisQuery = errors.New("must have no query or fragment")
	errRedisKey   = errors.New("must hold at least 32 random bytes in base64, such as openssl rand -base64 32 writes")
)

// options reads the address. No error quotes it: it may hold a password. What go-redis would take from a query is not
// taken, as that could turn off the check of Redis' certificate.
func (c *redisConfig) options() (*redis.Options, error) {
	u, err := url.Parse(c.url)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "redis" && u.Scheme != "rediss") || badPort(u.Port(), false) {
		return nil, errRedisURL
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errRedisQuery
	}
	opts, err := redis.ParseURL(c.url)
	if err != nil {
		return nil, errRedisURL
	}
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1 // what fails is done without Redis, not later
	opts.DialerRetries = 1
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout, opts.PoolTimeout = redisPatience, redisPatience, redisPatience, redisPatience
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return opts, nil
}

// readKey reads what the values are encrypted under. No error quotes it.
func (c *redisConfig) readKey() ([]byte, error) {
	text, err := readSecret(c.keyFile)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < leastKey {
		return nil, errRedisKey
	}
	return key, nil
}

// A sharedStore is what gateways share by way of Redis. It logs the first failure of a row, and the first success after.
type sharedStore struct {
	introspect.Store

	key    []byte
	client *redis.Client
	log    *slog.Logger
	health health
}

// open makes the store. It does not connect yet.
func (c *redisConfig) open(log *slog.Logger) (*sharedStore, error) {
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	key, err := c.readKey()
	if err != nil {
		return nil, err
	}
	warnIfOpen(log, "redis.key_file", c.keyFile)
	client := redis.NewClient(opts)
	store, err := redisstore.New(client, redisPrefix)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &sharedStore{Store: store, key: key, client: client, log: log}, nil
}

// greet asks for nothing, so that a Redis that cannot be reached is in the log before the first token comes.
func (s *sharedStore) greet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*redisPatience)
	defer cancel()
	_, _ = s.Get(ctx, "perimeter:introspect:hello") // noted by Get; the user that Redis knows may be allowed no other keys
}

func (s *sharedStore) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Store.Get(ctx, key)
	s.note(err)
	return value, err
}

func (s *sharedStore) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	err := s.Store.Set(ctx, key, value, ttl)
	s.note(err)
	return err
}

func (s *sharedStore) Delete(ctx context.Context, key string) error {
	err := s.Store.Delete(ctx, key)
	s.note(err)
	return err
}

func (s *sharedStore) note(err error) {
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, redis.ErrClosed): // the gateway ends
	case err == nil:
		if s.health.worked(time.Now()) {
			s.log.Info("redis works again")
		}
	default:
		if why := redisTrouble(err); s.health.failed(time.Now(), why) {
			s.log.Warn("redis failed, tokens are asked about without it", "error", why)
		}
	}
}

// redisTrouble says what is wrong without a byte of what the other side sent, but for the names that Redis gives to errors.
func redisTrouble(err error) string {
	for _, name := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "READONLY", "OOM", "MISCONF", "LOADING", "MASTERDOWN"} {
		if redis.HasErrorPrefix(err, name) {
			return name
		}
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return dial.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return "no answer in time"
	}
	return "broke off or is not understood"
}
