package quota

import (
	"container/list"
	"encoding/binary"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// crowd is how many buckets those share for whom there is no place.
const crowd = 1024

// buckets count in process, in bounded memory.
//
// A bucket is only dropped when it is full, which is when it says nothing: who comes back after that gets the same as who never left.
// So there is no way to a fresh bucket but waiting for the old one to fill. While all are in use, newcomers count in the crowd, and
// who gets a place later starts from what was left there.
type buckets struct {
	policy policy
	most   int

	mu    sync.Mutex
	byKey map[fingerprint]*list.Element // of *bucket
	used  list.List                     // the last used first
	crowd []*rate.Limiter               // made when needed
}

type bucket struct {
	key   fingerprint
	level *rate.Limiter
}

func newBuckets(p policy, most int) *buckets {
	if most == 0 {
		most = maxKeys
	}
	return &buckets{policy: p, most: most, byKey: map[fingerprint]*list.Element{}}
}

func (b *buckets) take(_ *http.Request, key fingerprint) verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now() // in here, so that no bucket sees time go back and counts some of it twice
	level := b.level(key, now)
	v := verdict{outcome: exceeded}
	if level.AllowN(now, 1) {
		v.outcome = admitted
	}
	v.standing = b.policy.standing(level.TokensAt(now))
	return v
}

// level finds the bucket of key.
func (b *buckets) level(key fingerprint, now time.Time) *rate.Limiter {
	if e, ok := b.byKey[key]; ok {
		b.used.MoveToFront(e)
		return e.Value.(*bucket).level
	}
	if !b.place(now) {
		return b.inCrowd(key)
	}
	own := &bucket{key, b.newLevel()}
	if b.crowd != nil {
		missing := float64(b.policy.limit) - b.inCrowd(key).TokensAt(now)
		own.level.AllowN(now, int(math.Ceil(missing)))
	}
	b.byKey[key] = b.used.PushFront(own)
	return own.level
}

// place makes place for one more, if it can. The bucket that was not used for the longest time is the one to look at: after a
// window without use it is full.
func (b *buckets) place(now time.Time) bool {
	if len(b.byKey) < b.most {
		return true
	}
	last := b.used.Back()
	if last == nil || last.Value.(*bucket).level.TokensAt(now) < float64(b.policy.limit) {
		return false
	}
	delete(b.byKey, b.used.Remove(last).(*bucket).key)
	return true
}

func (b *buckets) inCrowd(key fingerprint) *rate.Limiter {
	if b.crowd == nil {
		b.crowd = make([]*rate.Limiter, crowd)
		for i := range b.crowd {
			b.crowd[i] = b.newLevel()
		}
	}
	return b.crowd[binary.BigEndian.Uint64(key[:])%crowd]
}

func (b *buckets) newLevel() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(b.policy.limit)/b.policy.window.Seconds()), b.policy.limit)
}
