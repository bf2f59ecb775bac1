package jwks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// client returns a copy of the caller's client, or one of our own, that obeys the rules of this package.
func client(caller *http.Client) *http.Client {
	c := http.Client{}
	if caller != nil {
		c = *caller
	}
	c.Transport = transport(c.Transport)
	c.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the redirect itself is then an answer that is not 200
	}
	return &c
}

// transport returns rt with its addresses checked and no connection kept, as far as rt lets itself be changed.
func transport(rt http.RoundTripper) http.RoundTripper {
	var t *http.Transport
	switch own := rt.(type) {
	case nil:
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	case *http.Transport:
		if own == nil {
			return rt // fails by itself, inside the fetch
		}
		t = own.Clone()
	default:
		return guarded{rt}
	}
	t.DialContext = checkedDial(t)
	t.Dial = nil //nolint:staticcheck // its use is folded into DialContext
	if tls := t.DialTLSContext; tls != nil {
		t.DialTLSContext = checked(tls)
	}
	if tls := t.DialTLS; tls != nil { //nolint:staticcheck // a caller may still set it
		t.DialTLS = nil //nolint:staticcheck // as above
		if t.DialTLSContext == nil {
			t.DialTLSContext = checked(func(_ context.Context, network, address string) (net.Conn, error) {
				return tls(network, address)
			})
		}
	}
	t.DisableKeepAlives = true // nobody could close an idle connection, and fetches are minutes apart
	if t.MaxResponseHeaderBytes == 0 {
		t.MaxResponseHeaderBytes = 64 << 10
	}
	return guarded{t}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// checkedDial is how t connects, with the address checked: before connecting where the dialer is ours, after it otherwise.
func checkedDial(t *http.Transport) dialFunc {
	switch {
	case t.DialContext != nil:
		return checked(t.DialContext)
	case t.Dial != nil: //nolint:staticcheck // a caller may still set it
		dial := t.Dial //nolint:staticcheck // as above
		return checked(func(_ context.Context, network, address string) (net.Conn, error) { return dial(network, address) })
	}
	d := &net.Dialer{
		Timeout: 30 * time.Second, // the fetch has its own, shorter one
		Control: func(_, address string, _ syscall.RawConn) error { // once per resolved address
			if at, err := netip.ParseAddrPort(address); err != nil || forbidden(at.Addr()) {
				return errForbiddenAddress
			}
			return nil
		},
	}
	return d.DialContext
}

// checked refuses a connection by where it leads.
func checked(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil && conn != nil && forbiddenPeer(conn.RemoteAddr()) {
			_ = conn.Close()
			return nil, errForbiddenAddress
		}
		return conn, err
	}
}

// guarded refuses an answer that came over a connection to a forbidden address, for every RoundTripper that reports its
// connections.
type guarded struct{ next http.RoundTripper }

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	var refused atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if info.Conn != nil && forbiddenPeer(info.Conn.RemoteAddr()) {
				refused.Store(true)
				cancel(errForbiddenAddress)
			}
		},
	})
	// Reading the body needs this context: it ends with that of the fetch, not with this function.
	resp, err := g.next.RoundTrip(r.WithContext(ctx))
	if refused.Load() {
		if err == nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil, errForbiddenAddress
	}
	return resp, err
}
