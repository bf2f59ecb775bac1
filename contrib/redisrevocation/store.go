package redisrevocation

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/perimeter-go/perimeter/middleware/revocation"
)

const (
	page       = 10_000    // entries at a time
	maxEntries = 4_000_000 // of a set that somebody else has filled
)

var (
	errNoClient = errors.New("redisrevocation: the client is nil")
	errNoStore  = errors.New("redisrevocation: the store was not made by its constructor")
	errLost     = errors.New("redisrevocation: Redis has lost what it held")
	errTooMany  = errors.New("redisrevocation: more entries than any list has")
)

// Store keeps entries in Redis. All methods are safe for concurrent use. Make one with [New]; the zero Store fails at everything.
// Its errors are those of the Redis client, of the context, and its own.
type Store struct {
	client redis.UniversalClient
	key    string

	mu   sync.Mutex
	last version // that was read
	read bool
}

// New returns a Store that keeps its entries under keys that begin with prefix, which may be empty. It does no I/O. The client stays
// the caller's.
func New(client redis.UniversalClient, prefix string) (*Store, error) {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errNoClient
	}
	return &Store{client: client, key: prefix + "{perimeter:revocation}"}, nil // in a cluster, braces keep all keys in one slot
}

// A version changes with every Save. The epoch differs after Redis has lost what it held, when the count begins again.
type version struct{ epoch, count string }

func (s *Store) epochKey() string { return s.key + ":epoch" }
func (s *Store) countKey() string { return s.key + ":count" }

// Save keeps entries until they are over, and tells every gateway that follows. All of them are kept, or, with an error, perhaps
// none: then save them again, which does no harm.
func (s *Store) Save(ctx context.Context, entries []revocation.Entry) error {
	if s == nil || s.client == nil {
		return errNoStore
	}
	if len(entries) == 0 {
		return nil
	}
	members := make([]redis.Z, len(entries))
	for i, e := range entries {
		members[i] = redis.Z{Score: score(e.Until), Member: encode(e)}
	}
	news, err := encodeAll(entries)
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, s.key, members...)
		p.ZRemRangeByScore(ctx, s.key, "-inf", "("+strconv.FormatInt(time.Now().Unix(), 10))
		p.SetNX(ctx, s.epochKey(), rand.Text(), 0)
		p.Incr(ctx, s.countKey())
		p.Publish(ctx, s.key, news)
		return nil
	})
	return err
}

// Read returns all entries, if any were saved since it was called last. It makes a Store a [revocation.Source].
func (s *Store) Read(ctx context.Context) (entries []revocation.Entry, changed bool, err error) {
	if s == nil || s.client == nil {
		return nil, false, errNoStore
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.now(ctx) // before the entries: what comes between is read again
	switch {
	case err != nil:
		return nil, false, err
	case now == s.last && s.read:
		return nil, false, nil
	case now == version{} && s.read:
		return nil, false, errLost
	}
	if entries, err = s.all(ctx); err != nil {
		return nil, false, err
	}
	s.last, s.read = now, true
	return entries, true, nil
}

// now is the zero version if nothing was ever saved, or all is lost.
func (s *Store) now(ctx context.Context) (version, error) {
	values, err := s.client.MGet(ctx, s.epochKey(), s.countKey()).Result()
	if err != nil {
		return version{}, err
	}
	epoch, ok1 := values[0].(string)
	count, ok2 := values[1].(string)
	if !ok1 || !ok2 {
		return version{}, nil
	}
	return version{epoch, count}, nil
}

func (s *Store) all(ctx context.Context) ([]revocation.Entry, error) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	var entries []revocation.Entry
	for {
		// From the last that will be over: what is forgotten meanwhile is at the other end, and moves none of the pages.
		lines, err := s.client.ZRevRangeByScore(ctx, s.key, &redis.ZRangeBy{Min: now, Max: "+inf", Offset: int64(len(entries)), Count: page}).Result()
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			e, err := decode(line)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		if len(lines) < page {
			return entries, nil
		}
		if len(entries) >= maxEntries {
			return nil, errTooMany
		}
	}
}

// Follow adds to list what any gateway saves, as soon as Redis tells, until ctx ends; it returns ctx's error. What is saved while
// there is no connection is missed, and so is what the list has no room for: let the list read the Store as well.
func (s *Store) Follow(ctx context.Context, list *revocation.List) error {
	if s == nil || s.client == nil {
		return errNoStore
	}
	news := s.client.Subscribe(ctx, s.key)
	defer func() { _ = news.Close() }() // nothing is lost with it
	messages := news.Channel()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, open := <-messages:
			if !open {
				return ctx.Err()
			}
			if entries, err := decodeAll(m.Payload); err == nil {
				_ = list.Add(entries...) // as above
			}
		}
	}
}

// score is when an entry may be forgotten, a second later than it is over.
func score(until time.Time) float64 {
	if until.IsZero() {
		return forever
	}
	return float64(until.Unix() + 1)
}
