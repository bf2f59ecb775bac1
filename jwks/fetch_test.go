package jwks_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

func TestBadAnswersLeaveTheLastGoodSet(t *testing.T) {
	good := keysNamed("k1")
	for _, row := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   jwks.FetchError
	}{
		{"404", 404, nil, good, jwks.FetchError{Class: "status", StatusCode: 404}},
		{"500", 500, nil, good, jwks.FetchError{Class: "status", StatusCode: 500}},
		{"201", 201, nil, good, jwks.FetchError{Class: "status", StatusCode: 201}},
		{"204", 204, nil, "", jwks.FetchError{Class: "status", StatusCode: 204}},
		{"206", 206, nil, good, jwks.FetchError{Class: "status", StatusCode: 206}},
		{"304 that nobody asked for", 304, nil, "", jwks.FetchError{Class: "redirect", StatusCode: 304}},
		{"a redirect", 302, http.Header{"Location": {"https://elsewhere.example.test/keys"}}, "", jwks.FetchError{Class: "redirect", StatusCode: 302}},
		{"a redirect to itself", 307, http.Header{"Location": {keysURL}}, "", jwks.FetchError{Class: "redirect", StatusCode: 307}},
		{"a redirect with a good body", 301, nil, good, jwks.FetchError{Class: "redirect", StatusCode: 301}},
		{"HTML", 200, nil, "<html>log in</html>", jwks.FetchError{Class: "document"}},
		{"keys as HTML", 200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, good, jwks.FetchError{Class: "type"}},
		{"keys as an image", 200, http.Header{"Content-Type": {"image/png"}}, good, jwks.FetchError{Class: "type"}},
		{"a type that is none", 200, http.Header{"Content-Type": {";;"}}, good, jwks.FetchError{Class: "type"}},
		{"garbage", 200, nil, "\x00\xff\xfe", jwks.FetchError{Class: "document"}},
		{"nothing", 200, nil, "", jwks.FetchError{Class: "document"}},
		{"{}", 200, nil, "{}", jwks.FetchError{Class: "document"}},
		{"no keys", 200, nil, `{"keys":[]}`, jwks.FetchError{Class: "no_keys"}},
		{"no usable keys", 200, nil, `{"keys":[null,{"kty":"oct","k":"AAAA"}]}`, jwks.FetchError{Class: "no_keys"}},
		{"truncated", 200, nil, good[:len(good)/2], jwks.FetchError{Class: "document"}},
		{"101 keys", 200, nil, keysNamed(strings.Split(strings.Repeat("k ", 100)+"k", " ")...), jwks.FetchError{Class: "document"}},
		{"a byte above 1 MiB", 200, nil, good + strings.Repeat(" ", 1<<20+1-len(good)), jwks.FetchError{Class: "size"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(good)
				c := u.warm(t)
				u.set(func(u *upstream) { u.status, u.header, u.body = row.status, row.header, row.body })
				time.Sleep(6 * time.Minute)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				err := c.Refresh(t.Context())
				require.Equal(t, &row.want, err)
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				require.Equal(t, 6*time.Minute, c.Status().Age, "a bad answer does not renew the age")

				u.set(func(u *upstream) { u.status, u.header, u.body = 200, http.Header{}, good })
				require.NoError(t, c.Refresh(t.Context()))
				require.Zero(t, c.Status().Age)
			})
		})
	}
}

func TestGoodAnswers(t *testing.T) {
	good := keysNamed("k1")
	for _, contentType := range []string{
		"", "application/json", "application/json; charset=utf-8", "application/jwk-set+json", "Application/JSON", "text/plain; charset=utf-8",
		"application/octet-stream", "binary/octet-stream", "application/json; charset",
	} {
		t.Run(contentType, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(good)
				u.header.Set("Content-Type", contentType)
				require.NoError(t, u.cache(t).Refresh(t.Context()))
			})
		})
	}
	t.Run("exactly 1 MiB", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(good + strings.Repeat(" ", 1<<20-len(good)))
			require.NoError(t, u.cache(t).Refresh(t.Context()))
		})
	})
}

func TestEndlessBodyIsReadToTheCapOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		body := &endless{}
		u := serving("")
		u.respond = func(r *http.Request) (*http.Response, error) {
			a := answer(r, 200, nil, "")
			a.Body = body
			return a, nil
		}
		require.Equal(t, &jwks.FetchError{Class: "size"}, u.cache(t).Refresh(t.Context()))
		require.LessOrEqual(t, body.read, 1<<20+1)
	})
}

// server answers over real HTTP with whatever handler says, and counts.
func server(t *testing.T, handler http.HandlerFunc) (url string, hits *atomic.Int32) {
	t.Helper()
	hits = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, hits
}

// overHTTP fetches once from url.
func overHTTP(t *testing.T, url string, edit ...func(*jwks.Options)) (*jwks.Cache, error) {
	t.Helper()
	o := &jwks.Options{InsecureAllowHTTP: true}
	for _, e := range edit {
		e(o)
	}
	c, err := jwks.New(url, o)
	require.NoError(t, err)
	return c, c.Refresh(t.Context())
}

func brief(o *jwks.Options) { o.Timeout = 300 * time.Millisecond }

func TestOverRealHTTP(t *testing.T) {
	good := keysNamed("k1")
	t.Run("a good answer", func(t *testing.T) {
		url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) })
		c, err := overHTTP(t, url)
		require.NoError(t, err)
		require.Equal(t, "found", ask(t.Context(), c, "k1").word)
	})
	t.Run("a redirect is not followed", func(t *testing.T) {
		var target string
		url, hits := server(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				io.WriteString(w, good)
				return
			}
			http.Redirect(w, r, target, http.StatusFound)
		})
		target = url + "/moved"
		for _, edit := range []func(*jwks.Options){brief, func(o *jwks.Options) {
			o.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
		}} {
			hits.Store(0)
			_, err := overHTTP(t, url, edit)
			require.Equal(t, &jwks.FetchError{Class: "redirect", StatusCode: 302}, err)
			require.EqualValues(t, 1, hits.Load())
		}
	})
	t.Run("a RoundTripper that follows redirects itself", func(t *testing.T) {
		url, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				io.WriteString(w, good)
				return
			}
			http.Redirect(w, r, "/moved", http.StatusFound)
		})
		_, err := overHTTP(t, url, func(o *jwks.Options) {
			o.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.RequestURI = ""
				return http.DefaultClient.Do(r)
			})}
		})
		http.DefaultClient.CloseIdleConnections()
		require.Equal(t, &jwks.FetchError{Class: "redirect"}, err)
	})
	t.Run("one byte at a time", func(t *testing.T) {
		url, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			for i := 0; r.Context().Err() == nil && i < len(good); i++ {
				io.WriteString(w, good[i:i+1])
				http.NewResponseController(w).Flush()
				<-time.After(20 * time.Millisecond)
			}
		})
		_, err := overHTTP(t, url, brief)
		require.Equal(t, &jwks.FetchError{Class: "timeout"}, err)
	})
	t.Run("a server that says nothing", func(t *testing.T) {
		url, _ := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		_, err := overHTTP(t, url, brief)
		require.Equal(t, &jwks.FetchError{Class: "timeout"}, err)
	})
	t.Run("128 MB, announced", func(t *testing.T) {
		url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "134217728")
			w.WriteHeader(200)
		})
		_, err := overHTTP(t, url)
		require.Equal(t, &jwks.FetchError{Class: "size"}, err)
	})
	t.Run("a compressed bomb", func(t *testing.T) {
		bomb := zipped(32 << 20)
		url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb)
		})
		_, err := overHTTP(t, url)
		require.Equal(t, &jwks.FetchError{Class: "size"}, err)
	})
	t.Run("cut off below its Content-Length", func(t *testing.T) {
		url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			io.WriteString(w, good[:len(good)-1])
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		_, err := overHTTP(t, url)
		require.Equal(t, &jwks.FetchError{Class: "transport"}, err)
	})
	t.Run("no HTTP at all, and its words do not reach the error", func(t *testing.T) {
		url := speaks(t, "SSH-2.0-secret\r\n")
		_, err := overHTTP(t, url)
		require.Equal(t, &jwks.FetchError{Class: "transport"}, err)
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("refuses the connection", func(t *testing.T) {
		s := httptest.NewServer(nil)
		s.Close()
		_, err := overHTTP(t, s.URL)
		require.Equal(t, &jwks.FetchError{Class: "connect"}, err)
	})
	t.Run("a name that does not resolve", func(t *testing.T) {
		_, err := overHTTP(t, "http://nobody.invalid/", brief)
		failure, ok := errors.AsType[*jwks.FetchError](err)
		require.True(t, ok)
		require.Contains(t, []string{"dns", "timeout"}, failure.Class) // a resolver may take its time
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) }))
		s.Config.ErrorLog = quiet
		s.StartTLS()
		defer s.Close()
		_, err := overHTTP(t, s.URL)
		require.Equal(t, &jwks.FetchError{Class: "tls"}, err)
		_, err = overHTTP(t, s.URL, func(o *jwks.Options) { o.HTTPClient = s.Client() })
		require.NoError(t, err, "the caller's client knows the CA")
	})
	t.Run("TLS spoken to by plain HTTP", func(t *testing.T) {
		url, _ := server(t, func(http.ResponseWriter, *http.Request) {})
		_, err := overHTTP(t, strings.Replace(url, "http:", "https:", 1))
		require.Equal(t, &jwks.FetchError{Class: "tls"}, err)
	})
}

