package otel

import "context"

// OnIntrospection returns what counts the events of an introspection client, for introspect.Options.Observe. The issuer is a name of the
// operator's choice.
func (t *Telemetry) OnIntrospection(issuer string) func(event string) {
	return func(event string) {
		if t == nil || t.asked == nil {
			return
		}
		t.asked.Add(context.Background(), 1, t.ofEvent.of(pair{issuer, "perimeter.event", event}).add...)
	}
}
