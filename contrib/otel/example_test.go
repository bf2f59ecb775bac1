package otel_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/perimeter-go/perimeter/contrib/otel"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
)

// nobody stands for a real authenticator, such as middleware.JWT.
type nobody struct{}

func (nobody) Authenticate(*http.Request) (middleware.Identity, error) {
	return middleware.Identity{}, middleware.ErrRefused
}

// observers tells each of several.
type observers []middleware.Observer

func (o observers) Observe(ctx context.Context, d middleware.Decision) {
	for _, each := range o {
		each.Observe(ctx, d)
	}
}

func Example() {
	reader := sdk.NewManualReader() // in a service an exporter, such as that of Prometheus
	telemetry, err := otel.New(sdk.NewMeterProvider(sdk.WithReader(reader)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	trail, err := audit.New(slog.NewJSONHandler(os.Stderr, nil), audit.Config{Key: make([]byte, 32), SampleAllowed: 100}) // a key from your secrets
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := middleware.New(nobody{}, &middleware.Options{Observer: observers{telemetry, trail}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		guard.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders/7", nil))
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			for _, p := range sum.DataPoints {
				fmt.Println(m.Name, p.Value, p.Attributes.Encoded(attribute.DefaultEncoder()))
			}
		}
	}
	// Output:
	// perimeter.decisions 3 perimeter.outcome=refused,perimeter.reason=refused
}
