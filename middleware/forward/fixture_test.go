package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/token"
)

const audience = "orders-api"

var config = forward.Config{
	Subject: "X-Identity-Subject", Issuer: "X-Identity-Issuer", ClientID: "X-Identity-Client", Scopes: "X-Identity-Scopes", Kind: "X-Identity-Kind",
	Claims: map[string]string{"tenant": "X-Identity-Tenant"},
}

// A mount is one way to put Headers between a guard and a backend.
type mount struct {
	name string
	wrap func(h *forward.Headers, backend *url.URL, local http.Handler) http.Handler
}

var mounts = []mount{
	{"Rewrite", func(h *forward.Headers, backend *url.URL, _ http.Handler) http.Handler {
		return &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(backend); h.Rewrite(pr) }}
	}},
	{"Handler before a proxy", func(h *forward.Headers, backend *url.URL, _ http.Handler) http.Handler {
		return h.Handler(&httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(backend) }})
	}},
	{"Handler in process", func(h *forward.Headers, _ *url.URL, local http.Handler) http.Handler { return h.Handler(local) }},
}

// A perimeter is a guard with Headers behind it, on a real connection. Everything under /public/ is public.
type perimeter struct {
	issuer  *localissuer.Issuer
	address string
	arrived chan *http.Request // what the backend got, body read, one per answer
}

func newPerimeter(t *testing.T, m mount, c forward.Config) *perimeter {
	t.Helper()
	p := &perimeter{issuer: localissuer.New("https://id.example"), arrived: make(chan *http.Request, 1)}
	backend := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		p.arrived <- r
	})
	h, err := forward.New(c)
	require.NoError(t, err)
	far := httptest.NewServer(backend)
	t.Cleanup(far.Close)
	address, err := url.Parse(far.URL)
	require.NoError(t, err)

	verifier, err := token.NewVerifier(p.issuer, token.AccessTokenPolicy(p.issuer.URL(), audience), nil)
	require.NoError(t, err)
	sources := []middleware.Source{middleware.FromHeader("Authorization"), middleware.FromHeader("X-Access-Token"), middleware.FromCookie("session")}
	guard, err := middleware.New(middleware.JWT(verifier, sources...), nil)
	require.NoError(t, err)
	routes, err := middleware.NewRoutes(middleware.Rule{Pattern: "/"}, middleware.Rule{Pattern: "/public/", Public: true})
	require.NoError(t, err)
	front := httptest.NewServer(guard.Routes(routes)(m.wrap(h, address, backend)))
	t.Cleanup(front.Close)
	p.address = front.Listener.Addr().String()
	return p
}

// bearer is an Authorization line with a good token.
func (p *perimeter) bearer(edits ...map[string]any) string {
	return "Authorization: Bearer " + p.issuer.AccessToken(audience, edits...)
}

// send writes a request of these lines, the first without its version, and returns what arrived at the backend.
func (p *perimeter) send(t *testing.T, target string, lines ...string) *http.Request {
	t.Helper()
	return p.sendBody(t, target, "", lines...)
}

func (p *perimeter) sendBody(t *testing.T, target, body string, lines ...string) *http.Request {
	t.Helper()
	c, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	defer c.Close()
	head := append([]string{"POST " + target + " HTTP/1.1", "Host: front.test"}, lines...)
	_, err = io.WriteString(c, strings.Join(head, "\r\n")+"\r\n\r\n"+body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	return <-p.arrived
}
