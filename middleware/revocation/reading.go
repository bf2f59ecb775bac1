package revocation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A reading is a source and what it said last.
type reading struct {
	source Source
	table  atomic.Pointer[table]
	good   atomic.Pointer[time.Time] // when it could be read last
	mu     sync.Mutex
	state  Status
}

// Status is what is known of a source. It is a copy.
type Status struct {
	Source      int       // its place in Config.Sources, from 1; 0 for what was added
	Entries     int       // that hold
	LastSuccess time.Time // zero: never
	LastError   error     // of the last attempt; nil if it succeeded
	Stale       bool      // it has no say: it could not be read for longer than MaxStale
}

// Status tells what is known of each source, and last of what was added.
func (l *List) Status() []Status {
	if l == nil || l.added == nil {
		return nil
	}
	now := time.Now()
	all := make([]Status, 0, len(l.sources)+1)
	for i, r := range l.sources {
		all = append(all, r.status(i+1, now, l.config.MaxStale))
	}
	return append(all, Status{Entries: l.added.len()})
}

func (r *reading) status(place int, now time.Time, maxStale time.Duration) Status {
	r.mu.Lock()
	s := r.state
	r.mu.Unlock()
	s.Source, s.Stale = place, r.stale(now, maxStale)
	return s
}

// Run reads each source now and then every Every, give or take a tenth, until ctx ends. One that hangs holds up no other. It
// returns ctx's error. Run it once.
func (l *List) Run(ctx context.Context) error {
	if l == nil || l.added == nil {
		return errNoList
	}
	var running sync.WaitGroup
	for i, r := range l.sources {
		running.Go(func() { l.repeat(ctx, r, i+1) })
	}
	running.Wait()
	<-ctx.Done()
	return ctx.Err()
}

func (l *List) repeat(ctx context.Context, r *reading, place int) {
	for ctx.Err() == nil {
		r.read(ctx)
		if l.config.OnRead != nil {
			l.config.OnRead(r.status(place, time.Now(), l.config.MaxStale))
		}
		spread := l.config.Every / 10
		wait := time.NewTimer(l.config.Every - spread + rand.N(2*spread))
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
	}
}

// read asks the source. What is not good changes nothing.
func (r *reading) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longestRead)
	defer cancel()
	began := time.Now() // what it says is as old as the question
	t, err := r.ask(ctx)
	if err == nil && t != nil {
		r.table.Store(t)
	}
	if err == nil {
		r.good.Store(&began)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.LastError = err
	if err == nil {
		r.state.LastSuccess = began
	}
	if t := r.table.Load(); t != nil {
		r.state.Entries = len(t.cuts)
	}
}

var errNothingYet = errors.New("revocation: a source that was never read says that nothing has changed")

// ask returns nil if nothing has changed.
func (r *reading) ask(ctx context.Context) (*table, error) {
	entries, changed, err := r.source.Read(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("revocation: not read: %w", err)
	case !changed && r.table.Load() == nil:
		return nil, errNothingYet
	case !changed:
		return nil, nil
	}
	return newTable(entries)
}

// stale reports whether any source has no say.
func (l *List) stale(now time.Time) bool {
	for _, r := range l.sources {
		if r.stale(now, l.config.MaxStale) {
			return true
		}
	}
	return false
}

func (r *reading) stale(now time.Time, maxStale time.Duration) bool {
	good := r.good.Load()
	return good == nil || age(*good, now) > maxStale
}

// age is the larger of what the monotonic and the wall clock say: the former stands still while a machine sleeps.
func age(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}
