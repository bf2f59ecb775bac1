package audit_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
)

// sink is a writer that costs nothing; io.Discard would let slog do nothing.
type sink struct{}

func (sink) Write(b []byte) (int, error) { return len(b), nil }

// deaf is a ResponseWriter that costs nothing.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header         { return d.header }
func (d deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d deaf) WriteHeader(int)             {}

// BenchmarkAudit shows what a trail costs beside the same guard without one, in the same run.
func BenchmarkAudit(b *testing.B) {
	i := localissuer.New("https://id.example")
	raw := i.AccessToken(audience)
	claims, err := newVerifier(b, i).Verify(b.Context(), raw)
	require.NoError(b, err)
	known := as(middleware.Identity{Subject: claims.Subject(), Issuer: claims.Issuer(), ClientID: claims.ClientID(), Token: claims})
	json, text := slog.NewJSONHandler(sink{}, nil), slog.NewTextHandler(sink{}, nil)
	for _, bench := range []struct {
		name string
		o    middleware.Observer
	}{
		{"off", nil},
		{"no record is kept", newTrail(b, slog.NewTextHandler(sink{}, &slog.HandlerOptions{Level: slog.LevelWarn}), audit.Config{})},
		{"one of 100, JSON", newTrail(b, json, audit.Config{SampleAllowed: 100})},
		{"all, a handler that does nothing", newTrail(b, still{}, audit.Config{})},
		{"all, JSON", newTrail(b, json, audit.Config{})},
		{"all, text", newTrail(b, text, audit.Config{})},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := guarded(b, known, bench.o, middleware.Rule{Pattern: "GET /orders/{id}"})
			r, w := get("/orders/7", "Authorization: Bearer "+raw), deaf{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
	verified := middleware.JWT(newVerifier(b, i))
	for _, bench := range []struct {
		name string
		o    middleware.Observer
	}{{"ES256 verified, off", nil}, {"ES256 verified, all, JSON", newTrail(b, json, audit.Config{})}} {
		b.Run(bench.name, func(b *testing.B) {
			h := guarded(b, verified, bench.o, middleware.Rule{Pattern: "GET /orders/{id}"})
			r, w := get("/orders/7", "Authorization: Bearer "+raw), deaf{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// still is a handler that does nothing.
type still struct{ slog.Handler }

func (still) Enabled(context.Context, slog.Level) bool  { return true }
func (still) Handle(context.Context, slog.Record) error { return nil }

func TestWhatIsNotKeptCostsNoAllocation(t *testing.T) {
	trail := newTrail(t, still{}, audit.Config{SampleAllowed: 1 << 40})
	h := guarded(t, as(alice), trail, middleware.Rule{Pattern: "/"})
	r, w := get("/", "Authorization: Bearer t"), deaf{http.Header{}}
	h.ServeHTTP(w, r)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }), 2.0)
}
