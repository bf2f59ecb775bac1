package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
)

// warmTimeout is how long a new configuration waits for the keys of issuers that it adds or changes.
const warmTimeout = 10 * time.Second

// A reloading is where a configuration is read again, when, and how that went last. The zero value never reloads.
type reloading struct {
	file   string
	config *config // the one that is served
	asked  <-chan os.Signal

	current atomic.Pointer[live]
	last    atomic.Pointer[reloadReport]
	running sync.WaitGroup // what waits for the last requests of old gateways
	fetchMu sync.Mutex
	fetches map[*jwks.Cache]context.CancelFunc
}

// reloadReport says how the last reload went.
type reloadReport struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // the configuration before it is still served
}

// A live gateway counts what still uses it: its requests, and its being the current one.
type live struct {
	*gateway

	users atomic.Int64
	over  chan struct{} // closed when nothing uses it and nothing will
	stop  context.CancelFunc
}

// begin reports false if the gateway is over.
func (l *live) begin() bool {
	for {
		n := l.users.Load()
		if n == 0 {
			return false
		}
		if l.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (l *live) end() {
	if l.users.Add(-1) == 0 {
		close(l.over)
	}
}

// run starts what a gateway does in the background, until ctx ends. The keys are the server's affair: they pass from one
// gateway to the next.
func (g *gateway) run(ctx context.Context, running *sync.WaitGroup) {
	if g.shared != nil {
		running.Go(func() { g.shared.greet(ctx) }) // ends soon
	}
	if g.clients != nil {
		running.Go(func() { g.clients.watch(ctx) })
	}
	if g.revoked != nil {
		running.Go(func() { g.revoked.run(ctx) })
	}
}

// now is the gateway that serves new requests.
func (s *server) now() *gateway {
	if l := s.current.Load(); l != nil {
		return l.gateway
	}
	return s.gateway
}

// ServeHTTP answers one request by the gateway that is current when it begins.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := s.begin()
	defer l.end()
	l.handler.ServeHTTP(w, r)
}

// begin returns the current gateway, which the caller ends.
func (s *server) begin() *live {
	for {
		if l := s.current.Load(); l.begin() {
			return l
		}
	}
}

// swap makes a gateway the current one. The one before it goes on for its requests, however long they last, and is let go
// of after the last.
func (s *server) swap(base context.Context, g *gateway) {
	ctx, stop := context.WithCancel(base)
	next := &live{gateway: g, over: make(chan struct{}), stop: stop}
	next.users.Store(1)
	g.run(ctx, &s.running)
	s.runKeys(base, g)
	if err := g.metrics.watch(g.issuers); err != nil {
		s.log.Error("metrics of keys are not complete", "error", err.Error())
	}
	if old := s.current.Swap(next); old != nil {
		old.end()
		s.running.Go(func() { s.retire(base, old) })
	}
}

func (s *server) retire(base context.Context, old *live) {
	select {
	case <-old.over:
	case <-base.Done():
	}
	old.stop()
	for _, p := range old.proxies {
		if t, ok := p.reverse.Transport.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
	_ = old.close() // nothing is lost with it
}

// runKeys keeps the keys of a gateway's issuers fresh, and no longer those of others: requests that still need them fetch
// them when they are due.
func (s *server) runKeys(base context.Context, g *gateway) {
	s.fetchMu.Lock()
	defer s.fetchMu.Unlock()
	next := map[*jwks.Cache]context.CancelFunc{}
	for _, i := range g.issuers {
		if stop, ok := s.fetches[i.keys]; ok {
			next[i.keys] = stop
			delete(s.fetches, i.keys)
			continue
		}
		ctx, stop := context.WithCancel(base)
		next[i.keys] = stop
		s.running.Go(func() { _ = i.keys.Run(ctx) }) // ends with ctx
	}
	for _, stop := range s.fetches {
		stop()
	}
	s.fetches = next
}

// reloadOn reloads each time it is asked to, one at a time, until ctx ends.
func (s *server) reloadOn(ctx, base context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.asked:
			s.reload(ctx, base)
		}
	}
}

