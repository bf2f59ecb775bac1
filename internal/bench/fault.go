package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
	"github.com/perimeter-go/perimeter/internal/bench/upstream"
)

const (
	roundTrip = 20 * time.Millisecond // to the issuer
	poll      = 20 * time.Millisecond // between two requests of the one client whose fate is watched
	attackers = 4
	breath    = 10 * time.Millisecond // between two requests of an attacker
)

// hasty is the pace of the outage: keys are old after a second, so that seconds of outage are what hours are at a patient pace.
var hasty = pace{time.Second, time.Second, 500 * time.Millisecond}

// fate is what became of one peer.
type fate struct {
	peer      peers.Peer
	calm      rotation
	flood     flood
	outage    outage
	withdrawn rotation
}

// faults are what happens when keys change, strangers come and the issuer is away. All peers go through it at the same time, each time with
// an issuer of its own.
func faults(ctx context.Context, s size) ([]*fate, error) {
	var fates []*fate
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range peers.All() {
		if p.FixedKey || p.Wraps {
			continue
		}
		f := &fate{peer: p}
		fates = append(fates, f)
		g.Go(func() (err error) { f.calm, err = rotate(ctx, p, s); return err })
		g.Go(func() (err error) { f.flood, err = drown(ctx, p, s); return err })
		g.Go(func() (err error) { f.outage, err = endure(ctx, p, s); return err })
		g.Go(func() (err error) { f.withdrawn, err = withdraw(ctx, p, s); return err })
	}
	return fates, g.Wait()
}

// subject is a peer that has verified a token of its issuer.
type subject struct {
	issuer *upstream.Issuer
	verify peers.Verify
	known  string // the token
}

