package audit_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
	"github.com/perimeter-go/perimeter/scope"
)

type record = map[string]string

func TestWhatIsWrittenDown(t *testing.T) {
	i := localissuer.New("https://id.example")
	good, late := i.AccessToken(audience, map[string]any{"sub": "alice"}), i.AccessToken(audience, map[string]any{"exp": 1})
	h := func(trail *audit.Trail) http.Handler {
		return guarded(t, middleware.JWT(newVerifier(t, i)), trail,
			middleware.Rule{Pattern: "GET /orders/{id}"},
			middleware.Rule{Pattern: "GET /admin", Scope: scope.All("admin")},
			middleware.Rule{Pattern: "GET /healthz", Public: true},
		)
	}
	alice := record{"credential": "jwt", "how": "checked", "subject": "alice", "client": "client-1", "issuer": "https://id.example", "key_id": i.KeyID("ES256")}
	with := func(base, more record) record {
		all := maps.Clone(base)
		maps.Copy(all, more)
		return all
	}
	for _, row := range []struct {
		name   string
		r      *http.Request
		want   record
		hashed bool
	}{
		{"a request that passes", get("/orders/7?secret=1", "Authorization: Bearer "+good, "X-Request-Id: r-1"), with(alice, record{"level": "INFO", "outcome": "allowed", "reason": "allowed", "path": "/orders/7", "rule": "/orders/{id}", "request_id": "r-1"}), true},
		{"a public route", get("/healthz"), record{"level": "INFO", "outcome": "public", "reason": "public", "path": "/healthz", "rule": "/healthz"}, false},
		{"a scope that was not granted", get("/admin", "Authorization: Bearer "+good), with(alice, record{"level": "WARN", "outcome": "insufficient_scope", "reason": "insufficient_scope", "status": "403", "path": "/admin", "rule": "/admin"}), true},
		{"an expired token", get("/orders/7", "Authorization: Bearer "+late), record{"level": "WARN", "outcome": "refused", "reason": "expired", "status": "401", "credential": "jwt", "path": "/orders/7", "rule": "/orders/{id}"}, true},
		{"nothing presented", get("/orders/7"), record{"level": "WARN", "outcome": "no_credentials", "reason": "no_credentials", "status": "401", "path": "/orders/7", "rule": "/orders/{id}"}, false},
		{"a password is not hashed", get("/orders/7", "Authorization: Basic YWxpY2U6c2VjcmV0"), record{"level": "WARN", "outcome": "refused", "reason": "refused", "status": "401", "path": "/orders/7", "rule": "/orders/{id}"}, false},
		{"no rule", get("/other"), record{"level": "WARN", "outcome": "no_rule", "reason": "no_rule", "status": "403", "path": "/other"}, false},
		{"a path that is too long, as far as a record goes", get("/" + strings.Repeat("x", 8<<10)), record{"level": "WARN", "outcome": "target_too_long", "reason": "target_too_long", "status": "414", "path": "/" + strings.Repeat("x", 251) + "%cut"}, false},
		{"nor is it decoded", get("/public%2F..%2Fadmin/" + strings.Repeat("x", 8<<10)), record{"level": "WARN", "outcome": "target_too_long", "reason": "target_too_long", "status": "414", "path": "/public%252F..%252Fadmin/" + strings.Repeat("x", 227) + "%cut"}, false},
		{"nor if that is the usual way", get("/%20" + strings.Repeat("x", 8<<10)), record{"level": "WARN", "outcome": "target_too_long", "reason": "target_too_long", "status": "414", "path": "/%2520" + strings.Repeat("x", 246) + "%cut"}, false},
		{"an ambiguous target as it came", get("/orders%2F7"), record{"level": "WARN", "outcome": "ambiguous_target", "reason": "ambiguous_target", "status": "400", "path": "/orders%2F7"}, false},
		{"an encoded path as it was judged", get("/orders/%C3%BC%20b"), record{"level": "WARN", "outcome": "no_credentials", "reason": "no_credentials", "status": "401", "path": "/orders/ü b", "rule": "/orders/{id}"}, false},
		{"two request ids are none", get("/orders/7", "X-Request-Id: a", "X-Request-Id: b"), record{"level": "WARN", "outcome": "no_credentials", "reason": "no_credentials", "status": "401", "path": "/orders/7", "rule": "/orders/{id}"}, false},
	} {
		for _, f := range forms {
			t.Run(row.name+", "+f.name, func(t *testing.T) {
				var out bytes.Buffer
				h(newTrail(t, f.write(&out), audit.Config{RequestIDHeader: "x-request-id"})).ServeHTTP(deaf{http.Header{}}, row.r)
				got := f.lines(t, out.String())
				require.Len(t, got, 1)
				require.Regexp(t, `^[0-9]+$`, got[0]["latency_ns"])
				require.Equal(t, row.hashed, got[0]["token"] != "")
				delete(got[0], "latency_ns")
				delete(got[0], "token")
				want := with(row.want, record{"method": "GET", "peer": row.r.RemoteAddr})
				if rule := want["rule"]; rule != "" {
					want["rule"] = "GET " + rule
				}
				require.Equal(t, want, got[0])
				require.NotContains(t, out.String(), good)
				require.NotContains(t, out.String(), "secret")
			})
		}
	}
}

