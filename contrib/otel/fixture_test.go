package otel_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/perimeter-go/perimeter/contrib/otel"
	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

const audience = "orders-api"

// A world is a Telemetry, and what has been collected of it.
type world struct {
	*otel.Telemetry

	reader *sdk.ManualReader
}

func newWorld(tb testing.TB, opts *otel.Options) world {
	tb.Helper()
	reader := sdk.NewManualReader()
	telemetry, err := otel.New(sdk.NewMeterProvider(sdk.WithReader(reader)), opts)
	require.NoError(tb, err)
	return world{telemetry, reader}
}

// A sample is one series: its value, or for a histogram how many values it has.
type sample struct {
	metric, labels string
	value          float64
}

// samples collects every series, in the order of instruments.
func (w world) samples(tb testing.TB) (all []sample) {
	tb.Helper()
	var found metricdata.ResourceMetrics
	require.NoError(tb, w.reader.Collect(tb.Context(), &found))
	for _, s := range found.ScopeMetrics {
		require.Equal(tb, "github.com/perimeter-go/perimeter/contrib/otel", s.Scope.Name)
		for _, m := range s.Metrics {
			all = append(all, samplesOf(tb, m)...)
		}
	}
	return all
}

func samplesOf(tb testing.TB, m metricdata.Metrics) (all []sample) {
	tb.Helper()
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		require.True(tb, data.IsMonotonic, m.Name)
		for _, p := range data.DataPoints {
			all = append(all, sample{m.Name, labels(p.Attributes), float64(p.Value)})
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			all = append(all, sample{m.Name, labels(p.Attributes), float64(p.Value)})
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			all = append(all, sample{m.Name, labels(p.Attributes), p.Value})
		}
	case metricdata.Histogram[float64]:
		require.Equal(tb, "s", m.Unit, m.Name)
		for _, p := range data.DataPoints {
			all = append(all, sample{m.Name, labels(p.Attributes), float64(p.Count)})
		}
	default:
		require.Fail(tb, "unexpected data", "%T", data)
	}
	return all
}

func labels(set attribute.Set) string {
	var all []string
	for _, kv := range set.ToSlice() {
		all = append(all, fmt.Sprintf("%s=%s", strings.TrimPrefix(string(kv.Key), "perimeter."), kv.Value.AsString()))
	}
	return strings.Join(all, " ")
}

func newVerifier(tb testing.TB, i *localissuer.Issuer) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(i, token.Policy{Issuer: i.URL(), Audiences: []string{audience}}, nil)
	require.NoError(tb, err)
	return v
}

// guarded is an API with a few rules.
func guarded(tb testing.TB, a middleware.Authenticator, o middleware.Observer) http.Handler {
	tb.Helper()
	guard, err := middleware.New(a, &middleware.Options{Observer: o})
	require.NoError(tb, err)
	routes, err := middleware.NewRoutes(
		middleware.Rule{Pattern: "GET /orders/{id}"},
		middleware.Rule{Pattern: "GET /admin/", Scope: scope.All("admin")},
		middleware.Rule{Pattern: "GET /healthz", Public: true},
	)
	require.NoError(tb, err)
	return guard.Routes(routes)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

func serve(h http.Handler, path, token string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func countOf(samples []sample, metric string) (n int) {
	for _, s := range samples {
		if s.metric == metric {
			n++
		}
	}
	return n
}
