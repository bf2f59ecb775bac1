package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
)

var alice = middleware.Identity{Subject: "alice"}

func TestWhatPassesIsSampledAndWhatDoesNotIsKept(t *testing.T) {
	table := []middleware.Rule{{Pattern: "GET /"}, {Pattern: "DELETE /"}, {Pattern: "GET /public", Public: true}}
	deleting := func() *http.Request { r := get("/"); r.Method = http.MethodDelete; return r }
	for _, row := range []struct {
		name   string
		c      audit.Config
		r      func() *http.Request
		a      middleware.Authenticator
		kept   int // of 1,000
		shares string
	}{
		{"everything, by default", audit.Config{}, func() *http.Request { return get("/") }, as(alice), 1000, ""},
		{"everything", audit.Config{SampleAllowed: 1}, func() *http.Request { return get("/") }, as(alice), 1000, ""},
		{"one of a hundred", audit.Config{SampleAllowed: 100}, func() *http.Request { return get("/") }, as(alice), 10, "100"},
		{"public ones too", audit.Config{SampleAllowed: 100}, func() *http.Request { return get("/public") }, as(alice), 10, "100"},
		{"the first of too few", audit.Config{SampleAllowed: 1e6}, func() *http.Request { return get("/") }, as(alice), 1, "1000000"},
		{"a rule that is always kept", audit.Config{SampleAllowed: 100, KeepRules: []string{"DELETE /"}}, deleting, as(alice), 1000, ""},
		{"and another rule", audit.Config{SampleAllowed: 100, KeepRules: []string{"DELETE /"}}, func() *http.Request { return get("/") }, as(alice), 10, "100"},
		{"every refusal", audit.Config{SampleAllowed: 100}, func() *http.Request { return get("/") }, failing(middleware.ErrRefused), 1000, ""},
		{"everything undecided", audit.Config{SampleAllowed: 100}, func() *http.Request { return get("/") }, failing(errors.New("down")), 1000, ""},
		{"everything limited", audit.Config{SampleAllowed: 100}, func() *http.Request { return get("/") }, failing(middleware.ErrLimited), 1000, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			h := guarded(t, row.a, newTrail(t, slog.NewTextHandler(&out, nil), row.c), table...)
			for range 1000 {
				h.ServeHTTP(deaf{http.Header{}}, row.r())
			}
			got := forms[1].lines(t, out.String())
			require.Len(t, got, row.kept)
			for _, r := range got {
				require.Equal(t, row.shares, r["sampled"])
			}
		})
	}
}

func TestAnOutcomeThatNobodyKnowsIsKept(t *testing.T) {
	var out bytes.Buffer
	trail := newTrail(t, slog.NewTextHandler(&out, nil), audit.Config{SampleAllowed: 1e6})
	for range 3 {
		d := everywhere("x")
		d.Outcome = "something_new"
		trail.Observe(t.Context(), d)
	}
	require.Equal(t, 3, strings.Count(out.String(), "level=WARN"))
}

func TestTheHandlersLevelDropsOnlyWhatPasses(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	trail := newTrail(t, slog.NewTextHandler(&out, &slog.HandlerOptions{Level: &level}), audit.Config{})
	allowed, refused := guarded(t, as(alice), trail, middleware.Rule{Pattern: "/"}), guarded(t, failing(middleware.ErrRefused), trail, middleware.Rule{Pattern: "/"})
	level.Set(slog.LevelError + 1)
	allowed.ServeHTTP(deaf{http.Header{}}, get("/"))
	refused.ServeHTTP(deaf{http.Header{}}, get("/"))
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "outcome=refused")
}

func TestTheAttributesOfALoggerStay(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil)).With("service", "orders").WithGroup("auth")
	guarded(t, as(alice), newTrail(t, logger.Handler(), audit.Config{}), middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, get("/"))
	require.Contains(t, out.String(), "service=orders auth.outcome=allowed")
}

func TestTheHandlerIsGivenTheRequestsContext(t *testing.T) {
	type name struct{}
	seen := ""
	h := handling(func(ctx context.Context, _ slog.Record) error { seen, _ = ctx.Value(name{}).(string); return nil })
	r := get("/")
	r = r.WithContext(context.WithValue(r.Context(), name{}, "trace-1"))
	guarded(t, as(alice), newTrail(t, h, audit.Config{}), middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, r)
	require.Equal(t, "trace-1", seen)
}

// A handler may keep records, in a queue say. What they keep alive is what they say, and not the request line that it was a part of.
func TestARecordKeepsNothingElseAlive(t *testing.T) {
	var kept []slog.Record
	h := handling(func(_ context.Context, r slog.Record) error { kept = append(kept, r); return nil })
	r := get("/")
	line := "GET /orders?x=y bob"
	r.Method, r.URL.Path = line[:3], line[4:11]
	guarded(t, as(middleware.Identity{Subject: line[16:]}), newTrail(t, h, audit.Config{}), middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, r)
	require.Len(t, kept, 1)
	said := map[string]string{"method": "GET", "path": "/orders", "subject": "bob"}
	kept[0].Attrs(func(a slog.Attr) bool {
		if want, ok := said[a.Key]; ok {
			require.Equal(t, want, a.Value.String())
			at := uintptr(unsafe.Pointer(unsafe.StringData(a.Value.String()))) - uintptr(unsafe.Pointer(unsafe.StringData(line)))
			require.Greater(t, at, uintptr(len(line)), a.Key)
			delete(said, a.Key)
		}
		return true
	})
	require.Empty(t, said)
}

