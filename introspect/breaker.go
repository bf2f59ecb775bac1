package introspect

import (
	"net/netip"
	"sync"
	"time"
)

const (
	failuresInARow = 5
	pause          = time.Second
)

// breaker leaves alone for a moment what has failed several times in a row, and then lets one call try it. The zero breaker is
// closed: it lets all calls through.
//
// A failure may be the doing of whoever sent the token. So the pause is only for the peer that had all the failures, if it was one; and
// the peer whose call was the last to try lets others try first.
type breaker struct {
	mu       sync.Mutex
	failures int
	last     error // how the last call failed
	until    time.Time
	probing  bool

	peer   netip.Prefix // who had the first of the failures
	common bool         // others had some as well, or nobody says who it was
	prober netip.Prefix // who was the last to try
}

// pass is the right to one call, which must be ended by done.
type pass struct {
	peer  netip.Prefix
	probe bool
}

// ask returns a pass, or the last failure.
func (b *breaker) ask(now time.Time, peer netip.Prefix) (p pass, last error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut(now, peer) {
		return pass{}, b.last
	}
	probe := b.open(peer)
	b.probing = b.probing || probe
	return pass{peer, probe}, nil
}

// paused returns the last failure while ask would.
func (b *breaker) paused(now time.Time, peer netip.Prefix) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut(now, peer) {
		return b.last
	}
	return nil
}

// open reports whether there were too many failures for this peer.
func (b *breaker) open(peer netip.Prefix) bool {
	return b.failures >= failuresInARow && (b.common || peer == b.peer)
}

func (b *breaker) shut(now time.Time, peer netip.Prefix) bool {
	wait := time.Duration(0)
	if b.common && peer.IsValid() && peer == b.prober {
		wait = pause
	}
	return b.open(peer) && (b.probing || elapsed(b.until, now) < wait)
}

// done says how a call went: nil is well. Calls that were under way when the pause began do not prolong it.
func (b *breaker) done(p pass, now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = b.probing && !p.probe
	if err == nil {
		b.failures, b.last, b.prober = 0, nil, netip.Prefix{}
		return
	}
	late := b.open(p.peer) && !p.probe
	if b.failures == 0 {
		b.peer, b.common = p.peer, !p.peer.IsValid()
	}
	b.common = b.common || p.peer != b.peer
	if late {
		return
	}
	b.failures = min(b.failures+1, failuresInARow)
	b.last, b.until = err, now.Add(pause)
	if p.probe {
		b.prober = p.peer
	}
}
