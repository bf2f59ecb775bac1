package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxValue bounds what is read of a value, so that who plants a huge one in Redis does not fill the memory of every gateway that
// asks for it. The values of introspect are less than a third of it.
const maxValue = 1 << 20

var (
	errNoStore  = errors.New("redisstore: the store was not made by its constructor")
	errTooLarge = fmt.Errorf("redisstore: the value is larger than %d bytes", maxValue)
)

// Store keeps values in Redis. All methods are safe for concurrent use. Make one with [New]; the zero Store fails at everything.
//
// Its errors are those of the Redis client, and of the context.
type Store struct {
	client redis.UniversalClient
	prefix string
}

// New returns a Store that keeps its values under keys that begin with prefix, which may be empty. It does no I/O.
//
// The client stays the caller's: it is not changed and not closed. One that is known to read from replicas or from a cache of
// its own is refused, because it would go on reading what another gateway has deleted. So is a nil one.
func New(client redis.UniversalClient, prefix string) (*Store, error) {
	if err := check(client); err != nil {
		return nil, err
	}
	return &Store{client: client, prefix: prefix}, nil
}

// Get returns the value of key, or nil and no error if there is none. An empty value is none. Of what is not a string, or larger
// than 1 MiB and so not from Set, it returns something else that nobody has sealed.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if s == nil || s.client == nil {
		return nil, errNoStore
	}
	value, err := s.client.GetRange(ctx, s.prefix+key, 0, maxValue-1).Result()
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return []byte{}, nil
	case err != nil:
		return nil, err
	case value == "":
		return nil, nil
	}
	return []byte(value), nil
}

// Set keeps value under key, in place of any other, for ttl, which counts in whole milliseconds. A value that has less than one to
// live is not kept, nor is the one before it.
func (s *Store) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s == nil || s.client == nil {
		return errNoStore
	}
	if len(value) > maxValue {
		return errTooLarge
	}
	if ttl < time.Millisecond { // to the client, 0 is for ever and -1 is as long as the value before
		return s.Delete(ctx, key)
	}
	return s.client.Set(ctx, s.prefix+key, value, ttl).Err()
}

// Delete removes the value of key, if there is one.
func (s *Store) Delete(ctx context.Context, key string) error {
	if s == nil || s.client == nil {
		return errNoStore
	}
	return s.client.Del(ctx, s.prefix+key).Err()
}
