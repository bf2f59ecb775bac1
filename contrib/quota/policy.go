package quota

import (
	"math"
	"time"
)

// A policy is how much is allowed: a bucket holds limit requests, and an empty one is full again after window.
type policy struct {
	limit  int
	window time.Duration
}

// each is how long it takes to give one request back.
func (p policy) each() float64 { return float64(p.window) / float64(p.limit) }

// A standing is what is left in a bucket.
type standing struct {
	remaining int
	next      time.Duration // until there is one more
}

// standing reads what a bucket holds. What it cannot hold is read as the nearest that it can.
func (p policy) standing(tokens float64) standing {
	most := float64(p.limit)
	if math.IsNaN(tokens) {
		tokens = 0
	}
	tokens = min(max(tokens, -most), most)
	remaining := max(int(tokens), 0)
	return standing{remaining, time.Duration((float64(remaining+1) - tokens) * p.each())}
}

// until reads a bucket that will be full after a time. The microsecond is the precision of the clock that it was measured by: without
// it, rounding would often show one less than there is.
func (p policy) until(full time.Duration) standing {
	return p.standing(float64(p.limit) - float64(full-time.Microsecond)/p.each())
}
