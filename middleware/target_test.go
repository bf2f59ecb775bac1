package middleware_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
)

// everything lets any request pass that has one reading.
func everything(tb testing.TB) http.Handler {
	tb.Helper()
	return newGuard(tb, as("alice", "")).Routes(newRoutes(tb, middleware.Rule{Pattern: "/", Public: true}))(reached)
}

func TestRequestTargetsOverTheWire(t *testing.T) {
	h := everything(t)
	for _, row := range []struct {
		name, line string
		want       int
	}{
		{"the root", "GET / HTTP/1.1", 200},
		{"a path", "GET /orders/7 HTTP/1.1", 200},
		{"a trailing slash", "GET /orders/ HTTP/1.1", 200},
		{"a query, whatever is in it", "GET /orders?next=//evil/../%2F;a%00 HTTP/1.1", 200},
		{"dots that are part of a name", "GET /a..b/.well-known/...x/v1.2 HTTP/1.1", 200},
		{"an encoded letter", "GET /%6Frders HTTP/1.1", 200},
		{"an encoded blank", "GET /a%20b HTTP/1.1", 200},
		{"an encoded umlaut", "GET /Z%C3%BCrich HTTP/1.1", 200},
		{"a no-break space is no control character", "GET /a%C2%A0b HTTP/1.1", 200},
		{"what RFC 3986 allows in a segment", "GET /a:b@c!$&'()*+,=~-_ HTTP/1.1", 200},
		{"OPTIONS of a path", "OPTIONS /orders HTTP/1.1", 200},

		{"an empty segment", "GET /a//b HTTP/1.1", 400},
		{"an empty first segment", "GET //a HTTP/1.1", 400},
		{"an empty last segment", "GET /a// HTTP/1.1", 400},
		{"two slashes alone", "GET // HTTP/1.1", 400},
		{"a dot segment", "GET /a/./b HTTP/1.1", 400},
		{"a dot segment at the end", "GET /a/. HTTP/1.1", 400},
		{"a dot-dot segment", "GET /a/../b HTTP/1.1", 400},
		{"a dot-dot segment at the end", "GET /a/.. HTTP/1.1", 400},
		{"a dot-dot segment first", "GET /../b HTTP/1.1", 400},
		{"a backslash", `GET /a\b HTTP/1.1`, 400},
		{"a semicolon", "GET /a;b=c HTTP/1.1", 400},
		{"a semicolon before a slash", "GET /admin;/x HTTP/1.1", 400},
		{"a number sign", "GET /a#b HTTP/1.1", 400},
		{"a NUL", "GET /a\x00b HTTP/1.1", 400},
		{"a control character", "GET /a\x01b HTTP/1.1", 400},
		{"a tab", "GET /a\tb HTTP/1.1", 400},
		{"DEL", "GET /a\x7fb HTTP/1.1", 400},
		{"invalid UTF-8", "GET /a\xffb HTTP/1.1", 400},
		{"an encoded slash", "GET /a%2Fb HTTP/1.1", 400},
		{"an encoded slash in lower case", "GET /a%2fb HTTP/1.1", 400},
		{"an encoded backslash", "GET /a%5Cb HTTP/1.1", 400},
		{"an encoded backslash in lower case", "GET /a%5cb HTTP/1.1", 400},
		{"an encoded dot", "GET /a%2Eb HTTP/1.1", 400},
		{"encoded dots", "GET /a/%2e%2E/b HTTP/1.1", 400},
		{"one dot of two encoded", "GET /a/.%2e/b HTTP/1.1", 400},
		{"an encoded percent sign", "GET /a%25b HTTP/1.1", 400},
		{"a slash encoded twice", "GET /a%252Fb HTTP/1.1", 400},
		{"an encoded semicolon", "GET /a%3Bb HTTP/1.1", 400},
		{"an encoded semicolon in lower case", "GET /a%3bb HTTP/1.1", 400},
		{"an encoded question mark", "GET /a%3Fb HTTP/1.1", 400},
		{"an encoded question mark in lower case", "GET /a%3fb HTTP/1.1", 400},
		{"an encoded number sign", "GET /a%23b HTTP/1.1", 400},
		{"an encoded NUL", "GET /a%00b HTTP/1.1", 400},
		{"an encoded line break", "GET /a%0D%0Ab HTTP/1.1", 400},
		{"an encoded DEL", "GET /a%7Fb HTTP/1.1", 400},
		{"an encoded control character above ASCII", "GET /a%C2%85b HTTP/1.1", 400},
		{"the last control character above ASCII", "GET /a%C2%9Fb HTTP/1.1", 400},
		{"a control character behind a letter of the same block", "GET /%C2%A9%C2%80 HTTP/1.1", 400},
		{"encoded invalid UTF-8", "GET /a%FFb HTTP/1.1", 400},
		{"an overlong slash", "GET /a%C0%AFb HTTP/1.1", 400},
		{"an overlong dot", "GET /a/%C0%AE%C0%AE/b HTTP/1.1", 400},
		{"half an escape", "GET /a%2 HTTP/1.1", 400},
		{"an escape of no number", "GET /a%zzb HTTP/1.1", 400},
		{"absolute-form", "GET http://a/orders HTTP/1.1", 400},
		{"absolute-form of another host", "GET http://evil/orders HTTP/1.1", 400},
		{"absolute-form of https", "GET https://a/orders HTTP/1.1", 400},
		{"a scheme without an authority", "GET file:/orders HTTP/1.1", 400},
		{"an opaque target", "GET urn:orders HTTP/1.1", 400},
		{"authority-form", "CONNECT a:443 HTTP/1.1", 400},
		{"CONNECT of a path", "CONNECT /orders HTTP/1.1", 400},
		{"asterisk-form", "OPTIONS * HTTP/1.1", 400},
		{"an asterisk of another method", "GET * HTTP/1.1", 400},
		{"no slash", "GET orders HTTP/1.1", 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, overTheWire(t, h, row.line+"\r\nHost: a\r\nConnection: close\r\n\r\n"))
		})
	}
}

