package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheBackendLearnsWhoCalls(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	require.Equal(t, http.StatusOK, w.get("/orders/7", w.token()).StatusCode)
	got := (<-requests).Header
	require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
	require.Equal(t, []string{"client-1"}, got["X-Identity-Client"])
	require.Equal(t, []string{"jwt"}, got["X-Identity-Kind"])
	require.NotEmpty(t, got["X-Identity-Issuer"])
	require.NotEmpty(t, got["X-Identity-Scopes"])
	require.NotContains(t, got, "Authorization")
}

func TestForgedIdentityHeadersNeverArrive(t *testing.T) {
	for _, tc := range []struct{ name, line, gone string }{
		{"the subject itself", "X-Identity-Subject: admin", "X-Identity-Subject"},
		{"in lower case", "x-identity-subject: admin", "X-Identity-Subject"},
		{"with underscores", "X_Identity_Subject: admin", "X_identity_subject"},
		{"with dots", "X.Identity.Subject: admin", "X.identity.subject"},
		{"another managed header", "X-Identity-Scopes: orders:admin", "X-Identity-Scopes"},
		{"a claim's header", "X-Tenant: umbrella", "X-Tenant"},
		{"a forwarded certificate", "X-Forwarded-Client-Cert: By=x", "X-Forwarded-Client-Cert"},
		{"a forwarded certificate of RFC 9440", "Client-Cert: :MIIB:", "Client-Cert"},
		{"named in Connection as well", "Connection: X-Identity-Subject\r\nX-Identity-Subject: admin", "X-Identity-Subject"},
	} {
		requests := make(chan *http.Request, 1)
		w := newWorld(t, captured(requests), members{"identity_headers": members{"claims": members{"tenant": "X-Tenant"}}})
		for _, where := range []struct{ name, path, credential string }{
			{"a public route", "/public/x", "X-None: 1"},
			{"a guarded route", "/orders/7", "Authorization: Bearer " + w.token(members{"tenant": "acme"})},
		} {
			t.Run(tc.name+" on "+where.name, func(t *testing.T) {
				res := w.raw("GET "+where.path+" HTTP/1.1", where.credential, tc.line)
				require.Equal(t, http.StatusOK, res.StatusCode)
				got := <-requests
				if where.path == "/public/x" || got.Header.Get(tc.gone) == "" {
					require.NotContains(t, got.Header, tc.gone)
				} else { // set afresh by the gateway, once
					require.Len(t, got.Header[tc.gone], 1)
				}
				for _, values := range got.Header {
					for _, value := range values {
						require.NotRegexp(t, `^(admin|orders:admin|umbrella|By=x|:MIIB:)$`, value)
					}
				}
			})
		}
	}
}

func TestWithoutTheSectionNoIdentityHeaderIsSetAndNonePasses(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	c := w.config(captured(requests))
	c.identityHeaders = nil
	w2 := &world{t: t, issuer: w.issuer, logs: w.logs, done: make(chan error, 1)}
	w2.start(c)
	require.NoError(t, w2.server.gateway.issuers[0].keys.Refresh(t.Context()))
	r := w2.request(http.MethodGet, "/orders/7", w.token(), nil)
	r.Header.Set("X-Identity-Subject", "admin")
	require.Equal(t, http.StatusOK, w2.do(r).StatusCode)
	for name := range (<-requests).Header {
		require.NotContains(t, name, "Identity")
	}
}

func TestHearsayNeverArrives(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	for _, line := range []string{
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: gopher", "X-Forwarded-Uri: /evil", "X-Forwarded-Prefix: /evil",
		"X-Forwarded-Port: 666", "X_Forwarded_For: 6.6.6.6", "x.forwarded.for: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6",
		"X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X-Original-URI: /evil",
		"X-Original-Method: EVIL", "X-Envoy-Original-Path: /evil", "True-Client-IP: 6.6.6.6", "X-HTTP-Method-Override: EVIL", "X-HTTP-Method: EVIL", "X-Method-Override: EVIL",
		"Connection: X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6",
	} {
		t.Run(line, func(t *testing.T) {
			require.Equal(t, http.StatusOK, w.raw("GET /public/x HTTP/1.1", line).StatusCode)
			got := (<-requests).Header
			require.Equal(t, []string{"127.0.0.1"}, got["X-Forwarded-For"])
			require.Equal(t, []string{"gateway.test"}, got["X-Forwarded-Host"])
			require.Equal(t, []string{"http"}, got["X-Forwarded-Proto"])
			for name, values := range got {
				require.NotRegexp(t, `6\.6\.6\.6|evil|EVIL|gopher|666`, fmt.Sprint(name, values))
			}
		})
	}
}

