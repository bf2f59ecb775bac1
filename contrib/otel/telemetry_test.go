package otel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/perimeter-go/perimeter/contrib/otel"
	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
)

func TestDecisionsAreCountedAndTimed(t *testing.T) {
	i := localissuer.New("https://id.example")
	w := newWorld(t, nil)
	h := guarded(t, middleware.JWT(newVerifier(t, i)), w)
	good := i.AccessToken(audience)
	serve(h, "/orders/7", good)
	serve(h, "/orders/8", good)
	serve(h, "/admin/users", good)
	serve(h, "/orders/7", i.AccessToken(audience, map[string]any{"exp": 1}))
	serve(h, "/orders/7", "")
	serve(h, "/healthz", "")
	serve(h, "/other", "")
	require.ElementsMatch(t, []sample{
		{"perimeter.decisions", "credential=jwt how=checked outcome=allowed reason=allowed", 2},
		{"perimeter.decisions", "credential=jwt how=checked outcome=insufficient_scope reason=insufficient_scope", 1},
		{"perimeter.decisions", "credential=jwt outcome=refused reason=expired", 1},
		{"perimeter.decisions", "outcome=no_credentials reason=no_credentials", 1},
		{"perimeter.decisions", "outcome=public reason=public", 1},
		{"perimeter.decisions", "outcome=no_rule reason=no_rule", 1},
		{"perimeter.decision.duration", "credential=jwt how=checked outcome=allowed", 2},
		{"perimeter.decision.duration", "credential=jwt how=checked outcome=insufficient_scope", 1},
		{"perimeter.decision.duration", "credential=jwt outcome=refused", 1},
		{"perimeter.decision.duration", "outcome=no_credentials", 1},
		{"perimeter.decision.duration", "outcome=public", 1},
		{"perimeter.decision.duration", "outcome=no_rule", 1},
	}, w.samples(t))
}

func TestDecisionsCanBeCountedByRule(t *testing.T) {
	i := localissuer.New("https://id.example")
	w := newWorld(t, &otel.Options{ByRule: true})
	h := guarded(t, middleware.JWT(newVerifier(t, i)), w)
	serve(h, "/orders/7", i.AccessToken(audience))
	serve(h, "/orders/8", i.AccessToken(audience))
	require.Contains(t, w.samples(t), sample{"perimeter.decisions", "credential=jwt how=checked outcome=allowed reason=allowed rule=GET /orders/{id}", 2})
}

// Ten thousand requests that differ in token, path, subject, client and scope make as many series as one of each kind.
func TestWhatClientsSendMakesNoSeries(t *testing.T) {
	i := localissuer.New("https://id.example")
	for _, byRule := range []bool{false, true} {
		w := newWorld(t, &otel.Options{ByRule: byRule})
		h := guarded(t, middleware.JWT(newVerifier(t, i)), w)
		round := func(n int) {
			unique := fmt.Sprintf("unique%d", n)
			switch n % 5 {
			case 0:
				serve(h, "/orders/"+unique, i.AccessToken(audience, map[string]any{"sub": unique, "client_id": unique, "jti": unique, "scope": unique}))
			case 1:
				serve(h, "/admin/"+unique, i.AccessToken(audience, map[string]any{"sub": unique}))
			case 2:
				serve(h, "/"+unique, "")
			case 3:
				serve(h, "/orders/7", unique+"."+unique+"."+unique)
			case 4:
				serve(h, "/orders/"+unique, i.AccessToken(unique, map[string]any{"iss": "https://" + unique}))
			}
		}
		for n := range 5 {
			round(n)
		}
		few := len(w.samples(t))
		for n := range 10000 {
			round(n)
		}
		many := w.samples(t)
		require.Len(t, many, few)
		require.LessOrEqual(t, few, 10)
		total := 0.0
		for _, s := range many {
			require.NotContains(t, s.labels, "unique")
			if s.metric == "perimeter.decisions" {
				total += s.value
			}
		}
		require.InDelta(t, 10005, total, 0, "and none was lost")
	}
}

func TestWordsThatOthersMakeUpAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	event := w.OnIntrospection("id")
	for n := range 10000 {
		word := fmt.Sprint("word", n)
		w.Observe(t.Context(), middleware.Decision{Outcome: "refused", Reason: word, Credential: word, How: word})
		event(word)
	}
	w.Observe(t.Context(), middleware.Decision{Outcome: "undecided", Reason: "one more"})
	w.Observe(t.Context(), middleware.Decision{Outcome: "refused", Reason: "word0", Credential: "word0", How: "word0"})
	all := w.samples(t)
	require.Equal(t, 1002, countOf(all, "perimeter.decisions"))
	require.Equal(t, 1002, countOf(all, "perimeter.decision.duration"))
	require.Equal(t, 1001, countOf(all, "perimeter.introspection.events"))
	require.Contains(t, all, sample{"perimeter.decisions", "outcome=refused reason=_OTHER", 9000})
	require.Contains(t, all, sample{"perimeter.decisions", "outcome=undecided reason=_OTHER", 1})
	require.Contains(t, all, sample{"perimeter.decisions", "credential=word0 how=word0 outcome=refused reason=word0", 2})
	require.Contains(t, all, sample{"perimeter.introspection.events", "event=_OTHER issuer=_OTHER", 9000})
}

