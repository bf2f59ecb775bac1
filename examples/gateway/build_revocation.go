package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/perimeter-go/perimeter/contrib/redisrevocation"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/middleware/revocation/secevent"
	"github.com/perimeter-go/perimeter/token"
)

// maxEventAge is how old an event may be that an issuer sends.
const maxEventAge = time.Hour

var errNoAnswer = errors.New("no answer in time")

// A revoked knows who is cut off.
type revoked struct {
	list     *revocation.List       // by what is read
	names    []string               // of its sources
	pushed   *revocation.List       // by what issuers and other gateways send; it outlives a reload
	shared   *redisrevocation.Store // nil: nothing is shared
	receiver http.Handler           // nil: no issuer sends events
}

// revocations makes the list. Nothing is read yet.
func (g *gateway) revocations(c *config, log *slog.Logger) (*revoked, error) {
	s := c.revocation
	policy := s.policy(newMistakes())
	var names []string
	for _, name := range s.files {
		policy.Sources, names = append(policy.Sources, revocation.File(name)), append(names, name)
	}
	for _, address := range s.urls {
		source, err := revocation.URL(address, nil)
		if err != nil {
			return nil, err
		}
		policy.Sources, names = append(policy.Sources, source), append(names, "a URL") // whose query may hold a secret
	}
	r := &revoked{}
	var err error
	if g.shared != nil {
		if r.shared, err = redisrevocation.New(g.shared.client, redisPrefix); err != nil {
			return nil, err
		}
		policy.Sources, names = append(policy.Sources, r.shared), append(names, "redis")
	}
	policy.OnRead, r.names = readLog(log, names), names
	if r.list, err = revocation.New(policy); err != nil {
		return nil, err
	}
	if r.pushed = c.kept.pushed; r.pushed == nil {
		if r.pushed, err = revocation.New(revocation.Config{}); err != nil {
			return nil, err
		}
	}
	if s.events == nil {
		return r, nil
	}
	r.receiver, err = g.receiver(c, s.events, r)
	return r, err
}

// readLog logs the first failure of a source, and the first success after.
func readLog(log *slog.Logger, names []string) func(revocation.Status) {
	states := make([]health, len(names))
	return func(s revocation.Status) {
		name, state := names[s.Source-1], &states[s.Source-1]
		switch {
		case s.LastError != nil:
			if state.failed(time.Now(), s.LastError.Error()) {
				log.Warn("revocations not read, the last ones stay", "source", name, "error", s.LastError.Error())
			}
		case state.worked(time.Now()):
			log.Info("revocations read again", "source", name, "entries", s.Entries)
		}
	}
}

// receiver believes the issuer about its own tokens, under the keys that those are verified under.
func (g *gateway) receiver(c *config, e *eventsConfig, r *revoked) (http.Handler, error) {
	n := slices.IndexFunc(c.issuers, func(i issuerConfig) bool { return i.issuer == e.issuer })
	verifier, err := token.NewVerifier(g.trusted(e.issuer).keys, token.Policy{
		Issuer: e.issuer, Audiences: []string{e.audience}, Type: "secevent+jwt", MaxAge: maxEventAge,
		Algorithms: c.issuers[n].algorithms, Leeway: c.issuers[n].leeway,
	}, nil)
	if err != nil {
		return nil, err
	}
	authorization := ""
	if e.authorizationFile != "" {
		if authorization, err = readSecret(e.authorizationFile); err != nil {
			return nil, err
		}
	}
	return secevent.New(secevent.Config{Verifier: verifier, Issuers: []string{e.issuer}, Record: r.record, Authorization: authorization})
}

// Revoked asks both lists.
func (r *revoked) Revoked(ctx context.Context, id middleware.Identity) (bool, error) {
	if cut, err := r.pushed.Revoked(ctx, id); cut || err != nil {
		return cut, err
	}
	return r.list.Revoked(ctx, id)
}

// report tells of each source, and last of what was sent.
func (r *revoked) report() []sourceReport {
	read := r.list.Status()
	all := slices.Concat(read[:len(read)-1], r.pushed.Status()) // nothing is added to what is read
	reports := make([]sourceReport, 0, len(all))
	for _, s := range all {
		reports = append(reports, sourceReport{s.Entries, s.LastSuccess, textOfError(s.LastError), s.Stale})
	}
	return reports
}

// unread reports sources that were not read yet. To go by the list would forget what they have said before.
func (r *revoked) unread() error {
	if r == nil {
		return nil
	}
	var errs []error
	read := r.list.Status()
	for _, s := range read[:len(read)-1] { // the last is what was added
		if s.LastSuccess.IsZero() {
			errs = append(errs, fmt.Errorf("revocation: %s: %w", r.names[s.Source-1], cmp.Or(s.LastError, errNoAnswer)))
		}
	}
	return errors.Join(errs...)
}

// warm reads each source once, or gives up with ctx, so that nobody is undecided when the list begins to count.
func (r *revoked) warm(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { _ = r.list.Run(ctx) }) // ends with ctx
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		status := r.list.Status()
		if !slices.ContainsFunc(status[:len(status)-1], func(s revocation.Status) bool { return s.LastSuccess.IsZero() && s.LastError == nil }) {
			stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// record cuts off here at once, and then everywhere. If that fails the issuer sends the event again.
func (r *revoked) record(ctx context.Context, entries []revocation.Entry) error {
	if err := r.pushed.Add(entries...); err != nil {
		return err
	}
	if r.shared == nil {
		return nil
	}
	return r.shared.Save(ctx, entries)
}

// run reads the sources and follows the other gateways until ctx ends.
func (r *revoked) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { _ = r.list.Run(ctx) }) // ends with ctx
	if r.shared != nil {
		running.Go(func() { r.follow(ctx) })
	}
	running.Wait()
}

// follow begins again when Redis has closed the subscription.
func (r *revoked) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.shared.Follow(ctx, r.pushed); errors.Is(err, context.Canceled) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(redisPatience):
		}
	}
}

func (r *revoked) receives() http.Handler {
	if r == nil {
		return nil
	}
	return r.receiver
}

// withEvents serves the receiver at its path, and everything else by next. It stands behind the guard, where the path is public.
func (r *revoked) withEvents(c *config, next http.Handler) http.Handler {
	receiver := r.receives()
	if receiver == nil {
		return next
	}
	path := c.revocation.events.path
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == path && req.Method == http.MethodPost {
			receiver.ServeHTTP(w, req)
			return
		}
		next.ServeHTTP(w, req)
	})
}
