package audit

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
)

// A Trail hands a record of each decision to a handler. It is a [middleware.Observer], is safe for concurrent use, and may serve
// several guards, which are then sampled together. The zero and the nil Trail panic when they observe: the guard then lets nothing pass.
type Trail struct {
	handler   slog.Handler
	hasher    *hasher
	every     uint64 // keep one of so many that pass
	keep      map[string]bool
	requestID string
	peer      func(*http.Request) string

	passed atomic.Uint64
	lost   atomic.Uint64
}

var _ middleware.Observer = (*Trail)(nil)

// New returns a trail into h; of a [slog.Logger] that is its Handler. All mistakes are returned together, among them a handler that
// does not take records of level Warn. Later a refusal is handed to h whatever it says to Enabled, while requests that pass are not kept
// where level Info is not enabled.
func New(h slog.Handler, c Config) (*Trail, error) {
	if err := errors.Join(mistakeIn(h), c.mistakes()); err != nil {
		return nil, err
	}
	t := &Trail{
		handler:   h,
		hasher:    newHasher(c.Key, c.Headers, c.Cookies),
		every:     uint64(max(c.SampleAllowed, 1)),
		keep:      maps.Collect(each(c.KeepRules)),
		requestID: http.CanonicalHeaderKey(c.RequestIDHeader),
		peer:      c.Peer,
	}
	if t.peer == nil {
		t.peer = func(r *http.Request) string { return r.RemoteAddr }
	}
	return t, nil
}

func mistakeIn(h slog.Handler) error {
	if v := reflect.ValueOf(h); h == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("audit: the handler is nil")
	}
	if !h.Enabled(context.Background(), slog.LevelWarn) {
		return errors.New("audit: the handler does not take records of level Warn")
	}
	return nil
}

func each(patterns []string) func(yield func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		for _, p := range patterns {
			if !yield(p, true) {
				return
			}
		}
	}
}

// Observe writes d down, unless the request passes and is not in the sample. It waits for the handler, and so does the request: where
// writing can block, put a handler between that does not. An error of the handler is counted and does not keep the request from
// passing; a panic does.
func (t *Trail) Observe(ctx context.Context, d middleware.Decision) {
	if t == nil || t.handler == nil {
		panic("audit: a Trail that New has not made")
	}
	level, share := slog.LevelWarn, uint64(0)
	if passes(&d) {
		level, share = slog.LevelInfo, t.share(d.Rule)
		if share == 0 || !t.handler.Enabled(ctx, level) {
			return
		}
	}
	record := slog.NewRecord(time.Now(), level, "decision", 0)
	t.describe(&record, &d, share)
	if err := t.handler.Handle(ctx, record); err != nil {
		t.lost.Add(1)
	}
}

// Lost says how many records the handler has returned an error for. It is worth an alarm: what was decided is then not known.
func (t *Trail) Lost() uint64 { return t.lost.Load() }

// passes reads the outcome, of which there may be new ones: what is not known to pass is kept.
func passes(d *middleware.Decision) bool { return d.Outcome == "allowed" || d.Outcome == "public" }

// share says how many requests that pass the record of this one stands for; 0: it is not kept.
func (t *Trail) share(rule string) uint64 {
	switch {
	case t.every == 1 || t.keep[rule]:
		return 1
	case (t.passed.Add(1)-1)%t.every == 0:
		return t.every
	default:
		return 0
	}
}