// hostile is what must not reach a log as it is.
var hostile = []struct{ name, value string }{
	{"a line break", "alice\nlevel=INFO msg=decision outcome=allowed"},
	{"a carriage return", "alice\r\ntime=now"},
	{"a field", "alice outcome=allowed"},
	{"a quote", `alice" outcome="allowed`},
	{"the end of a JSON string", `alice","outcome":"allowed`},
	{"a backslash", `alice\nb\`},
	{"a colour", "\x1b[31malice\x1b[0m"},
	{"a terminal's title", "\x1b]0;owned\a"},
	{"C1 controls, raw and as UTF-8", "\x9b31m\u009b31m"},
	{"NUL, BEL, backspace, delete", "a\x00\a\b\x7f"},
	{"Unicode line separators", "a\u2028b\u2029c\u0085d"},
	{"bidirectional controls", "\u202eecila\u202c\u2066x\u2069\u200f"},
	{"zero width", "al\u200bice\ufeff"},
	{"invalid UTF-8", "\xff\xfe\xc0\x80\xed\xa0\x80"},
	{"a homograph", "аlice"},
	{"markup", "<script>alert(1)</script>&`x`"},
	{"what looks encoded", "alice%0Abob%cut%"},
	{"a tab and blanks", " \talice\u00a0"},
}

func TestNothingThatIsSentEndsAField(t *testing.T) {
	for _, row := range hostile {
		for _, f := range forms {
			t.Run(row.name+", "+f.name, func(t *testing.T) {
				var out bytes.Buffer
				trail := newTrail(t, f.write(&out), audit.Config{RequestIDHeader: "X-Request-Id"})
				trail.Observe(t.Context(), everywhere(row.value))
				requireOneLine(t, f, out.String(), row.value)
			})
		}
	}
}

// everywhere is a decision that holds s wherever something untrusted can stand.
func everywhere(s string) middleware.Decision {
	return middleware.Decision{
		Request: &http.Request{Method: s, URL: &url.URL{Path: s, RawQuery: s}, RemoteAddr: s, Header: http.Header{"X-Request-Id": {s}, "Authorization": {"Bearer " + s}}},
		Rule:    s, Outcome: "refused", Reason: s, Status: 401, Credential: s, How: s, Err: errors.New(s),
		Identity: middleware.Identity{Subject: s, Issuer: s, ClientID: s},
	}
}

// requireOneLine holds what was written of everywhere(s) to the promise of the package.
func requireOneLine(tb testing.TB, f form, written, s string) {
	tb.Helper()
	require.Equal(tb, 1, strings.Count(written, "\n"))
	line, _ := strings.CutSuffix(written, "\n")
	require.Equal(tb, -1, strings.IndexFunc(line, func(c rune) bool { return c < ' ' || c > '~' }), "%q", line)
	raw, err := f.read(line)
	require.NoError(tb, err)
	require.Equal(tb, "refused", raw["outcome"])
	require.Equal(tb, "WARN", raw["level"])
	for _, name := range []string{"reason", "method", "path", "rule", "credential", "how", "subject", "client", "issuer", "peer", "request_id"} {
		written, present := raw[name]
		require.Equal(tb, s != "", present, name)
		require.LessOrEqual(tb, len(written), 256, name)
		require.False(tb, strings.ContainsAny(written, " \"\\=<>`'"), "%s: %q", name, written)
		start, wasCut := strings.CutSuffix(written, "%cut")
		value, err := url.PathUnescape(start)
		require.NoError(tb, err)
		require.Equal(tb, wasCut, value != s, name)
		require.True(tb, strings.HasPrefix(s, value), name)
		require.True(tb, !wasCut || len(written) > 256-3-len("%cut")-1, "%s: more could have been kept: %q", name, written)
	}
}

