package introspect

import (
	"context"
	"net/netip"
	"slices"
	"sync"
)

const (
	maxCalls   = 100  // under way at once
	maxQueued  = 1000 // tokens that wait for a call
	peersShare = 4    // one known peer has at most one part in this many of either
)

// gate bounds how many calls are under way and how many wait, in all and for each known peer. What becomes free goes to the peers
// that wait in turn, so that one with many tokens does not stand before one with few.
type gate struct {
	mu     sync.Mutex
	calls  int // under way
	queued int
	lanes  map[netip.Prefix]*lane // those with a call or a ticket
	turns  []*lane                // those with a ticket, the next one first
}

// lane is one peer's, or that of all whom nobody has named: the invalid prefix.
type lane struct {
	peer    netip.Prefix
	calls   int
	tickets []*ticket
}

// ticket is a place in the queue. granted is closed under the gate's lock.
type ticket struct{ granted chan struct{} }

func (t *ticket) isGranted() bool {
	select {
	case <-t.granted:
		return true
	default:
		return false
	}
}

func (l *lane) share(of int) int {
	if l.peer.IsValid() {
		return of / peersShare
	}
	return of
}

func (l *lane) mayCall() bool { return l.calls < l.share(maxCalls) }

// enter returns nil when a call may begin, which leave must end; errCrowded at once if too many wait, or the error of ctx.
func (g *gate) enter(ctx context.Context, peer netip.Prefix) error {
	t, err := g.take(peer)
	if t == nil {
		return err
	}
	select {
	case <-t.granted:
		return nil
	case <-ctx.Done():
	}
	if !g.withdraw(peer, t) { // granted at the same moment
		g.leave(peer)
	}
	return ctx.Err()
}

// take returns a ticket to wait with, or neither ticket nor error if a call may begin at once.
func (g *gate) take(peer netip.Prefix) (*ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[peer]
	if l == nil {
		l = &lane{peer: peer}
	}
	switch {
	case g.calls < maxCalls && l.mayCall():
		g.calls++
		l.calls++
		g.lanes[peer] = l
		return nil, nil
	case g.queued >= maxQueued || len(l.tickets) >= l.share(maxQueued):
		return nil, errCrowded
	}
	t := &ticket{granted: make(chan struct{})}
	if len(l.tickets) == 0 {
		g.turns = append(g.turns, l)
	}
	l.tickets = append(l.tickets, t)
	g.queued++
	g.lanes[peer] = l
	return t, nil
}

// withdraw reports whether t was still waiting.
func (g *gate) withdraw(peer netip.Prefix, t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.isGranted() {
		return false
	}
	l := g.lanes[peer]
	l.tickets = slices.DeleteFunc(l.tickets, func(other *ticket) bool { return other == t })
	g.queued--
	g.tidy(l)
	return true
}

// leave ends a call and lets the next begin.
func (g *gate) leave(peer netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[peer]
	l.calls--
	g.calls--
	g.tidy(l)
	if i := slices.IndexFunc(g.turns, (*lane).mayCall); i >= 0 {
		g.grant(g.turns[i])
	}
}

func (g *gate) grant(l *lane) {
	close(l.tickets[0].granted)
	l.tickets = l.tickets[1:]
	g.queued--
	g.calls++
	l.calls++
	g.turns = slices.DeleteFunc(g.turns, func(other *lane) bool { return other == l })
	if len(l.tickets) > 0 {
		g.turns = append(g.turns, l) // to the end of the line
	}
}

// tidy drops a lane that has nothing, so that there are never more of them than calls and tickets.
func (g *gate) tidy(l *lane) {
	if len(l.tickets) == 0 {
		g.turns = slices.DeleteFunc(g.turns, func(other *lane) bool { return other == l })
		if l.calls == 0 {
			delete(g.lanes, l.peer)
		}
	}
}