func meet(ctx context.Context, p peers.Peer, at pace) (*subject, error) {
	issuer, err := upstream.Start(ctx, roundTrip)
	if err != nil {
		return nil, err
	}
	in, err := newInstance(ctx, p, issuer, "ES256", at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	s := &subject{issuer, in.Verify, issuer.Token("ES256")}
	if _, err := s.verify(ctx, s.known); err != nil {
		return nil, fmt.Errorf("%s refuses a good token: %w", p.Name, err)
	}
	return s, nil
}

// wait is a pause that ends with ctx.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// until asks about raw until the verdict is as wanted, at most for limit: by which request, and after how long.
func (s *subject) until(ctx context.Context, raw string, accepted bool, limit time.Duration) (request int, after time.Duration) {
	began := time.Now()
	for n := 1; ; n++ {
		_, err := s.verify(ctx, raw)
		after = time.Since(began)
		if (err == nil) == accepted {
			return n, after
		}
		if after >= limit || !wait(ctx, poll) {
			return 0, after
		}
	}
}

// watched is what a client with a good token sees.
type watched struct {
	asked, refused int
	slowest        time.Duration
}

func (s *subject) watch(ctx context.Context, d time.Duration) (w watched) {
	for began := time.Now(); time.Since(began) < d; {
		asked := time.Now()
		_, err := s.verify(ctx, s.known)
		w.slowest = max(w.slowest, time.Since(asked))
		w.asked++
		if err != nil {
			w.refused++
		}
		if !wait(ctx, poll) {
			break
		}
	}
	return w
}

// rotation is when a new key was accepted in calm.
type rotation struct {
	request int // 0: not within the limit
	after   time.Duration
}

func rotate(ctx context.Context, p peers.Peer, s size) (rotation, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub, err := meet(ctx, p, patient)
	if err != nil {
		return rotation{}, err
	}
	sub.issuer.RotateGently()
	request, after := sub.until(ctx, sub.issuer.Token("ES256"), true, s.calm)
	return rotation{request, after}, nil
}

// flood is what unknown key ids cost the issuer, and a new key amid them.
type flood struct {
	fetches int
	watched watched
	found   rotation
}

// drown sends tokens with unknown key ids, and rotates the key after a quarter of the time.
func drown(ctx context.Context, p peers.Peer, s size) (f flood, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub, err := meet(ctx, p, patient)
	if err != nil {
		return f, err
	}
	before := sub.issuer.Fetches()
	flooding, stop := context.WithTimeout(ctx, s.flood)
	defer stop()
	var wg sync.WaitGroup
	for range attackers {
		wg.Go(func() {
			for wait(flooding, breath) {
				_, _ = sub.verify(flooding, upstream.Stranger(sub.known, "ES256")) // it is refused, or the flood is over
			}
		})
	}
	wg.Go(func() { f.watched = sub.watch(flooding, s.flood-4*poll) })
	wait(flooding, s.flood/4)
	sub.issuer.RotateGently()
	f.found.request, f.found.after = sub.until(flooding, sub.issuer.Token("ES256"), true, s.flood*3/4-4*poll)
	wg.Wait()
	f.fetches = sub.issuer.Fetches() - before
	return f, nil
}

// withdraw is when a token of a key that is no longer published was refused, while nobody shows a token of the new one.
func withdraw(ctx context.Context, p peers.Peer, s size) (rotation, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub, err := meet(ctx, p, hasty)
	if err != nil {
		return rotation{}, err
	}
	sub.issuer.Rotate()
	request, after := sub.until(ctx, sub.known, false, s.outage)
	return rotation{request, after}, nil
}

// outage is what becomes of good tokens while the issuer is away.
type outage struct{ dropped, hung watched }

func endure(ctx context.Context, p peers.Peer, s size) (o outage, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub, err := meet(ctx, p, hasty)
	if err != nil {
		return o, err
	}
	sub.issuer.Set(upstream.Drop)
	o.dropped = sub.watch(ctx, s.outage)
	sub.issuer.Set(upstream.Hang)
	o.hung = sub.watch(ctx, s.outage)
	return o, nil
}

func (r rotation) String() string {
	switch r.request {
	case 0:
		return fmt.Sprintf("not in %.0f s", r.after.Seconds())
	case 1:
		return "first request"
	default:
		return "after " + r.after.Round(10*time.Millisecond).String()
	}
}

func (w watched) String() string {
	return fmt.Sprintf("%d of %d refused, slowest %d ms", w.refused, w.asked, w.slowest.Milliseconds())
}

func rotationTable(fates []*fate, s size) string {
	rows := table{{"key sets", "new key, in calm", fmt.Sprintf("fetches in a flood of %.0f s", s.flood.Seconds()), "new key, in the flood", "good tokens in the flood"}}
	for _, f := range fates {
		rows = append(rows, []string{f.peer.Name, f.calm.String(), strconv.Itoa(f.flood.fetches), f.flood.found.String(), f.flood.watched.String()})
	}
	return section("Rotation and flood", fmt.Sprintf("Keys are refreshed every 5 minutes; unknown key ids may cause two fetches and one more each 15 s, where the peer can be told so. "+
		"The flood is %d clients that send a new key id each %d ms; the key rotates after a quarter of it, the old one stays published. A round trip to the issuer is %d ms.",
		attackers, breath.Milliseconds(), roundTrip.Milliseconds()), rows)
}

func outageTable(fates []*fate, s size) string {
	rows := table{{"key sets", "issuer drops connections", "then never answers", "withdrawn key refused"}}
	for _, f := range fates {
		rows = append(rows, []string{f.peer.Name, f.outage.dropped.String(), f.outage.hung.String(), f.withdrawn.String()})
	}
	return section("Outage", fmt.Sprintf("A client with a good token of a known key, while the issuer is away twice for %.0f s. Keys are refreshed each second, so that seconds are what hours "+
		"would be, and a fetch may take half of one, where the peer can be told so. Beside it, with an issuer that is well: when a token of a withdrawn key is refused, if nobody shows one of the new key.",
		s.outage.Seconds()), rows)
}