func TestAuthorizationIsForwardedOnlyWhenAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		forward    bool
		arrives    bool
	}{
		{"not from a guarded route", "/orders/7", false, false},
		{"from a guarded route when asked for", "/orders/7", true, true},
		{"from a public route, whose credentials are none of ours", "/public/x", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requests := make(chan *http.Request, 1)
			w := newWorld(t, captured(requests), members{"forward_authorization": tc.forward})
			token := w.token()
			require.Equal(t, http.StatusOK, w.get(tc.path, token).StatusCode)
			want := ""
			if tc.arrives {
				want = "Bearer " + token
			}
			require.Equal(t, want, (<-requests).Header.Get("Authorization"))
		})
	}
}

func TestTheTargetGoesOutByteForByte(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	for _, target := range []string{
		"/public/x", "/public/", "/public/a%20b", "/public/%c3%a4", "/public/%C3%A4", "/public/a+b", "/public/~%7e", "/public/%41",
		"/public/a(b)'!*,:@$&=", "/public/a{b}", "/public/a|b^c`d", "/public/[a]", `/public/"a"`,
		"/public/x?", "/public/x?a=1&a=2", "/public/x?a=%zz", "/public/x?a;b", "/public/x?a=%2e%2e%2f", "/public/x?a=b#c", "/public/x?a=\u00e4", "/public/x??",
	} {
		t.Run(target, func(t *testing.T) {
			require.Equal(t, http.StatusOK, w.raw("GET "+target+" HTTP/1.1").StatusCode)
			require.Equal(t, target, (<-requests).RequestURI)
		})
	}
}

func TestAmbiguousTargetsAreRefusedBeforeTheBackend(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the backend was asked") }))
	for _, target := range []string{
		"/public//x", "//public/x", "/public/../orders", "/public/./x", "/public/%2e%2e/orders", "/public/..%2forders", "/public/x%2fy", `/public/..\orders`,
		"/public/x%5cy", "/public/x;y", "/public/x%3by", "/public/x%00", "/public/x%25", "/public/x%3F", "/public/x%23", "/public/x#y", "/public/%ff",
		"http://gateway.test/public/x", "http://gateway.test//public/x",
	} {
		t.Run(target, func(t *testing.T) {
			res := w.raw("GET " + target + " HTTP/1.1")
			require.Equal(t, http.StatusBadRequest, res.StatusCode)
		})
	}
	require.Equal(t, http.StatusBadRequest, w.raw("OPTIONS * HTTP/1.1").StatusCode)
}

func TestTheHostIsTheUpstreams(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	w.raw("GET /public/x HTTP/1.1")
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, (<-requests).Host)
}

func TestARouteMayHaveItsOwnUpstream(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
	}
	other := httptest.NewServer(named("other"))
	t.Cleanup(other.Close)
	w := newWorld(t, named("main"), members{"routes": []any{
		members{"pattern": "/", "public": true},
		members{"pattern": "GET /other/", "public": true, "upstream": other.URL},
		members{"pattern": "GET /other/{id}/main", "public": true, "upstream": ""},
	}})
	require.Equal(t, "main", body(t, w.get("/", "")))
	require.Equal(t, "other", body(t, w.get("/other/1", "")))
	require.Equal(t, "main", body(t, w.get("/other/1/main", "")))
	require.Equal(t, "main", body(t, w.do(w.request(http.MethodPost, "/other/1", "", nil))))
	require.Equal(t, http.StatusOK, w.do(w.request(http.MethodHead, "/other/1", "", nil)).StatusCode)
}

func TestHopByHopHeadersStayOnTheirHop(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		h := w.Header()
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Keep-Alive", "timeout=1")
		h.Set("Proxy-Authenticate", "Basic")
		h.Set("X-End", "1")
	}))
	res := w.raw("GET /public/x HTTP/1.1", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: 1", "Proxy-Authorization: Basic eA==", "TE: gzip", "X-End: 1")
	got := (<-requests).Header
	for _, name := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Authorization", "Te"} {
		require.NotContains(t, got, name)
	}
	require.Equal(t, "1", got.Get("X-End"))
	for _, name := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
		require.NotContains(t, res.Header, name)
	}
	require.Equal(t, "1", res.Header.Get("X-End"))
}

