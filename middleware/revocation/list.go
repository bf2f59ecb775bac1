package revocation

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"time"

	"github.com/perimeter-go/perimeter/middleware"
)

// A Source knows who is cut off. Read returns all of it; changed is false if that is what it returned last, and entries then mean
// nothing. It is not called again before it has returned, and should return when ctx ends.
type Source interface {
	Read(ctx context.Context) (entries []Entry, changed bool, err error)
}

// Config says where a [List] comes from, and what to do without it.
type Config struct {
	// Sources are read by [List.Run]. None: the list is what [List.Add] was given.
	Sources []Source
	// Every is how often a source is read. Default 30 s, at least 1 s.
	Every time.Duration
	// MaxStale is for how long what a source said last holds, after the last time that it could be read. Default 5 min, at least
	// twice Every. After that, and before a source has been read for the first time, requests are undecided, unless
	// InsecureOpen. Whom the source had cut off stays cut off.
	MaxStale time.Duration
	// InsecureOpen lets requests pass about which a source has no say because it cannot be read. An attacker who can keep a source
	// from being read for MaxStale then undoes every revocation that is younger than the last reading.
	InsecureOpen bool
	// MaxAdded is how many entries [List.Add] keeps. Default 1,000,000.
	MaxAdded int
	// OnRead is told each time after a source has been read, or could not be. Nil: nobody is.
	OnRead func(Status)

	_ struct{}
}

const (
	defaultEvery    = 30 * time.Second
	leastEvery      = time.Second
	defaultMaxStale = 5 * time.Minute
	defaultMaxAdded = 1_000_000
	longestRead     = 30 * time.Second
)

var (
	errNoList = errors.New("revocation: undecided: the list was not made by New")
	errStale  = errors.New("revocation: undecided: a source could not be read for too long")
	errFull   = errors.New("revocation: full: MaxAdded entries are kept")
)

// A List knows who is cut off. It is safe for concurrent use. The zero List, and nil, know of nobody, and leave every request undecided.
type List struct {
	sources []*reading
	added   *pushed
	config  Config
}

// New returns a list that is empty until [List.Run] has read its sources, and until then cuts nobody off but leaves them undecided.
// All mistakes are reported together.
func New(c Config) (*List, error) {
	c.Every, c.MaxStale, c.MaxAdded = orDefault(c.Every, defaultEvery), orDefault(c.MaxStale, defaultMaxStale), orDefault(c.MaxAdded, defaultMaxAdded)
	var errs []error
	l := &List{config: c, added: &pushed{seed: maphash.MakeSeed(), issuers: map[string]string{}}}
	for i, s := range c.Sources {
		if isNil(s) {
			errs = append(errs, fmt.Errorf("revocation: source %d is nil", i+1))
			continue
		}
		l.sources = append(l.sources, &reading{source: s})
	}
	if c.Every < leastEvery {
		errs = append(errs, fmt.Errorf("revocation: Every is %v, less than %v", c.Every, leastEvery))
	}
	if c.MaxStale < 2*c.Every {
		errs = append(errs, fmt.Errorf("revocation: MaxStale is %v, less than twice Every", c.MaxStale))
	}
	if c.MaxAdded < 0 {
		errs = append(errs, fmt.Errorf("revocation: MaxAdded is %d", c.MaxAdded))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	l.config.Sources = nil // what is asked are the readings
	return l, nil
}

func orDefault[T comparable](given, otherwise T) T {
	var zero T
	if given == zero {
		return otherwise
	}
	return given
}

func isNil(s Source) bool {
	if s == nil {
		return true
	}
	v := reflect.ValueOf(s)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// Revoked reports whether id is cut off. An error means that a source that may know could not be read for too long.
//
// It performs no I/O: ctx does not matter.
func (l *List) Revoked(_ context.Context, id middleware.Identity) (bool, error) {
	if l == nil || l.added == nil {
		return false, errNoList
	}
	now := time.Now()
	c := credential{id: id}
	if c.cutOff(l, now.UnixNano()) {
		return true, nil
	}
	if c.err != nil {
		return false, c.err
	}
	if !l.config.InsecureOpen && l.stale(now) {
		return false, errStale
	}
	return false, nil
}

// Add cuts off at once, for every request that is judged after it has returned. It takes all entries or, with an error, none.
func (l *List) Add(entries ...Entry) error {
	if l == nil || l.added == nil {
		return errNoList
	}
	keys, cuts := make([]key, len(entries)), make([]cut, len(entries))
	var errs []error
	for i := range entries {
		var err error
		if keys[i], cuts[i], err = entries[i].compile(); err != nil {
			errs = append(errs, fmt.Errorf("revocation: entry %d: %w", i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return l.added.add(keys, cuts, time.Now().UnixNano(), l.config.MaxAdded)
}

// has reports whether there is any entry of a kind.
func (l *List) has(k kind) bool {
	if l.added.has[k].Load() {
		return true
	}
	for _, s := range l.sources {
		if t := s.table.Load(); t != nil && t.has[k] {
			return true
		}
	}
	return false
}