func TestDecisionsOfManyAtOnceAreAllCounted(t *testing.T) {
	w := newWorld(t, nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 1000 {
				w.Observe(t.Context(), middleware.Decision{Outcome: "refused", Reason: fmt.Sprint("word", n%50)})
			}
		})
	}
	all.Wait()
	require.Equal(t, 50, countOf(w.samples(t), "perimeter.decisions"))
	for _, s := range w.samples(t) {
		if s.metric == "perimeter.decisions" {
			require.InDelta(t, 80, s.value, 0, s.labels)
		}
	}
}

func TestASpanSaysWhatWasDecidedAndNotAboutWhom(t *testing.T) {
	i := localissuer.New("https://id.example")
	good := i.AccessToken(audience, map[string]any{"sub": "private-alice", "client_id": "private-app"})
	rule := attribute.String("perimeter.rule", "GET /orders/{id}")
	outcome := func(s string) attribute.KeyValue { return attribute.String("perimeter.outcome", s) }
	reason := func(s string) attribute.KeyValue { return attribute.String("perimeter.reason", s) }
	jwt := attribute.String("perimeter.credential", "jwt")
	for _, row := range []struct {
		name, token string
		opts        *otel.Options
		want        []attribute.KeyValue
	}{
		{"allowed", good, nil, []attribute.KeyValue{outcome("allowed"), reason("allowed"), jwt, attribute.String("perimeter.how", "checked"), rule}},
		{"refused", i.AccessToken("private-audience"), nil, []attribute.KeyValue{outcome("refused"), reason("audience"), jwt, rule}},
		{"no spans", good, &otel.Options{NoSpans: true}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			tracer := trace.NewTracerProvider(trace.WithSpanProcessor(recorder)).Tracer("test")
			h := guarded(t, middleware.JWT(newVerifier(t, i)), newWorld(t, row.opts))
			ctx, span := tracer.Start(t.Context(), "request")
			r := httptest.NewRequest(http.MethodGet, "/orders/7", nil).WithContext(ctx)
			r.Header.Set("Authorization", "Bearer "+row.token)
			h.ServeHTTP(httptest.NewRecorder(), r)
			span.End()
			require.Len(t, recorder.Ended(), 1)
			got := recorder.Ended()[0]
			require.Equal(t, row.want, got.Attributes())
			require.Empty(t, got.Events())
			require.NotContains(t, fmt.Sprint(got.Attributes()), "private")
		})
	}
}

func TestTelemetryThatNewHasNotMadeReportsNothing(t *testing.T) {
	for _, telemetry := range []*otel.Telemetry{nil, {}} {
		require.NotPanics(t, func() {
			telemetry.Observe(t.Context(), middleware.Decision{})
			telemetry.OnIntrospection("id")("asked")
		})
		_, err := telemetry.WatchKeys("id", nil)
		require.Error(t, err)
	}
}

// broken makes no instrument.
type broken struct{ noop.MeterProvider }

func (broken) Meter(string, ...metric.MeterOption) metric.Meter { return brokenMeter{} }

type brokenMeter struct{ noop.Meter }

func (brokenMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errors.New("no counter")
}

func (brokenMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errors.New("no histogram")
}

func TestMistakesOfTheProviderAreReportedTogether(t *testing.T) {
	for _, row := range []struct {
		name     string
		provider metric.MeterProvider
		want     []string
	}{
		{"none", nil, []string{"otel: the meter provider is nil"}},
		{"a nil one", (*sdk.MeterProvider)(nil), []string{"otel: the meter provider is nil"}},
		{"one that fails", broken{}, []string{"no counter", "no histogram"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			telemetry, err := otel.New(row.provider, nil)
			require.Nil(t, telemetry)
			for _, want := range row.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestCountingCostsNoAllocation(t *testing.T) {
	telemetry, err := otel.New(noop.NewMeterProvider(), &otel.Options{ByRule: true})
	require.NoError(t, err)
	d := middleware.Decision{Outcome: "allowed", Reason: "allowed", Credential: "jwt", How: "checked", Rule: "GET /"}
	require.Zero(t, testing.AllocsPerRun(100, func() { telemetry.Observe(context.Background(), d) }))
}
