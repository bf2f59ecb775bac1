package quota

import (
	"net/http"
	"reflect"

	"github.com/perimeter-go/perimeter/middleware"
)

// A Limiter counts requests by who is behind them. Make one with [New], once for each policy; it is safe for concurrent use. The
// zero and the nil Limiter answer 503 to everything.
type Limiter struct {
	by        func(middleware.Identity) string
	anonymous func(*http.Request) (string, bool)
	tag       tag
	counter   counter
	fields    fields
}

// A counter charges a request to a bucket, if the bucket has one left.
type counter interface {
	take(r *http.Request, key fingerprint) verdict
}

// An outcome is what becomes of a request.
type outcome int

const (
	undecided outcome = iota // the zero outcome does not let pass
	exceeded
	admitted
	uncounted // let pass by policy, though nobody knows how much is left
)

// A verdict says what becomes of a request and, of an exceeded or admitted one, what is left.
type verdict struct {
	outcome
	standing
}

// New returns a Limiter. It does no I/O and starts nothing. All mistakes in c are returned together.
func New(c Config) (*Limiter, error) {
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	p := policy{limit: c.Limit, window: c.Window}
	l := &Limiter{by: c.By, anonymous: c.Anonymous, fields: newFields(c.Name, p)}
	local := newBuckets(p, c.MaxKeys)
	if c.Shared == nil {
		l.tag, l.counter = newTag(ownKey(), c.Name, p), local
		return l, nil
	}
	l.tag, l.counter = newTag(c.Shared.Key, c.Name, p), newShared(*c.Shared, p, local)
	return l, nil
}

// Handler lets a request pass to next while there is quota left for who is behind it, and answers it otherwise: 429 with
// Retry-After when the quota is used up, 503 with Retry-After when a [Shared] store cannot be asked and the policy is Closed.
//
// A request counts when it arrives, once, however long it takes and however it ends; one that is answered here does not count.
// Where handlers of the same Limiter are nested, it counts in each. Of several Limiters in a row, those in front have counted what
// those behind refuse; each adds its own response fields.
func (l *Limiter) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l == nil || l.counter == nil || isNil(next) {
			refuse(w, http.StatusServiceUnavailable, pause)
			return
		}
		l.serve(w, r, next)
	})
}

func (l *Limiter) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	key, counts := l.keyOf(r)
	if !counts {
		next.ServeHTTP(w, r)
		return
	}
	v := l.counter.take(r, key)
	l.fields.add(w.Header(), v)
	switch v.outcome {
	case admitted, uncounted:
		next.ServeHTTP(w, r)
	case exceeded:
		refuse(w, http.StatusTooManyRequests, v.next)
	default:
		refuse(w, http.StatusServiceUnavailable, pause)
	}
}

// keyOf says whose quota the request is charged to.
func (l *Limiter) keyOf(r *http.Request) (key fingerprint, counts bool) {
	id, ok := middleware.IdentityFrom(r.Context())
	if ok {
		return l.tag.identity(id, l.by(id)), true
	}
	peer, counts := l.anonymous(r)
	if !counts {
		return fingerprint{}, false
	}
	return l.tag.peer(peer), true
}

// isNil is true also of a nil pointer, function or the like inside an interface.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return rv.IsNil()
	default:
		return false
	}
}