// The bytes of a path are read by tables. This compares them with what they mean, on every short path and on some longer ones.
func TestCanonicalPaths(t *testing.T) {
	h := everything(t)
	canonical := 0
	compare := func(path string) {
		want := http.StatusOK
		if !isCanonical(path) {
			want = http.StatusBadRequest
		}
		w := deaf{http.Header{}}
		status := statusOf{deaf: w}
		h.ServeHTTP(&status, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
		if status.code != want {
			require.Equal(t, want, status.code, "%q", path)
		}
		if want == http.StatusOK {
			canonical++
		}
	}
	parts := []string{
		"/", ".", "a", "~", " ", "%", ";", "?", "#", `\`, "\x00", "\x1f", "\x7f", "\xc2", "\x80", "\x8f", "\x90", "\x9f", "\xa0", "\xbf",
		"\xc0", "\xc1", "\xc3", "\xe0", "\xe1", "\xed", "\xee", "\xf0", "\xf1", "\xf4", "\xf5", "\xff", "\u00e9", "\u0085", "\u65e5", "\U0001f600",
	}
	var every func(path string, more int)
	every = func(path string, more int) {
		compare(path)
		for _, part := range parts {
			if more > 0 {
				every(path+part, more-1)
			}
		}
	}
	every("/", 3)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		path := "/"
		for range random.IntN(12) {
			path += parts[random.IntN(len(parts))%(1+random.IntN(len(parts)))] // mostly the first, which make canonical ones
		}
		compare(path)
	}
	require.Greater(t, canonical, 10_000)
}

// isCanonical is what isCanonicalPath of the package promises, word by word.
func isCanonical(path string) bool {
	for _, r := range path {
		if r < ' ' || 0x7f <= r && r <= 0x9f || strings.ContainsRune(`\;#?%`, r) {
			return false
		}
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return false
		}
	}
	return utf8.ValidString(path)
}

// statusOf keeps the status of an answer.
type statusOf struct {
	deaf

	code int
}

func (s *statusOf) WriteHeader(code int) { s.code = code }

func (s *statusOf) Write(b []byte) (int, error) {
	s.code = cmp.Or(s.code, http.StatusOK)
	return len(b), nil
}

