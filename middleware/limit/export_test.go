package limit

import (
	"net/http"
	"net/netip"
)

// Client is whom a request counts for.
func (l *Limiter) Client(r *http.Request) netip.Addr {
	spokenFor, _ := l.proxies.speakFor(r)
	return client(r, spokenFor)
}

// Credential is what a request is remembered by.
func (l *Limiter) Credential(r *http.Request) uint64 {
	c, _ := l.sources.credential(r)
	return uint64(c)
}

// Remembers says whether the request's credential is known to be good.
func (l *Limiter) Remembers(r *http.Request) bool { return l.good.has(credential(l.Credential(r))) }

// Buckets is how many there are of each fineness.
func (l *Limiter) Buckets() (n [3]int) {
	for i := range l.peers.tiers {
		for j := range l.peers.tiers[i].shards {
			s := &l.peers.tiers[i].shards[j]
			s.mu.Lock()
			n[i] += len(s.buckets)
			s.mu.Unlock()
		}
	}
	return n
}