func TestNothingIsCompressedOrUnpackedOnTheWay(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, captured(requests))
	w.raw("GET /public/x HTTP/1.1")
	require.NotContains(t, (<-requests).Header, "Accept-Encoding")
	w.raw("GET /public/x HTTP/1.1", "Accept-Encoding: br")
	require.Equal(t, []string{"br"}, (<-requests).Header["Accept-Encoding"])
}

func TestTrailersOfTheAnswerPassAndThoseOfTheRequestDoNot(t *testing.T) {
	requests := make(chan *http.Request, 1)
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		requests <- r
		w.Header().Set("Trailer", "X-Sum")
		w.Write(b)
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-Late", "43")
	}))
	r := w.request(http.MethodPost, "/orders/", w.token(), io.MultiReader(strings.NewReader("body")))
	r.Trailer = http.Header{"X-Identity-Subject": {"admin"}}
	res := w.do(r)
	require.Equal(t, "body", body(t, res))
	require.Equal(t, "42", res.Trailer.Get("X-Sum"))
	require.Equal(t, "43", res.Trailer.Get("X-Late"))
	got := <-requests
	require.Empty(t, got.Trailer)
	require.Equal(t, []string{"client-1"}, got.Header["X-Identity-Subject"])
}

func TestHEADHasTheHeaderOfGET(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("Content-Length", "1000")
	}), members{"routes": []any{members{"pattern": "GET /orders/", "all": []string{"orders:read"}}}})
	res := w.do(w.request(http.MethodHead, "/orders/", w.token(), nil))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "HEAD", res.Header.Get("X-Method"))
	require.EqualValues(t, 1000, res.ContentLength)
	require.Equal(t, http.StatusForbidden, w.do(w.request(http.MethodDelete, "/orders/", w.token(), nil)).StatusCode)
}

func TestABodyIsAskedForOnlyWhenTheBackendWantsIt(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/public/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		io.Copy(w, r.Body)
	}))
	for _, tc := range []struct {
		name, line string
		want       []int
	}{
		{"the backend reads it", "POST /public/yes HTTP/1.1", []int{100, 200}},
		{"the backend refuses it", "POST /public/no HTTP/1.1", []int{417}},
		{"the guard refuses it", "POST /orders/ HTTP/1.1", []int{401}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, r := w.dial()
			io.WriteString(c, tc.line+"\r\nHost: gateway.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
			for i, want := range tc.want {
				res, err := http.ReadResponse(r, nil)
				for err == nil && i > 0 && res.StatusCode == http.StatusContinue { // net/http may say it a second time
					res, err = http.ReadResponse(r, nil)
				}
				require.NoError(t, err)
				require.Equal(t, want, res.StatusCode)
				if want == http.StatusContinue {
					io.WriteString(c, "body")
				} else if i == 1 {
					require.Equal(t, "body", body(t, res))
				}
			}
		})
	}
}

func TestEarlyHintsPass(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "done")
	}))
	var hints []int
	r := w.request(http.MethodGet, "/public/x", "", nil)
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { hints = append(hints, code); return nil }}
	res := w.do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	require.Equal(t, "done", body(t, res))
	require.Equal(t, []int{http.StatusEarlyHints}, hints)
}

func TestABackendThatFailsIsAnsweredForWithoutInternals(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := ln.Addr().String()
	require.NoError(t, ln.Close())
	garbage := rawBackend(t, func(c net.Conn) { io.WriteString(c, "secret of the backend\r\n\r\n") })
	hangs := rawBackend(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	half := rawBackend(t, func(net.Conn) {})

	w := newWorld(t, http.NotFoundHandler(), members{"routes": []any{
		members{"pattern": "/closed", "public": true, "upstream": "http://" + closed},
		members{"pattern": "/garbage", "public": true, "upstream": "http://" + garbage},
		members{"pattern": "/hangs", "public": true, "upstream": "http://" + hangs},
		members{"pattern": "/half", "public": true, "upstream": "http://" + half},
	}})
	for _, p := range w.server.gateway.proxies {
		p.reverse.Transport.(*http.Transport).ResponseHeaderTimeout = 100 * time.Millisecond
	}
	for _, tc := range []struct {
		name, path string
		status     int
	}{
		{"nobody listens", "/closed", http.StatusBadGateway},
		{"what answers is no HTTP", "/garbage", http.StatusBadGateway},
		{"no answer in time", "/hangs", http.StatusGatewayTimeout},
		{"the connection ends before an answer", "/half", http.StatusBadGateway},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := w.get(tc.path, "")
			require.Equal(t, tc.status, res.StatusCode)
			require.Equal(t, http.StatusText(tc.status), body(t, res))
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		})
	}
	require.NotContains(t, w.logs.String(), "secret")
	require.Contains(t, w.logs.String(), "no answer in time")
}

