package audit_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
	"github.com/perimeter-go/perimeter/token"
)

const audience = "orders-api"

var key = bytes.Repeat([]byte{7}, 32)

// answering is an authenticator made of its one method.
type answering func(r *http.Request) (middleware.Identity, error)

func (f answering) Authenticate(r *http.Request) (middleware.Identity, error) { return f(r) }

// as lets everybody be this one.
func as(id middleware.Identity) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) { return id, nil })
}

func failing(err error) middleware.Authenticator {
	return answering(func(*http.Request) (middleware.Identity, error) { return middleware.Identity{}, err })
}

var reached = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

func get(path string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func newTrail(tb testing.TB, h slog.Handler, c audit.Config) *audit.Trail {
	tb.Helper()
	if c.Key == nil {
		c.Key = key
	}
	trail, err := audit.New(h, c)
	require.NoError(tb, err)
	return trail
}

func guarded(tb testing.TB, a middleware.Authenticator, o middleware.Observer, rules ...middleware.Rule) http.Handler {
	tb.Helper()
	guard, err := middleware.New(a, &middleware.Options{Observer: o})
	require.NoError(tb, err)
	routes, err := middleware.NewRoutes(rules...)
	require.NoError(tb, err)
	return guard.Routes(routes)(reached)
}

// anyKey has the issuer's key under every name.
type anyKey struct{ *localissuer.Issuer }

func (k anyKey) PublicKeys(ctx context.Context, _, alg string) ([]crypto.PublicKey, error) {
	return k.Issuer.PublicKeys(ctx, k.KeyID(alg), alg)
}

func newVerifier(tb testing.TB, i *localissuer.Issuer) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(anyKey{i}, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, nil)
	require.NoError(tb, err)
	return v
}

// A form is one way to write records down, and to read one line of it.
type form struct {
	name  string
	write func(io.Writer) slog.Handler
	read  func(line string) (map[string]string, error)
}

var forms = []form{
	{"JSON", func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, readJSON},
	{"text", func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }, readText},
	{"a handler that quotes nothing", func(w io.Writer) slog.Handler { return naive{w} }, readText},
}

// naive writes what it is given.
type naive struct{ w io.Writer }

func (naive) Enabled(context.Context, slog.Level) bool { return true }
func (n naive) WithAttrs([]slog.Attr) slog.Handler     { return n }
func (n naive) WithGroup(string) slog.Handler          { return n }
func (n naive) Handle(_ context.Context, r slog.Record) error {
	line := "level=" + r.Level.String() + " msg=" + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.Key + "=" + a.Value.String(); return true })
	_, err := io.WriteString(n.w, line+"\n")
	return err
}

// readJSON reads an object of strings and numbers, whose members occur once.
func readJSON(line string) (map[string]string, error) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no object: %v %w", t, err)
	}
	found := map[string]string{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		if err := note(found, fmt.Sprint(name), fmt.Sprint(value)); err != nil {
			return nil, err
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || d.InputOffset() != int64(len(line)) {
		return nil, fmt.Errorf("text after the object: %v %w", t, err)
	}
	return found, nil
}

// readText reads name=value, separated by one blank, as people do with cut and grep: nothing is quoted.
func readText(line string) (map[string]string, error) {
	found := map[string]string{}
	for field := range strings.SplitSeq(line, " ") {
		name, value, ok := strings.Cut(field, "=")
		if !ok || strings.ContainsAny(value, `"=`) {
			return nil, fmt.Errorf("no field: %q", field)
		}
		if err := note(found, name, value); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func note(found map[string]string, name, value string) error {
	if _, twice := found[name]; twice {
		return fmt.Errorf("%q stands there twice", name)
	}
	found[name] = value
	return nil
}

// lines reads what has been written, one record a line, each value decoded. Of the members that a handler adds it keeps level.
func (f form) lines(tb testing.TB, written string) (all []map[string]string) {
	tb.Helper()
	for line := range strings.Lines(written) {
		body, ended := strings.CutSuffix(line, "\n")
		require.True(tb, ended)
		record, err := f.read(body)
		require.NoError(tb, err, line)
		require.Equal(tb, "decision", record["msg"])
		for name, value := range record {
			if decoded, err := url.PathUnescape(value); err == nil {
				record[name] = decoded
			}
		}
		delete(record, "msg")
		delete(record, "time")
		all = append(all, record)
	}
	return all
}
