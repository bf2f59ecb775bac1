package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/perimeter-go/perimeter/contrib/otel"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
)

// metrics are counted by OpenTelemetry and served in the form of Prometheus. A nil *metrics counts nothing.
type metrics struct {
	telemetry *otel.Telemetry
	provider  *sdk.MeterProvider
	watched   []metric.Registration
	handler   http.Handler
}

// newMetrics has a registry of its own, so that a gateway that replaces another counts for itself.
func newMetrics(c *metricsConfig) (*metrics, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	m := &metrics{provider: sdk.NewMeterProvider(sdk.WithReader(reader)), handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}
	m.telemetry, err = otel.New(m.provider, &otel.Options{ByRule: c.byRoute, NoSpans: true})
	return m, err
}

// refreshes tells the log and the metrics of each fetch of an issuer's keys.
func (m *metrics) refreshes(issuer string, log *slog.Logger) func(jwks.Refresh) {
	logged := keyLog(log.With("issuer", issuer))
	if m == nil {
		return logged
	}
	counted := m.telemetry.OnRefresh(issuer)
	return func(r jwks.Refresh) {
		logged(r)
		counted(r)
	}
}

func (m *metrics) watch(issuer string, keys *jwks.Cache) error {
	if m == nil {
		return nil
	}
	r, err := m.telemetry.WatchKeys(issuer, keys.Status)
	m.watched = append(m.watched, r)
	return err
}

// events counts what happens to an issuer's introspection.
func (m *metrics) events(issuer string) func(string) {
	if m == nil {
		return func(string) {}
	}
	return m.telemetry.OnIntrospection(issuer)
}

func (m *metrics) close() error {
	if m == nil {
		return nil
	}
	var errs []error
	for _, r := range m.watched {
		errs = append(errs, r.Unregister())
	}
	return errors.Join(append(errs, m.provider.Shutdown(context.Background()))...)
}

// observers are told one after the other.
type observers []middleware.Observer

func (all observers) Observe(ctx context.Context, d middleware.Decision) {
	for _, o := range all {
		o.Observe(ctx, d)
	}
}
