package mtls

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"
)

const minInterval = time.Second

var (
	errInterval = errors.New("mtls: Watch: the interval is less than a second")
	errNoFiles  = errors.New("mtls: Watch: Files names no roots and no bundles")
	errOlder    = errors.New("older than what is in use")
	errMissing  = errors.New("mtls: Watch: not every file has been good yet; what was trusted before stays")
)

// Watch looks at the files at once and then at every interval, of at least a second, until ctx ends, and returns the error of ctx. When
// the content of a file has changed, the trust is replaced as by SetTrust, in one step.
//
// A file that is missing, cannot be read, is too large, broken, or would not be good together with the others, and a list that is older than the
// one before, leaves that file's last good content in use, a revocation list until it is to be replaced; the other files are still
// replaced. Until every file has been good once, all that was trusted before stays. Status tells what is wrong, and so does Options.OnReload.
//
// Nothing is looked at without Watch. One is enough for a Verifier; the caller owns the goroutine that it runs in.
func (v *Verifier) Watch(ctx context.Context, f Files, interval time.Duration) error {
	switch {
	case v.current() == nil:
		return errNotMade
	case interval < minInterval:
		return errInterval
	case len(f.Roots) == 0 && len(f.Bundles) == 0:
		return errNoFiles
	}
	w := &watch{verifier: v}
	for _, file := range f.list() {
		w.files = append(w.files, &watchedFile{file: file})
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.look()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return ctx.Err()
}

// watch is one run of Watch.
type watch struct {
	verifier *Verifier
	files    []*watchedFile
}

// watchedFile is a file, what it last said that was good, and what it says now.
type watchedFile struct {
	file

	good, next *content // next is nil unless it differs and can be read
	err        error
}

// content is what a file says.
type content struct {
	sum          [sha256.Size]byte
	certificates []*x509.Certificate
	lists        []*list
}

// look reads the files and puts to use what is good.
func (w *watch) look() {
	var changed []*watchedFile
	complete := true
	for _, f := range w.files {
		f.look()
		if f.next != nil {
			changed = append(changed, f)
		}
		complete = complete && (f.good != nil || f.next != nil)
	}
	replaced := complete && len(changed) > 0 && w.replace(changed)
	w.report(replaced)
}

func (f *watchedFile) look() {
	f.next, f.err = nil, nil
	data, err := f.read()
	if err != nil {
		f.err = err
		return
	}
	sum := sha256.Sum256(data)
	if f.good != nil && f.good.sum == sum {
		return
	}
	next, err := f.content(data)
	if err != nil {
		f.err = err
		return
	}
	if f.good != nil && next.olderThan(f.good) {
		f.err = f.fail(errOlder)
		return
	}
	next.sum = sum
	f.next = next
}

func (f *watchedFile) content(data []byte) (*content, error) {
	var t Trust
	if err := f.into(&t, data); err != nil {
		return nil, err
	}
	c := &content{certificates: slices.Concat(t.Roots, t.Bundles[f.domain])}
	for _, crl := range t.CRLs {
		l, err := readList(crl)
		if err != nil {
			return nil, f.fail(err)
		}
		c.lists = append(c.lists, l)
	}
	return c, nil
}

// olderThan reports whether a list has gone back.
func (c *content) olderThan(good *content) bool {
	return slices.ContainsFunc(c.lists, func(l *list) bool {
		return slices.ContainsFunc(good.lists, func(held *list) bool {
			return held.issuer == l.issuer && held.keyID == l.keyID && slices.Equal(held.points, l.points) && held.newer(l)
		})
	})
}

// replace puts to use all that has changed or, where that does not go together, as much of it as does. The trust is swapped once.
func (w *watch) replace(changed []*watchedFile) bool {
	v := w.verifier
	v.mu.Lock()
	defer v.mu.Unlock()
	t, err := w.try(changed)
	if err != nil {
		t = w.tryEach(changed, err)
	}
	if t == nil {
		return false
	}
	v.trust.Store(t)
	return true
}

// tryEach takes what goes together with what is in use, until nothing more does. It returns nil if nothing does.
func (w *watch) tryEach(changed []*watchedFile, reason error) (best *trust) {
	for _, f := range changed {
		f.err = f.fail(reason)
	}
	if slices.ContainsFunc(w.files, func(f *watchedFile) bool { return f.good == nil }) {
		return nil
	}
	for again := true; again; {
		again = false
		for _, f := range changed {
			if f.next == nil {
				continue
			}
			t, err := w.try([]*watchedFile{f})
			if err != nil {
				f.err = f.fail(err)
				continue
			}
			best, again, f.err = t, true, nil
		}
	}
	return best
}

// try compiles the trust with what these files say now, and keeps that if it is good.
func (w *watch) try(now []*watchedFile) (*trust, error) {
	p := parts{bundles: map[string][]*x509.Certificate{}}
	for _, f := range w.files {
		c := f.good
		if slices.Contains(now, f) {
			c = f.next
		}
		switch {
		case f.crl:
			p.lists = append(p.lists, c.lists...)
		case f.domain == "":
			p.roots = append(p.roots, c.certificates...)
		default:
			p.bundles[f.domain] = c.certificates
		}
	}
	t, err := compile(p, w.verifier.allow, w.verifier.trust.Load())
	if err != nil {
		return nil, err
	}
	for _, f := range now {
		f.good, f.next = f.next, nil
	}
	return t, nil
}

// report publishes what is wrong with the files, and tells the hook if there is something new to tell.
func (w *watch) report(replaced bool) {
	v := w.verifier
	now := map[string]error{}
	for _, f := range w.files {
		switch {
		case f.err != nil:
			now[f.path] = errors.Join(now[f.path], f.err)
		case f.good == nil:
			now[f.path] = errors.Join(now[f.path], errMissing)
		}
	}
	before := v.fileErrors.Swap(&now)
	same := before != nil && maps.EqualFunc(*before, now, func(a, b error) bool { return a.Error() == b.Error() })
	if v.onReload == nil || !replaced && (same || before == nil && len(now) == 0) {
		return
	}
	defer func() {
		if recover() != nil {
			v.hookPanics.Add(1)
		}
	}()
	v.onReload(v.Status())
}