func TestNoConnectionOutlivesItsFetch(t *testing.T) {
	open := &atomic.Int32{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, keysNamed("k1")) }))
	closed := make(chan struct{}, 10)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		}
	}
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	for range 2 {
		_, err := overHTTP(t, s.URL, func(o *jwks.Options) { o.HTTPClient = s.Client() })
		require.NoError(t, err)
		<-closed
		require.Zero(t, open.Load())
	}
}

func TestValidatorsAreUsed(t *testing.T) {
	for _, row := range []struct{ name, set, value, want string }{
		{"ETag", "ETag", `W/"v1"`, "If-None-Match"},
		{"Last-Modified", "Last-Modified", "Mon, 23 Nov 2026 20:00:00 GMT", "If-Modified-Since"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(keysNamed("k1"))
				u.header.Set(row.set, row.value)
				c := u.warm(t)
				before := keysOf(t, c, "k1")
				u.set(func(u *upstream) {
					u.status, u.body = 304, ""
					u.header.Set("Cache-Control", "max-age=120")
				})
				time.Sleep(4 * time.Minute)
				require.NoError(t, c.Refresh(t.Context()))
				require.Equal(t, row.value, u.last().Header.Get(row.want))
				require.Zero(t, c.Status().Age, "304 renews the age")
				require.Same(t, before[0], keysOf(t, c, "k1")[0])
				require.Equal(t, atOnce("none"), ask(t.Context(), c, "x"), "304 is a fetch that succeeded")

				time.Sleep(2 * time.Minute)
				n := u.fetches()
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				time.Sleep(time.Second)
				require.Equal(t, n+1, u.fetches(), "304 may shorten MaxAge too")
			})
		})
	}
	t.Run("and forgotten after a failure", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			u.header.Set("ETag", "\"a\x01b\"")
			c := u.warm(t)
			u.respond = func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("If-None-Match") != "" {
					return nil, errors.New("no transport sends such a header")
				}
				return answer(r, 200, nil, u.body), nil
			}
			require.Error(t, c.Refresh(t.Context()))
			require.NoError(t, c.Refresh(t.Context()), "a bad validator does not lock us out")
		})
	})
	t.Run("and an unchanged document keeps its keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving(keysNamed("k1"))
			c := u.warm(t)
			before := keysOf(t, c, "k1")
			require.NoError(t, c.Refresh(t.Context()))
			require.Same(t, before[0], keysOf(t, c, "k1")[0])
		})
	})
}

func TestNoStoreIsNoFetchPerRequest(t *testing.T) {
	for _, value := range []string{"no-store", "max-age=0", "private, no-cache, no-store, must-revalidate", "max-age=0, no-store"} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(keysNamed("k1"))
				u.header.Set("Cache-Control", value)
				c := u.warm(t)
				for range 600 { // a minute's worth at ten a second, ten times
					for range 10 {
						require.Equal(t, "found", ask(t.Context(), c, "k1").word)
						time.Sleep(100 * time.Millisecond)
					}
				}
				require.LessOrEqual(t, u.fetches(), 1+10)
				require.GreaterOrEqual(t, u.fetches(), 1+9)
			})
		})
	}
}
