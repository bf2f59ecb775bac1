package jwks

import "time"

// bucket paces the fetches that unknown key ids may cause: two at once, one more each interval. It is not safe for concurrent
// use.
type bucket struct {
	interval time.Duration
	credit   time.Duration // at most burst intervals; a fetch costs one
	counted  time.Time     // when credit was last brought up to date
}

const bucketBurst = 2

func newBucket(interval time.Duration) bucket {
	return bucket{interval: interval, credit: bucketBurst * interval}
}

// take spends one fetch and reports whether there was one to spend.
func (b *bucket) take(now time.Time) bool {
	full := bucketBurst * b.interval
	if !b.counted.IsZero() {
		b.credit += min(max(0, elapsed(b.counted, now)), full-b.credit)
	}
	b.counted = now
	if b.credit < b.interval {
		return false
	}
	b.credit -= b.interval
	return true
}
