package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	headerTimeout  = 10 * time.Second // for a request's head
	restTimeout    = 10 * time.Second // for the body of a request that is not forwarded
	keepAlive      = 2 * time.Minute  // between two requests
	maxRequestHead = 64 << 10
	drainTimeout   = 25 * time.Second // less than the 30 s after which orchestrators kill
)

// A server is the gateway while it runs: two listeners and the key caches' tickers.
type server struct {
	reloading

	gateway  *gateway // the first one; see now
	log      *slog.Logger
	drainFor time.Duration
	restFor  time.Duration // for the rest of a request that is not forwarded
	draining atomic.Bool
}

// serve listens, without an admin address if that is empty, and goes on as serveOn does.
func (s *server) serve(ctx context.Context, listen, adminListen string) error {
	ln, admin, err := openListeners(listen, adminListen)
	if err != nil {
		return err
	}
	return s.serveOn(ctx, ln, admin)
}

// serveOn serves until ctx ends, drains and returns. It closes the listeners, and everything that it started has then
// ended, but for handlers that outlasted the drain and are about to notice that their connection is closed.
func (s *server) serveOn(ctx context.Context, ln, admin net.Listener) (err error) {
	base, closeAll := context.WithCancel(context.Background()) // short: requests look through all of it for what is not there
	defer closeAll()

	reloads, stopReloads := context.WithCancel(ctx)
	defer stopReloads()

	var running sync.WaitGroup
	s.swap(base, s.gateway)
	if s.asked != nil {
		running.Go(func() { s.reloadOn(reloads, base) }) // ends with reloads
	}
	failed := make(chan error, 2)
	front := s.newServer(base, s)
	back := s.newServer(base, adminHandler(s))
	running.Go(func() { failed <- serveFront(front, ln, s.currentTLS()) })
	if admin != nil {
		running.Go(func() { failed <- back.Serve(admin) })
	}
	s.announce(ln, admin)

	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	stopReloads()
	s.drain(front, closeAll)
	_ = back.Close()
	running.Wait()
	s.running.Wait()
	if g := s.now(); g != s.gateway {
		_ = g.close() // nothing is lost with it
	}
	return err
}

// serveFront serves TLS if there is a configuration for it.
func serveFront(front *http.Server, ln net.Listener, secure *tls.Config) error {
	if secure == nil {
		return front.Serve(ln)
	}
	front.TLSConfig = secure
	return front.ServeTLS(ln, "", "")
}

func openListeners(listen, adminListen string) (ln, admin net.Listener, err error) {
	var lc net.ListenConfig
	if ln, err = lc.Listen(context.Background(), "tcp", listen); err != nil || adminListen == "" {
		return ln, nil, err
	}
	if admin, err = lc.Listen(context.Background(), "tcp", adminListen); err != nil {
		_ = ln.Close()
		return nil, nil, err
	}
	return ln, admin, nil
}

func (s *server) announce(ln, admin net.Listener) {
	attrs := []slog.Attr{slog.String("address", ln.Addr().String())}
	if admin != nil {
		attrs = append(attrs, slog.String("admin", admin.Addr().String()))
		if host, _, err := net.SplitHostPort(admin.Addr().String()); err == nil && !isLoopback(host) {
			s.log.Warn("the admin address is reachable from other machines: it asks for no credentials")
		}
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "listening", attrs...)
}

// newServer bounds what a client may keep without sending a request. There is no ReadTimeout and no WriteTimeout: they
// would cut uploads and streams that are meant to last; an exchange ends with the identity behind it instead.
func (s *server) newServer(base context.Context, h http.Handler) *http.Server {
	var all openLines
	return &http.Server{
		Handler:           hurried(s.restFor, h),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxRequestHead,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		// OPTIONS * is for the guard to refuse like any other target that is no path.
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext:                  all.begin,
		ConnState:                    all.changed,
	}
}

// drain stops accepting and waits for the requests in flight, up to the bound. Then it closes what is left: upgraded
// connections, which have no end of their own, and whatever outlasted the bound. Readiness says no from the first moment.
func (s *server) drain(front *http.Server, closeAll context.CancelFunc) {
	s.draining.Store(true)
	s.log.Info("draining")
	ctx, cancel := context.WithTimeout(context.Background(), s.drainFor)
	defer cancel()
	if err := front.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests outlasted the drain")
	}
	closeAll()
	_ = front.Close()
}
