package forward_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/scope"
)

func TestTheIdentityArrives(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, config)
			got := p.send(t, "/", p.bearer(map[string]any{"scope": "orders:write orders:read", "tenant": "acme", "sub": "alice"})).Header
			for name, want := range map[string]string{
				"X-Identity-Subject": "alice",
				"X-Identity-Issuer":  "https://id.example",
				"X-Identity-Client":  "client-1",
				"X-Identity-Scopes":  "orders:read orders:write",
				"X-Identity-Kind":    "jwt",
				"X-Identity-Tenant":  "acme",
			} {
				require.Equal(t, []string{want}, got[name], name)
			}
		})
	}
}

// Every line under which a client may try to be somebody else, for the header X-Identity-Subject or one that is always managed.
var forgeries = []struct{ name, lines string }{
	{"the header itself", "X-Identity-Subject: forged"},
	{"in lower case", "x-identity-subject: forged"},
	{"in upper case", "X-IDENTITY-SUBJECT: forged"},
	{"with underscores", "X_Identity_Subject: forged"},
	{"with one underscore", "X-Identity_Subject: forged"},
	{"with dots", "X.Identity.Subject: forged"},
	{"with any other letters that a name may have", "X!Identity~Subject: forged\r\nX'Identity*Subject: forged\r\nX|Identity`Subject: forged\r\nx^identity#subject: forged"},
	{"twice", "X-Identity-Subject: forged\r\nX-Identity-Subject: forged"},
	{"twice, spelled differently", "X-Identity-Subject: forged\r\nx_identity_subject: forged"},
	{"empty and then not", "X-Identity-Subject:\r\nX-Identity-Subject: forged"},
	{"named in Connection", "Connection: X-Identity-Subject\r\nX-Identity-Subject: forged"},
	{"named in Connection under another spelling", "Connection: close, x_identity_subject\r\nX_Identity_Subject: forged"},
	{"the kind", "X-Identity-Kind: forged"},
	{"the scopes", "X_IDENTITY_SCOPES: forged"},
	{"a claim", "X-Identity.Tenant: forged"},
	{"Envoy's certificate", "X-Forwarded-Client-Cert: Hash=forged"},
	{"Envoy's certificate with underscores", "X_Forwarded_Client_Cert: Hash=forged"},
	{"the certificate of RFC 9440", "Client-Cert: :forged:"},
	{"the certificate of RFC 9440 with a dot", "Client.Cert: :forged:"},
	{"the chain of RFC 9440", "Client-Cert-Chain: :forged:, :forged:"},
	{"what the configuration removes", "X-Remote-User: forged\r\nx_remote_user: forged"},
}

func TestNoForgeryArrives(t *testing.T) {
	c := config
	c.Remove = []string{"X-Remote-User"}
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, c)
			for _, row := range forgeries {
				t.Run(row.name+", on a public route", func(t *testing.T) {
					got := p.send(t, "/public/", row.lines).Header
					requireNowhere(t, got, "forged")
					for name := range got {
						require.NotContains(t, strings.ToLower(name), "identity")
					}
				})
				t.Run(row.name+", on a guarded route", func(t *testing.T) {
					got := p.send(t, "/", p.bearer(map[string]any{"tenant": "acme"}), row.lines).Header
					requireNowhere(t, got, "forged")
					require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
					require.Equal(t, []string{"orders:read"}, got["X-Identity-Scopes"])
					require.Equal(t, []string{"jwt"}, got["X-Identity-Kind"])
					require.Equal(t, []string{"acme"}, got["X-Identity-Tenant"])
				})
				t.Run(row.name+", on a guarded route whose identity has nothing to put there", func(t *testing.T) {
					got := p.send(t, "/", p.bearer(map[string]any{"sub": "client-1", "scope": nil}), row.lines).Header
					requireNowhere(t, got, "forged")
					require.NotContains(t, got, "X-Identity-Tenant")
					require.NotContains(t, got, "X-Identity-Scopes")
				})
			}
		})
	}
}

func requireNowhere(t *testing.T, h http.Header, what string) {
	t.Helper()
	for name, values := range h {
		for _, v := range values {
			require.NotContains(t, v, what, name)
		}
	}
}

// However long its name is.
func TestNoForgeryArrivesUnderAnyLength(t *testing.T) {
	for size := 10; size < 140; size++ {
		name := "X-Identity" + strings.Repeat("a", size-10)
		h, err := forward.New(forward.Config{Subject: name})
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(name, "forged")
		r.Header["x_identity"+strings.Repeat("A", size-10)] = []string{"forged"}
		r.Header["X-Identity"+strings.Repeat("b", size-10)+"c"] = []string{"kept"}
		require.Equal(t, http.Header{"X-Identity" + strings.Repeat("b", size-10) + "c": {"kept"}}, through(h, r).Header, size)
	}
}