// reload serves what the file says now, or what it said before if that is not good.
func (s *server) reload(ctx, base context.Context) {
	report := &reloadReport{At: time.Now()}
	err := s.tryReload(ctx, base)
	report.Error = textOfError(err)
	s.last.Store(report) // before the log says so
	if err == nil {
		s.log.Info("reloaded")
		return
	}
	for line := range strings.Lines(err.Error()) {
		s.log.Error("not reloaded, the last configuration stays", "error", strings.TrimSpace(line))
	}
}

func (s *server) tryReload(ctx, base context.Context) error {
	c, err := loadConfig(s.file)
	if err != nil {
		return err
	}
	if err := s.config.needsRestart(c); err != nil {
		return err
	}
	s.keepKeys(c)
	c.kept = s.now().keepsakes(s.config, c)
	g, err := build(c, s.log)
	if err != nil {
		return err
	}
	if g.tls != nil {
		g.tls.NextProtos = []string{"h2", "http/1.1"} // as http.Server gives the first one
	}
	g.warm(ctx)
	if ctx.Err() != nil {
		return errors.Join(errors.New("the gateway ends"), g.close())
	}
	if err := g.revoked.unread(); err != nil {
		return errors.Join(err, g.close())
	}
	s.swap(base, g)
	s.config = c
	return nil
}

// needsRestart lists what cannot change while the gateway runs.
func (c *config) needsRestart(next *config) error {
	m := newMistakes()
	for _, member := range []struct {
		name string
		same bool
	}{
		{"listen", c.listen == next.listen},
		{"admin_listen", c.adminListen == next.adminListen},
		{"tls", (c.tls == nil) == (next.tls == nil)},
	} {
		if !member.same {
			m.addf(member.name, "cannot change without a restart")
		}
	}
	return m.err()
}

// keepKeys hands the keys of each issuer on whose keys come from the same place by the same rules.
func (s *server) keepKeys(next *config) {
	old := map[keySource]*jwks.Cache{}
	for n := range s.config.issuers {
		old[s.config.issuers[n].keySource()] = s.now().issuers[n].keys
	}
	if !reflect.DeepEqual(s.config.metrics, next.metrics) {
		return // a cache tells those who count its fetches from its beginning
	}
	for n := range next.issuers {
		next.issuers[n].kept = old[next.issuers[n].keySource()]
	}
}

// A keySource is all that decides which keys an issuer has.
type keySource struct {
	issuer, jwksURL   string
	keys              keysConfig
	insecureAllowHTTP bool
}

func (i *issuerConfig) keySource() keySource {
	return keySource{i.issuer, i.jwksURL, i.keys, i.insecureAllowHTTP}
}

// fetchKeys tries until there are keys or ctx ends. The cache logs what fails, and paces the attempts.
func fetchKeys(ctx context.Context, keys *jwks.Cache) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for ctx.Err() == nil && keys.Refresh(ctx) != nil {
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// warm fetches the keys that are not there yet. It gives up after a while: an issuer that is down is no reason to stay with
// an old configuration.
func (g *gateway) warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	var fetching sync.WaitGroup
	for _, i := range g.issuers {
		if !i.keys.Status().Usable {
			fetching.Go(func() { fetchKeys(ctx, i.keys) })
		}
	}
	if g.revoked != nil {
		fetching.Go(func() { g.revoked.warm(ctx) })
	}
	fetching.Wait()
}

// currentTLS is what a connection begins with: the certificate and the trust of the current gateway.
func (s *server) currentTLS() *tls.Config {
	first := s.gateway.tls
	if first == nil {
		return first
	}
	front := first.Clone()
	inner := front.GetConfigForClient
	front.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch g := s.now(); {
		case g != s.gateway && g.tls.GetConfigForClient != nil:
			return g.tls.GetConfigForClient(hello)
		case g != s.gateway:
			return g.tls, nil
		case inner != nil:
			return inner(hello)
		}
		return nil, nil
	}
	return front
}