func TestLongPaths(t *testing.T) {
	long := func(before, part string, size int) string {
		return before + strings.Repeat(part, (size-len(before))/len(part))
	}
	for name, h := range map[string]http.Handler{"Routes": everything(t), "Handler": newGuard(t, as("alice", "")).Handler(reached)} {
		for _, row := range []struct {
			name, target string
			want         int
		}{
			{"8 KiB", long("/", "x", 8<<10), 200},
			{"a byte more", long("/", "x", 8<<10+1), 414},
			{"1 MiB", long("/", "x/", 1<<20), 414},
			{"8 KiB with needless escapes", long("/"+strings.Repeat("%41", 128), "x", 8<<10), 200},
			{"a byte more than those", long("/"+strings.Repeat("%41", 128), "x", 8<<10+1), 414},
			{"an escape more than those", "/" + strings.Repeat("%41", 129), 414},
			{"a needless escape among as many as there may be", "/%41" + strings.Repeat("%C3%A9", 63) + "%20", 200},
			{"a needless escape among more", "/%41" + strings.Repeat("%C3%A9", 64), 414},
			{"8 KiB of letters that must be encoded", long("/x", "%C3%A9", 8<<10), 200},
			{"a letter more", long("/xxx", "%C3%A9", 8<<10+2), 414},
			{"8 KiB of such letters, not encoded", long("/x", "\u00e9", 8<<10), 200},
			{"a letter more, not encoded", long("/x", "\u00e9", 8<<10+2), 414},
			{"8 KiB of blanks", long("/x", "%20", 8<<10), 200},
			{"a blank more", long("/xxx", "%20", 8<<10+2), 414},
			{"8 KiB of stars, which are sent as they are", long("/x", "*", 8<<10), 200},
			{"a star more", long("/x", "*", 8<<10+1), 414},
			{"too long, and ambiguous too", long("/", "/", 8<<10+1), 414},
			{"a long query", long("/x?", "x", 1<<20), 200},
		} {
			require.Equal(t, row.want, serve(h, get(row.target)).Code, "%s: %s", name, row.name)
		}
	}
}

// What takes long to read is a path or what comes with it, not both.
func TestLongPathBesideHeaders(t *testing.T) {
	const overhead = len("X-A") + 32
	for name, h := range map[string]http.Handler{"Routes": everything(t), "Handler": newGuard(t, as("alice", "")).Handler(reached)} {
		for _, row := range []struct {
			name    string
			path    string
			headers []int // how long each is, or minus how long two cookies are
			want    int
		}{
			{"a path of 8 KiB and 1 KiB of headers", "/" + strings.Repeat("x", 8<<10-1), []int{1<<10 - overhead}, 200},
			{"a cookie instead of headers", "/" + strings.Repeat("x", 8<<10-1), []int{-(1<<10 - len("Cookie") - 32 - 32)}, 200},
			{"a byte more of cookies", "/" + strings.Repeat("x", 8<<10-1), []int{-(1<<10 - len("Cookie") - 32 - 32 + 1)}, 414},
			{"a byte more of headers", "/" + strings.Repeat("x", 8<<10-1), []int{1<<10 - overhead + 1}, 414},
			{"1 KiB of several headers", "/" + strings.Repeat("x", 8<<10-1), slices.Repeat([]int{64 - overhead}, 16), 200},
			{"an empty header more", "/" + strings.Repeat("x", 8<<10-1), append(slices.Repeat([]int{64 - overhead}, 16), 0), 414},
			{"a path of 512 bytes, and headers of 1 MiB", "/" + strings.Repeat("x", 511), []int{1 << 20}, 200},
			{"a byte more of the path", "/" + strings.Repeat("x", 512), []int{1 << 20}, 414},
			{"a byte more of the path, and as much of headers as may be", "/" + strings.Repeat("x", 512), []int{9<<10 - 513 - overhead}, 200},
			{"a byte more of the path, and one more of headers", "/" + strings.Repeat("x", 512), []int{9<<10 - 512 - overhead}, 414},
			{"needless escapes count as they were sent", "/x" + strings.Repeat("%41", 128) + strings.Repeat("x", 200), []int{9<<10 - 586 - overhead + 1}, 414},
			{"needless escapes, and as much of headers as may be", "/x" + strings.Repeat("%41", 128) + strings.Repeat("x", 200), []int{9<<10 - 586 - overhead}, 200},
			{"other escapes count as what they mean", "/" + strings.Repeat("%C3%A9", 255), []int{1 << 20}, 200},
		} {
			r := get(row.path)
			for _, size := range row.headers {
				if size < 0 { // two cookies
					r.Header["Cookie"] = []string{strings.Repeat("x", -size-1) + ";"}
					continue
				}
				r.Header["X-A"] = append(r.Header["X-A"], strings.Repeat("x", size))
			}
			require.Equal(t, row.want, serve(h, r).Code, "%s: %s", name, row.name)
		}
	}
}