func TestConnectionCannotDeleteTheIdentity(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, config)
			for _, lines := range []string{
				"Connection: X-Identity-Subject",
				"Connection: close, X-Identity-Subject",
				"Connection: x-identity-subject,X-IDENTITY-KIND",
				"Connection:  X-Identity-Subject\t,\tX-Identity-Kind ",
				"Connection: keep-alive\r\nConnection: X-Identity-Subject",
				"Connection: ,,X-Identity-Subject,,",
				"Proxy-Connection: X-Identity-Subject",
				"Keep-Alive: X-Identity-Subject",
			} {
				t.Run(lines, func(t *testing.T) {
					got := p.send(t, "/", p.bearer(), lines).Header
					require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
					require.Equal(t, []string{"jwt"}, got["X-Identity-Kind"])
				})
			}
		})
	}
}

func TestOtherConnectionOptionsStay(t *testing.T) {
	h, err := forward.New(config)
	require.NoError(t, err)
	for _, row := range []struct{ in, want []string }{
		{[]string{"keep-alive, X-Own"}, []string{"keep-alive, X-Own"}},
		{[]string{"X-Own ,X-Identity-Subject,Upgrade"}, []string{"X-Own, Upgrade"}},
		{[]string{"X-Identity-Subject", " Upgrade,  X-Own"}, []string{" Upgrade,  X-Own"}},
		{[]string{"X-Identity-Subject, x_identity_kind"}, nil},
		{[]string{strings.Repeat("x", 1023)}, []string{strings.Repeat("x", 1023)}},
		{[]string{strings.Repeat("x", 1024)}, nil},
		{slices.Repeat([]string{""}, 1025), nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Connection"] = row.in
		require.Equal(t, row.want, through(h, r).Header["Connection"])
	}
}

// through returns the request that a handler behind h gets.
func through(h *forward.Headers, r *http.Request) (got *http.Request) {
	h.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })).ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func TestForgeriesInTrailersDoNotArrive(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, config)
			for _, where := range []string{"/", "/public/"} {
				for name, announce := range map[string]string{
					"announced": "Trailer: X-Identity-Subject, X_identity_kind, X-Checksum", "not announced": "X-None: 1", "one of them announced": "Trailer: X-Checksum",
				} {
					t.Run(name+", "+where, func(t *testing.T) {
						body := "5\r\nhello\r\n0\r\nX-Identity-Subject: forged\r\nX_identity_kind: forged\r\nX-Checksum: 1\r\n\r\n"
						got := p.sendBody(t, where, body, p.bearer(), "Transfer-Encoding: chunked", announce)
						require.Empty(t, got.Trailer)
						require.NotContains(t, got.Header, "Trailer")
						requireNowhere(t, got.Header, "forged")
					})
				}
			}
		})
	}
}

func TestTheRequestThatHandlerIsGivenStaysAsItIs(t *testing.T) {
	h, err := forward.New(config)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "alice"}))
	r.Header = http.Header{
		"X-Identity-Subject": {"forged"}, "Authorization": {"Bearer x"}, "Connection": {"X-Identity-Subject"}, "Cookie": {"a=1; session=2"},
	}
	r.Trailer = http.Header{"X-Checksum": nil}
	before, trailer := r.Header.Clone(), r.Trailer.Clone()
	require.Equal(t, []string{"alice"}, through(h, r).Header["X-Identity-Subject"])
	require.Equal(t, before, r.Header)
	require.Equal(t, trailer, r.Trailer)
}

func TestWhatAnIdentityDoesNotSayHasNoHeader(t *testing.T) {
	h, err := forward.New(config)
	require.NoError(t, err)
	for _, row := range []struct {
		name string
		id   middleware.Identity
		want http.Header
	}{
		{"a client without a subject", middleware.Identity{ClientID: "batch"}, http.Header{"X-Identity-Client": {"batch"}, "X-Identity-Kind": {"other"}}},
		{"a subject alone", middleware.Identity{Subject: "alice"}, http.Header{"X-Identity-Subject": {"alice"}, "X-Identity-Kind": {"other"}}},
		{"scopes alone", middleware.Identity{Scopes: scope.Granted("b a")}, http.Header{"X-Identity-Scopes": {"a b"}, "X-Identity-Kind": {"other"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r = r.WithContext(middleware.WithIdentity(r.Context(), row.id))
			r.Header.Set("X-Identity-Subject", "forged")
			require.Equal(t, row.want, through(h, r).Header)
		})
	}
}

func TestANilHeaderMapIsFilled(t *testing.T) {
	h, err := forward.New(config)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "alice"}))
	r.Header = nil
	require.Equal(t, []string{"alice"}, through(h, r).Header["X-Identity-Subject"])
}

func TestZeroHeadersRemoveEverything(t *testing.T) {
	for name, h := range map[string]*forward.Headers{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("X-Identity-Subject", "forged")
			r.Header.Set("Authorization", "Bearer x")
			require.Empty(t, through(h, r).Header)

			pr := &httputil.ProxyRequest{In: r, Out: r.Clone(t.Context())}
			h.Rewrite(pr)
			require.Empty(t, pr.Out.Header)
			require.Len(t, r.Header, 2)
		})
	}
}

func TestAnUpgradeStaysOne(t *testing.T) {
	for _, m := range mounts {
		p := newPerimeter(t, m, config)
		got := p.send(t, "/", p.bearer(), "Connection: Upgrade, X-Identity-Subject", "Upgrade: websocket").Header
		require.Equal(t, []string{"Upgrade"}, got["Connection"])
		require.Equal(t, []string{"websocket"}, got["Upgrade"])
		require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
	}
}
