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
	watched   []metric.Registration // of no use to those who serve
	handler   http.Handler
}

// newMetrics has a registry of its own, which is asked when it is read: it runs nothing and needs no end.
func newMetrics(c *metricsConfig) (*metrics, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	m := &metrics{handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}
	m.telemetry, err = otel.New(sdk.NewMeterProvider(sdk.WithReader(reader)), &otel.Options{ByRule: c.byRoute, NoSpans: true})
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

// watch reports the state of these issuers' keys, in place of those that were watched before.
func (m *metrics) watch(issuers []trusted) error {
	if m == nil {
		return nil
	}
	var errs []error
	for _, before := range m.watched {
		errs = append(errs, before.Unregister())
	}
	m.watched = nil
	for _, i := range issuers {
		r, err := m.telemetry.WatchKeys(i.issuer, i.keys.Status)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.watched = append(m.watched, r)
	}
	return errors.Join(errs...)
}

// events counts what happens to an issuer's introspection.
func (m *metrics) events(issuer string) func(string) {
	if m == nil {
		return func(string) {}
	}
	return m.telemetry.OnIntrospection(issuer)
}

// observers are told one after the other.
type observers []middleware.Observer

func (all observers) Observe(ctx context.Context, d middleware.Decision) {
	for _, o := range all {
		o.Observe(ctx, d)
	}
}
