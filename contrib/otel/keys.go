package otel

import (
	"cmp"
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/perimeter-go/perimeter/jwks"
)

// A pair is an issuer, as the operator calls it, and a word about it.
type pair struct{ issuer, key, word string }

func (p pair) attributes() []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("perimeter.issuer", p.issuer)}
	if p.word != "" {
		all = append(all, attribute.String(p.key, p.word))
	}
	return all
}

func (p pair) other() pair { return pair{overflow, p.key, overflow} }

// OnRefresh returns what counts the fetches of a key set, for jwks.Options.OnRefresh. The issuer is a name of the operator's choice.
func (t *Telemetry) OnRefresh(issuer string) func(jwks.Refresh) {
	return func(r jwks.Refresh) {
		if t == nil || t.refreshes == nil {
			return
		}
		o := t.ofRefresh.of(pair{issuer, "error.type", classOf(r.Err)})
		t.refreshes.Add(context.Background(), 1, o.add...)
		t.fetching.Record(context.Background(), r.Duration.Seconds(), o.record...)
	}
}

func classOf(err error) string {
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*jwks.FetchError](err)
	if !ok {
		return overflow
	}
	return cmp.Or(f.Class, overflow)
}

// WatchKeys reports the state of a key set whenever metrics are collected: status is the method Status of a jwks.Cache. Without a
// good fetch there is no age. Whoever gives up the cache unregisters what is returned.
func (t *Telemetry) WatchKeys(issuer string, status func() jwks.Status) (metric.Registration, error) {
	if t == nil || t.meter == nil {
		return nil, errors.New("otel: a Telemetry that New has not made")
	}
	if status == nil {
		return nil, errors.New("otel: WatchKeys: status is nil")
	}
	of := metric.WithAttributes(attribute.String("perimeter.issuer", issuer))
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := status()
		if !s.LastSuccess.IsZero() {
			o.ObserveFloat64(t.age, s.Age.Seconds(), of)
		}
		usable := int64(0)
		if s.Usable {
			usable = 1
		}
		o.ObserveInt64(t.usable, usable, of)
		o.ObserveInt64(t.count, int64(s.Keys), of)
		o.ObserveInt64(t.failures, int64(s.Failures), of)
		return nil
	}, t.age, t.usable, t.count, t.failures)
}
