package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A detour is an HTTP proxy before a server, which counts what comes by and does to it what a test wants.
type detour struct {
	url   string
	calls atomic.Int64

	meddler atomic.Pointer[meddler]
}

// A meddler may change a request, or answer it in the server's place, of which it says true.
type meddler func(w http.ResponseWriter, r *http.Request) (answered bool)

func newDetour(t *testing.T, to string) *detour {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	d := &detour{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.calls.Add(1)
		if m := d.meddler.Load(); m != nil && (*m)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// meddle has m see every request from now on; nil lets them pass.
func (d *detour) meddle(m meddler) {
	if m == nil {
		d.meddler.Store(nil)
		return
	}
	d.meddler.Store(&m)
}

// hold keeps requests from the server until release is called.
func (d *detour) hold(t *testing.T) (release func()) {
	t.Helper()
	released := make(chan struct{})
	d.meddle(func(http.ResponseWriter, *http.Request) bool {
		<-released
		return false
	})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return release
}