func TestALongValueIsCut(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"what just fits", strings.Repeat("a", 256), strings.Repeat("a", 256)},
		{"one more", strings.Repeat("a", 257), strings.Repeat("a", 252) + "%cut"},
		{"encoded bytes that just fit", strings.Repeat("\n", 85) + "a", strings.Repeat("%0A", 85) + "a"},
		{"an encoded byte too many", strings.Repeat("\n", 86), strings.Repeat("%0A", 84) + "%cut"},
		{"a megabyte", strings.Repeat("é", 1<<19), strings.Repeat("%C3%A9", 42) + "%cut"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			newTrail(t, naive{&out}, audit.Config{}).Observe(t.Context(), everywhere(row.value))
			got, err := readText(strings.TrimSuffix(out.String(), "\n"))
			require.NoError(t, err)
			require.Equal(t, row.want, got["subject"])
			require.Less(t, out.Len(), 4<<10, "the whole record")
		})
	}
}

func TestWhatComesOverAConnection(t *testing.T) {
	var out bytes.Buffer
	trail := newTrail(t, slog.NewTextHandler(&out, nil), audit.Config{RequestIDHeader: "X-Request-Id"})
	server := httptest.NewServer(guarded(t, failing(middleware.ErrRefused), trail, middleware.Rule{Pattern: "/"}))
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /%1B[2J%0Alevel=INFO?token=secret HTTP/1.1\r\nHost: x\r\nX-Request-Id: \x9b2J\ta=\"b\xe2\x80\xae\r\nAuthorization: Bearer secret\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	server.Close()
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.NotContains(t, out.String(), "secret")
	got := forms[1].lines(t, out.String())
	require.Len(t, got, 1)
	require.Equal(t, "/%1B[2J%0Alevel=INFO", got[0]["path"])
	require.Equal(t, "\x9b2J\ta=\"b\xe2\x80\xae", got[0]["request_id"])
	require.Equal(t, c.LocalAddr().String(), got[0]["peer"])
	require.Equal(t, hashOf("secret"), got[0]["token"])
}

func TestTheIssuersKeyIDsAreNoLogText(t *testing.T) {
	i := localissuer.New("https://id.example")
	raw := i.AccessToken(audience)
	payload := newVerifierClaims(t, i, raw)
	forged := i.Sign("ES256", map[string]any{"kid": "k\n\x1b[2Jlevel=INFO"}, payload)
	var out bytes.Buffer
	trail := newTrail(t, slog.NewTextHandler(&out, nil), audit.Config{})
	guarded(t, middleware.JWT(newVerifier(t, i)), trail, middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, get("/", "Authorization: Bearer "+forged))
	require.Contains(t, out.String(), " key_id=k%0A%1B[2Jlevel%3DINFO ")
}

func newVerifierClaims(t *testing.T, i *localissuer.Issuer, raw string) []byte {
	t.Helper()
	claims, err := newVerifier(t, i).Verify(t.Context(), raw)
	require.NoError(t, err)
	return claims.Payload()
}

func FuzzARecordIsOneLineThatReadsBack(f *testing.F) {
	f.Add("")
	f.Add(strings.Repeat("%", 300))
	for _, row := range hostile {
		f.Add(row.value)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, form := range forms {
			var out bytes.Buffer
			newTrail(t, form.write(&out), audit.Config{RequestIDHeader: "X-Request-Id"}).Observe(t.Context(), everywhere(s))
			requireOneLine(t, form, out.String(), s)
		}
	})
}
