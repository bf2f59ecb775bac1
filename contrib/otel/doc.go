// Package otel counts and times what a middleware.Guard decides, and how the keys and the introspection behind it are doing, by the
// OpenTelemetry API. Which SDK and exporter there are is the caller's choice.
//
//	telemetry, err := otel.New(provider, nil) // with go.opentelemetry.io/otel/exporters/prometheus as a reader of it, /metrics has all this
//	keys, err := jwks.NewFromIssuer(issuer, &jwks.Options{OnRefresh: telemetry.OnRefresh(issuer)})
//	_, err = telemetry.WatchKeys(issuer, keys.Status)
//	guard, err := middleware.New(authenticator, &middleware.Options{Observer: telemetry})
//
// # Metrics
//
//	perimeter.decisions              counter, {decision}  outcome, reason, credential, how
//	perimeter.decision.duration      histogram, s         outcome, credential, how
//	perimeter.keys.refreshes         counter, {refresh}   issuer, error.type
//	perimeter.keys.refresh.duration  histogram, s         issuer, error.type
//	perimeter.keys.age               gauge, s             issuer
//	perimeter.keys.count             gauge, {key}         issuer
//	perimeter.keys.usable            gauge, {key_set}     issuer: 1 or 0
//	perimeter.keys.failures          gauge, {refresh}     issuer
//	perimeter.introspection.events   counter, {event}     issuer, event
//
// The attributes are called perimeter.outcome and so on, but for error.type, which is the Class of a jwks.FetchError and is missing
// where there was none. The words are those of middleware.Decision and of introspect.Options.Observe; what is empty there is missing here. A limiter's refusals are
// decisions with the outcome limited. A request that passes two handlers of a guard counts twice, the second time as nested.
//
// Their number is bounded, whatever clients send: no attribute is made of a token, a claim, an address, a path or a method. Should an
// authenticator of somebody else make up words, there are at most 1,000 series of an instrument beside those with the word _OTHER.
//
// # Traces
//
// The span in the request's context, such as that of otelhttp around the guard, gets the attributes perimeter.outcome,
// perimeter.reason, perimeter.credential, perimeter.how and perimeter.rule; of two decisions on one span the later counts. There is no span of
// its own, and no claim, subject or client on any.
package otel
