package limit

import (
	"fmt"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
)

var errNoLimiter = fmt.Errorf("%w: the limiter was not made by its constructor", middleware.ErrUndecided)

// limited is the error of a request that was not examined.
type limited struct{ wait time.Duration }

func (e *limited) Error() string { return "limit: too many wrong credentials from this peer" }
func (e *limited) Unwrap() error { return middleware.ErrLimited }

// RetryAfter says when the peer may have a new credential examined, if it is the only one that waits.
func (e *limited) RetryAfter() time.Duration { return e.wait }
