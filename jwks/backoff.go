package jwks

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// backoff is how long to leave an issuer alone after so many failures in a row: 1 s doubling to 1 min, less up to a quarter so
// that a fleet that failed together does not come back together.
func backoff(failures int) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 6 { // 1 s << 6 is above a minute
		d = minBackoff << max(0, shift)
	}
	return d - rand.N(d/4)
}
