package otel

import (
	"context"
	"errors"
	"reflect"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/perimeter-go/perimeter/middleware"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/perimeter-go/perimeter/contrib/otel"

// Options tune a [Telemetry]. The zero value, and nil, mean the defaults.
type Options struct {
	// ByRule adds the attribute perimeter.rule to perimeter.decisions: the pattern of the rule that a request comes under. It takes a
	// few series for each rule.
	ByRule bool
	// NoSpans leaves spans alone.
	NoSpans bool

	_ struct{}
}

// Telemetry is what a service reports of its guards. It is a [middleware.Observer], is safe for concurrent use, and may serve several
// guards. The zero and the nil Telemetry report nothing.
type Telemetry struct {
	byRule, spans bool

	meter      metric.Meter
	decisions  metric.Int64Counter
	durations  metric.Float64Histogram
	refreshes  metric.Int64Counter
	fetching   metric.Float64Histogram
	asked      metric.Int64Counter
	age        metric.Float64ObservableGauge
	count      metric.Int64ObservableGauge
	usable     metric.Int64ObservableGauge
	failures   metric.Int64ObservableGauge
	ofDecision memo[words]
	ofDuration memo[words]
	ofRefresh  memo[pair]
	ofEvent    memo[pair]
}

var _ middleware.Observer = (*Telemetry)(nil)

// New makes the instruments by the provider. It keeps no goroutine and registers no callback.
func New(provider metric.MeterProvider, opts *Options) (*Telemetry, error) {
	if v := reflect.ValueOf(provider); provider == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("otel: the meter provider is nil")
	}
	if opts == nil {
		opts = &Options{}
	}
	t := &Telemetry{byRule: opts.ByRule, spans: !opts.NoSpans, meter: provider.Meter(scope)}
	if err := t.instruments(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Telemetry) instruments() error {
	m := maker{meter: t.meter}
	t.decisions = m.counter("perimeter.decisions", "{decision}", "Decisions of guards.")
	t.durations = m.histogram("perimeter.decision.duration", "Time from a request's arrival at a guard to the decision.", 1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, .01, .05, .1, .5, 1, 5)
	t.refreshes = m.counter("perimeter.keys.refreshes", "{refresh}", "Fetches of key sets.")
	t.fetching = m.histogram("perimeter.keys.refresh.duration", "Time that a fetch of a key set took.", .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5)
	t.asked = m.counter("perimeter.introspection.events", "{event}", "Events of introspection clients.")
	var err error
	t.age, err = t.meter.Float64ObservableGauge("perimeter.keys.age", metric.WithUnit("s"), metric.WithDescription("Time since the last good fetch of a key set."))
	m.note(err)
	t.count = m.gauge("perimeter.keys.count", "{key}", "Usable keys.")
	t.usable = m.gauge("perimeter.keys.usable", "{key_set}", "Whether there are keys that are not too old.")
	t.failures = m.gauge("perimeter.keys.failures", "{refresh}", "Fetches that failed since the last good one.")
	return errors.Join(m.errs...)
}

// A maker makes instruments and collects what is wrong.
type maker struct {
	meter metric.Meter
	errs  []error
}

func (m *maker) note(err error) {
	if err != nil {
		m.errs = append(m.errs, err)
	}
}

func (m *maker) counter(name, unit, description string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.note(err)
	return c
}

func (m *maker) gauge(name, unit, description string) metric.Int64ObservableGauge {
	g, err := m.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.note(err)
	return g
}

func (m *maker) histogram(name, description string, bounds ...float64) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
	m.note(err)
	return h
}

// words are what a decision is counted by.
type words struct{ outcome, reason, credential, how, rule string }

// attributes leaves out what is empty.
func (w words) attributes() (all []attribute.KeyValue) {
	for _, a := range []attribute.KeyValue{
		attribute.String("perimeter.outcome", w.outcome),
		attribute.String("perimeter.reason", w.reason),
		attribute.String("perimeter.credential", w.credential),
		attribute.String("perimeter.how", w.how),
		attribute.String("perimeter.rule", w.rule),
	} {
		if a.Value.AsString() != "" {
			all = append(all, a)
		}
	}
	return all
}

// other stands for w when there are too many. The outcomes are the guard's own.
func (w words) other() words { return words{outcome: w.outcome, reason: overflow} }

// Observe counts d, and writes it on the span in ctx.
func (t *Telemetry) Observe(ctx context.Context, d middleware.Decision) {
	if t == nil || t.decisions == nil {
		return
	}
	w := words{outcome: d.Outcome, reason: d.Reason, credential: d.Credential, how: d.How}
	if span := trace.SpanFromContext(ctx); t.spans && span.IsRecording() {
		whole := w
		whole.rule = d.Rule
		span.SetAttributes(whole.attributes()...)
	}
	t.durations.Record(ctx, d.Duration.Seconds(), t.ofDuration.of(words{outcome: w.outcome, credential: w.credential, how: w.how}).record...)
	if t.byRule {
		w.rule = d.Rule
	}
	t.decisions.Add(ctx, 1, t.ofDecision.of(w).add...)
}
