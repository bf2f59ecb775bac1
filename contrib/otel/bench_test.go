package otel_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/perimeter-go/perimeter/contrib/otel"
	"github.com/perimeter-go/perimeter/middleware"
)

// deaf is a ResponseWriter that costs nothing.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header         { return d.header }
func (d deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d deaf) WriteHeader(int)             {}

// somebody is the least an authenticator can do.
type somebody struct{}

func (somebody) Authenticate(*http.Request) (middleware.Identity, error) {
	return middleware.Identity{Subject: "alice"}, nil
}

// BenchmarkTelemetry shows what it costs beside the same guard without it, in the same run.
func BenchmarkTelemetry(b *testing.B) {
	nothing, err := otel.New(noop.NewMeterProvider(), nil)
	require.NoError(b, err)
	tracer := trace.NewTracerProvider().Tracer("test")
	for _, bench := range []struct {
		name   string
		o      middleware.Observer
		traced bool
	}{
		{"off", nil, false},
		{"no SDK", nothing, false},
		{"counted and timed", newWorld(b, nil), false},
		{"counted and timed, by rule", newWorld(b, &otel.Options{ByRule: true}), false},
		{"off, in a span", nil, true},
		{"counted and timed, on a span", newWorld(b, nil), true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := guarded(b, somebody{}, bench.o)
			r, w := httptest.NewRequest(http.MethodGet, "/orders/7", nil), deaf{http.Header{}}
			if bench.traced {
				ctx, span := tracer.Start(b.Context(), "request")
				defer span.End()
				r = r.WithContext(ctx)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