// rawBackend serves connections, after the head of a request, as handle likes.
func rawBackend(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					handle(c)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func TestHalfAnAnswerIsNotTakenForAWholeOne(t *testing.T) {
	half := rawBackend(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	})
	w := newWorld(t, http.NotFoundHandler(), members{"upstream": "http://" + half})
	res := w.get("/public/x", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	b, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "half", string(b))
}

func TestRoutesAskForWhatTheySay(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), members{"routes": []any{
		members{"pattern": "GET /identity"},
		members{"pattern": "GET /all", "all": []string{"a", "b"}},
		members{"pattern": "GET /any", "any": []string{"a", "b"}},
		members{"pattern": "GET /both", "all": []string{"c"}, "any": []string{"a", "b"}},
		members{"pattern": "GET /claims", "claims": members{"repository": "acme/orders", "email": ""}},
	}})
	for _, tc := range []struct {
		name, path string
		claims     members
		status     int
	}{
		{"a pattern alone asks for an identity", "/identity", members{"scope": ""}, 200},
		{"a method that no route names is refused", "/identity/x", members{"scope": "a b c"}, 403},
		{"all are there", "/all", members{"scope": "b a"}, 200},
		{"one of all is missing", "/all", members{"scope": "a"}, 403},
		{"one of any is there", "/any", members{"scope": "b"}, 200},
		{"none of any is there", "/any", members{"scope": "c"}, 403},
		{"all and any are there", "/both", members{"scope": "c a"}, 200},
		{"all is there and any is not", "/both", members{"scope": "c"}, 403},
		{"any is there and all is not", "/both", members{"scope": "a b"}, 403},
		{"the claims are there", "/claims", members{"repository": "acme/orders", "email": "a@b"}, 200},
		{"a claim has another value", "/claims", members{"repository": "acme/orders2", "email": "a@b"}, 403},
		{"a claim is a list with the value", "/claims", members{"repository": []string{"acme/orders"}, "email": "a@b"}, 403},
		{"a claim is missing", "/claims", members{"email": "a@b"}, 403},
		{"a claim that must be present is null", "/claims", members{"repository": "acme/orders", "email": ""}, 403},
		{"a claim in another case", "/claims", members{"Repository": "acme/orders", "email": "a@b"}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.status, w.get(tc.path, w.token(tc.claims)).StatusCode)
		})
	}
}

func TestARouteMayTrustOneIssuerOnly(t *testing.T) {
	a := newWorld(t, http.NotFoundHandler())
	b := newWorld(t, http.NotFoundHandler())
	issuer := func(w *world) members {
		return members{"issuer": w.issuer.URL(), "audiences": []string{audience}, "insecure_allow_http": true, "jwks_url": w.issuer.KeySetURL()}
	}
	both := &world{t: t, issuer: a.issuer, logs: &logBuffer{}, done: make(chan error, 1)}
	both.start(both.config(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), members{
		"issuers": []any{issuer(a), issuer(b)},
		"routes":  []any{members{"pattern": "/"}, members{"pattern": "/a", "issuers": []string{a.issuer.URL()}}},
	}))
	for _, i := range both.server.gateway.issuers {
		require.NoError(t, i.keys.Refresh(t.Context()))
	}
	require.Equal(t, http.StatusOK, both.get("/", a.token()).StatusCode)
	require.Equal(t, http.StatusOK, both.get("/", b.token()).StatusCode)
	require.Equal(t, http.StatusOK, both.get("/a", a.token()).StatusCode)
	require.Equal(t, http.StatusUnauthorized, both.get("/a", b.token()).StatusCode)
	forged := b.issuer.AccessToken(audience, members{"iss": a.issuer.URL()})
	require.Equal(t, http.StatusUnauthorized, both.get("/", forged).StatusCode, "a key of one issuer verifies no token of another")
}