// A router may match the path as it was spelled, or decoded. The rule must be the same either way.
func TestNeedlessEncodingDoesNotChangeTheRule(t *testing.T) {
	routes := newRoutes(t,
		middleware.Rule{Pattern: "GET /docs/welcome", Public: true},
		middleware.Rule{Pattern: "GET /docs/{name}"},
		middleware.Rule{Pattern: "GET /café/{name}"},
		middleware.Rule{Pattern: "GET /open/", Public: true},
	)
	h := newGuard(t, failing(middleware.ErrNoCredentials)).Routes(routes)(reached)
	for _, row := range []struct {
		name, target string
		want         int
		match        string
	}{
		{"as it is", "/docs/welcome", 200, "GET /docs/welcome"},
		{"a letter encoded, which to some is another document", "/docs/%77elcome", 400, ""},
		{"a letter encoded in a literal that no other rule covers", "/d%6Fcs/welcome", 400, ""},
		{"a letter encoded in a variable", "/docs/%78yz", 401, "GET /docs/{name}"},
		{"a plus encoded in a variable", "/docs/a%2Bb", 401, "GET /docs/{name}"},
		{"a letter encoded below a public subtree", "/open/%78", 200, "GET /open/"},
		{"a letter that must be encoded", "/caf%C3%A9/x", 401, "GET /café/{name}"},
		{"the same in lower case, which is not how it is written", "/caf%c3%a9/x", 400, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, get(row.target))
			require.Equal(t, row.want, w.Code)
			require.Equal(t, row.match, routes.Match(get(row.target)))
		})
	}
}

// A path that is refused is refused by the guard and not only by the server in front of it.
func TestPathsOfAURL(t *testing.T) {
	connected := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{})
	h := everything(t)
	handler := newGuard(t, as("alice", "")).Handler(reached)
	for _, row := range []struct {
		name            string
		url             url.URL
		routes, handler int // what Routes and Handler answer
	}{
		{"a path", url.URL{Path: "/a"}, 200, 200},
		{"a RawPath in step", url.URL{Path: "/a b", RawPath: "/a%20b"}, 200, 200},
		{"a RawPath that spells a letter", url.URL{Path: "/ab", RawPath: "/%61b"}, 200, 200},
		{"a RawPath with a bar, as browsers send", url.URL{Path: "/a|b", RawPath: "/a|b"}, 200, 200},
		{"a RawPath of another path", url.URL{Path: "/public", RawPath: "/admin"}, 400, 400},
		{"a RawPath that is longer", url.URL{Path: "/a", RawPath: "/a/b"}, 400, 400},
		{"a RawPath that is shorter", url.URL{Path: "/a/b", RawPath: "/a"}, 400, 400},
		{"a RawPath that hides a slash", url.URL{Path: "/a/b", RawPath: "/a%2fb"}, 400, 400},
		{"a RawPath that hides a dot", url.URL{Path: "/a.b", RawPath: "/a%2Eb"}, 400, 400},
		{"a RawPath with half an escape", url.URL{Path: "/a%6", RawPath: "/a%6"}, 400, 400},
		{"a NUL", url.URL{Path: "/a\x00"}, 400, 400},
		{"a tab", url.URL{Path: "/a\t"}, 400, 400},
		{"invalid UTF-8", url.URL{Path: "/a\xff"}, 400, 400},
		{"a truncated character at the end", url.URL{Path: "/a\xc2"}, 400, 400},
		{"a percent sign", url.URL{Path: "/a%b"}, 400, 400},
		{"a question mark", url.URL{Path: "/a?b"}, 400, 400},
		{"an opaque part beside a path", url.URL{Opaque: "//evil/x", Path: "/a"}, 400, 400},
		{"a host, over a connection", url.URL{Host: "a", Path: "/a"}, 400, 400},
		{"a scheme, over a connection", url.URL{Scheme: "http", Path: "/a"}, 400, 400},
		{"an asterisk", url.URL{Path: "*"}, 400, 400},
		{"no leading slash, as StripPrefix leaves it", url.URL{Path: "a/b"}, 400, 200},
		{"no path at all, as StripPrefix leaves it", url.URL{Path: ""}, 400, 200},
		{"no leading slash and an empty segment", url.URL{Path: "a//b"}, 400, 400},
		{"no leading slash and two dots", url.URL{Path: "../b"}, 400, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get("/").WithContext(connected)
			r.URL = &row.url
			require.Equal(t, row.routes, serve(h, r).Code)
			require.Equal(t, row.handler, serve(handler, r).Code)
		})
	}
}