// handling is a handler made of its one method.
type handling func(context.Context, slog.Record) error

func (handling) Enabled(context.Context, slog.Level) bool               { return true }
func (f handling) WithAttrs([]slog.Attr) slog.Handler                   { return f }
func (f handling) WithGroup(string) slog.Handler                        { return f }
func (f handling) Handle(ctx context.Context, record slog.Record) error { return f(ctx, record) }

func TestRecordsThatAreLostAreCounted(t *testing.T) {
	full := newTrail(t, handling(func(context.Context, slog.Record) error { return errors.New("disk full") }), audit.Config{})
	h := guarded(t, as(alice), full, middleware.Rule{Pattern: "/"})
	for range 3 {
		h.ServeHTTP(deaf{http.Header{}}, get("/"))
	}
	require.EqualValues(t, 3, full.Lost())
	good := newTrail(t, slog.NewTextHandler(sink{}, nil), audit.Config{})
	guarded(t, as(alice), good, middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, get("/"))
	require.Zero(t, good.Lost())
}

func TestATrailThatNewHasNotMadeLetsNothingPass(t *testing.T) {
	guard, err := middleware.New(as(alice), &middleware.Options{Observer: &audit.Trail{}})
	require.NoError(t, err)
	ran := false
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
	require.Panics(t, func() { h.ServeHTTP(deaf{http.Header{}}, get("/")) })
	require.False(t, ran)
	_, err = middleware.New(as(alice), &middleware.Options{Observer: (*audit.Trail)(nil)})
	require.Error(t, err)
}

func TestMistakesAreReportedTogether(t *testing.T) {
	quiet := slog.NewTextHandler(sink{}, &slog.HandlerOptions{Level: slog.LevelError})
	for _, row := range []struct {
		name string
		h    slog.Handler
		c    audit.Config
		want string
	}{
		{"no handler", nil, audit.Config{Key: key}, "audit: the handler is nil"},
		{"a nil handler", (*slog.JSONHandler)(nil), audit.Config{Key: key}, "audit: the handler is nil"},
		{"a handler that would drop refusals", quiet, audit.Config{Key: key}, "audit: the handler does not take records of level Warn"},
		{"no key", naive{}, audit.Config{}, "audit: Key has 0 bytes, the least is 32"},
		{"everything at once", nil, audit.Config{
			Key: key[:31], SampleAllowed: -1, KeepRules: []string{""}, Headers: []string{"X Token"}, Cookies: []string{"a;b"}, RequestIDHeader: "a:b",
		}, "audit: the handler is nil\naudit: Key has 31 bytes, the least is 32\naudit: SampleAllowed is -1\naudit: KeepRules: no rule has an empty pattern\n" +
			"audit: Headers: nothing has the name \"X Token\"\naudit: Cookies: nothing has the name \"a;b\"\naudit: RequestIDHeader: no header has the name \"a:b\""},
		{"a request id that is a credential", naive{}, audit.Config{Key: key, RequestIDHeader: "authorization"}, "audit: RequestIDHeader: Authorization holds credentials"},
		{"a request id that is a configured credential", naive{}, audit.Config{Key: key, Headers: []string{"X-Token"}, RequestIDHeader: "x-token"}, "audit: RequestIDHeader: X-Token holds credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			trail, err := audit.New(row.h, row.c)
			require.EqualError(t, err, row.want)
			require.Nil(t, trail)
		})
	}
}

func TestWhereARequestComesFromCanBeSaid(t *testing.T) {
	var out bytes.Buffer
	trail := newTrail(t, naive{&out}, audit.Config{Peer: func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }})
	guarded(t, as(alice), trail, middleware.Rule{Pattern: "/"}).ServeHTTP(deaf{http.Header{}}, get("/", "X-Forwarded-For: 192.0.2.7 outcome=allowed"))
	require.Contains(t, out.String(), " peer=192.0.2.7%20outcome%3Dallowed ")
}

func TestAConfigIsCopied(t *testing.T) {
	mine := bytes.Clone(key)
	c := audit.Config{Key: mine, Headers: []string{"X-Token"}, Cookies: []string{"session"}}
	var out bytes.Buffer
	trail := newTrail(t, naive{&out}, c)
	mine[0]++
	c.Headers[0], c.Cookies[0] = "X-Other", "other"
	for _, header := range []string{"Authorization: Bearer t", "X-Token: t", "Cookie: session=t"} {
		d := everywhere("x")
		d.Request = get("/", header)
		trail.Observe(t.Context(), d)
	}
	for _, r := range forms[2].lines(t, out.String()) {
		require.Equal(t, hashOf("t"), r["token"])
	}
}