// However long a path is, and wherever its escapes stand, it is what it was sent as.
func TestPathsThatAreSpelledOtherwise(t *testing.T) {
	h := newGuard(t, as("alice", "")).Handler(reached)
	chance := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "(", "%61", "%62", "%28", "\u00e9", "%c3%a9", "%C3%A9", "c", "d", "e", "f", "g"}
	passed := map[bool]int{}
	for range 50_000 {
		raw := "/"
		for range chance.IntN(30) {
			raw += letters[chance.IntN(len(letters))]
		}
		decoded, err := url.PathUnescape(raw)
		require.NoError(t, err)
		switch at := chance.IntN(len(raw)); chance.IntN(6) { // often they are not the same
		case 0:
			raw = raw[:at] + raw[at+1:]
		case 1:
			raw = raw[:at] + string("ab%4620ef("[chance.IntN(10)]) + raw[at+1:]
		case 2:
			raw += "%61"[:chance.IntN(4)]
		case 3:
			decoded += "ab"[:chance.IntN(3)]
		}
		means, err := url.PathUnescape(raw)
		hidden := strings.ToLower(raw)
		want := err == nil && raw != "" && means == decoded && !strings.Contains(hidden, "%2f") && !strings.Contains(hidden, "%2e")
		r := get("/")
		r.URL = &url.URL{Path: decoded, RawPath: raw}
		if raw == "" { // the path alone counts
			want = true
		}
		passed[want]++
		require.Equal(t, want, serve(h, r).Code == http.StatusOK, "%q %q", decoded, raw)
	}
	require.Greater(t, min(passed[true], passed[false]), 10_000)
}

func TestAHostInATestsURLDoesNoHarm(t *testing.T) {
	require.Equal(t, 200, serve(everything(t), httptest.NewRequest(http.MethodGet, "http://example.com/orders", nil)).Code)
}

func TestARequestWithoutAURLIsRefused(t *testing.T) {
	r := get("/")
	r.URL = nil
	require.Equal(t, 400, serve(everything(t), r).Code)
}

// FuzzRequestPath: what is accepted has one reading. Whoever decodes it, encodes it again, cleans it or routes it ends with the
// path that was judged.
func FuzzRequestPath(f *testing.F) {
	for _, s := range []string{
		"/", "/a/b", "/a%20b/", "/%C3%BC", "//", "/a/../b", "/%2e%2e/", "/a%2fb", "/a;b", `/a\b`, "/a%00", "/*", "*", "http://a/b", "/a|b", "/a%7cb", "/a#b?c",
		"/[x]/{y}", "/%41", "/a//", "/.", "/a%c2%85", "/a?b;//..", "/..a/b..", "/ a", "/%",
	} {
		f.Add(s)
	}
	mux := http.NewServeMux()
	mux.Handle("/", reached)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := get("/").WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{}))
		r.URL, r.RequestURI = u, target
		var judged *url.URL
		h := newGuard(t, as("alice", "")).Routes(newRoutes(t, middleware.Rule{Pattern: "/"}))
		w := serve(h(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { judged = r.URL })), r)
		if judged == nil {
			require.Equal(t, 400, w.Code)
			return
		}
		sent, _, _ := strings.Cut(target, "?")
		decoded, err := url.PathUnescape(sent)
		require.NoError(t, err)
		require.Equal(t, decoded, judged.Path, "the target decodes to the path")
		again, err := url.ParseRequestURI(judged.RequestURI())
		require.NoError(t, err)
		require.Equal(t, judged.Path, again.Path, "what is sent on decodes to the path")
		require.Equal(t, judged.EscapedPath(), again.EscapedPath(), "encoding is stable")
		twice, err := url.PathUnescape(judged.Path)
		require.NoError(t, err)
		require.Equal(t, judged.Path, twice, "decoding twice changes nothing")
		require.Equal(t, strings.TrimSuffix(judged.Path, "/"), strings.TrimSuffix(path.Clean(judged.Path), "/"), "cleaning changes nothing")
		require.Equal(t, strings.Count(sent, "/"), strings.Count(judged.Path, "/"), "no slash was hidden")
		require.True(t, utf8.ValidString(judged.Path))
		require.NotContains(t, judged.Path, "\x00")
		require.Equal(t, 200, serve(mux, r).Code, "ServeMux does not redirect it")
	})
}
