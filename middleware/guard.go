package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/perimeter-go/perimeter/scope"
)

// Options tune a [Guard]. The zero value, and nil, mean the defaults.
type Options struct {
	// Realm goes into every challenge. Printable ASCII; empty: no realm.
	Realm string
	// ResourceMetadata is the URL of the protected resource metadata (RFC 9728 section 5.1) and goes into every challenge.
	// It is an https URL, or an http one on loopback; empty: none.
	ResourceMetadata string
	// RetryAfter is what a client is told to wait when a request could not be decided, rounded up to whole seconds. Default 5s.
	RetryAfter time.Duration
	// Forwarded is asked which client certificate a trusted proxy forwards, so that tokens that are bound to it (RFC 8705) are good
	// behind a proxy that terminates TLS; nil: the certificate of the handshake counts. It makes nobody an identity: for that
	// see [ForwardedCert]. It holds for every authenticator of the guard and of its rules.
	Forwarded ForwardedVerifier

	// Limiter stands before every authenticator of the guard and of its rules; nil: none.
	Limiter Limiter
	// Revocations are asked about every identity that was found; nil: none.
	Revocations Revocations
	// Observer is told of every decision; nil: nobody is.
	Observer Observer

	_ struct{}
}

// defaultRetryAfter is about the time in which a failed fetch of keys is tried again.
const defaultRetryAfter = 5 * time.Second

// A Guard lets a request pass to a handler only after it has itself found out who is behind it, and that this is enough.
//
// It recognises its own decisions: where one of its handlers is nested in another, the request is authenticated once.
// Nothing else in a context is a decision to it: not another guard's, not [WithIdentity], and not one made by another
// authenticator than the one asked for here. A handler behind a guard always finds that guard's identity.
//
// A Guard is safe for concurrent use. The zero and the nil Guard let nothing pass, public routes included: 503.
type Guard struct {
	own        *method
	challenge  challenge
	retryAfter string
	witness    witness // nil: the handshake

	limiter     Limiter
	revocations Revocations
	observer    Observer
}

// A method is one way of a guard to find out who is calling. Its address is what a decision is recognised by.
type method struct{ authenticator Authenticator }

// New returns a guard that authenticates by a. All mistakes in what it is given are returned together; among them are an
// authenticator that is nil or was made from something nil.
func New(a Authenticator, opts *Options) (*Guard, error) {
	if opts == nil {
		opts = &Options{}
	}
	g := &Guard{
		own:        &method{a},
		challenge:  challenge{realm: opts.Realm, resourceMetadata: opts.ResourceMetadata},
		retryAfter: seconds(opts.RetryAfter),

		limiter:     opts.Limiter,
		revocations: opts.Revocations,
		observer:    opts.Observer,
	}
	if err := errors.Join(mistakeIn(a), opts.mistake()); err != nil {
		return nil, fmt.Errorf("middleware: %w", err)
	}
	if opts.Forwarded != nil {
		g.witness = forwardedBy(opts.Forwarded)
	}
	return g, nil
}

func (o *Options) mistake() error {
	var errs []error
	if !isPrintable(o.Realm) {
		errs = append(errs, fmt.Errorf("realm %q is not printable ASCII", o.Realm))
	}
	if o.ResourceMetadata != "" && !isMetadataURL(o.ResourceMetadata) {
		errs = append(errs, fmt.Errorf("ResourceMetadata %q is no https URL", o.ResourceMetadata))
	}
	if o.RetryAfter < 0 {
		errs = append(errs, fmt.Errorf("RetryAfter %v is negative", o.RetryAfter))
	}
	for _, hook := range []struct {
		name string
		hook any
	}{{"Forwarded", o.Forwarded}, {"Limiter", o.Limiter}, {"Revocations", o.Revocations}, {"Observer", o.Observer}} {
		if hook.hook != nil && isNil(hook.hook) {
			errs = append(errs, fmt.Errorf("options: %s holds a nil %T", hook.name, hook.hook))
		}
	}
	return errors.Join(errs...)
}

func isMetadataURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !isPrintable(s) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// seconds spells a duration for Retry-After (RFC 9110 section 10.2.3).
func seconds(d time.Duration) string {
	if d == 0 {
		d = defaultRetryAfter
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Handler asks for an identity, whoever it is.
//
// Like Scope and Require it also refuses a path that is too long and an ambiguous request target, since what is behind may route by it. Unlike
// [Guard.Routes] it takes a path without a leading slash, such as [http.StripPrefix] leaves.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return g.demanding(&demand{}, next)
}

// Scope asks for an identity to which all of the given scopes were granted, compared exactly. A name that is no scope token is
// granted to nobody.
func (g *Guard) Scope(first string, more ...string) func(http.Handler) http.Handler {
	return g.Require(scope.All(first, more...))
}

// Require asks for an identity whose scopes satisfy q. The zero requirement is satisfied by none.
func (g *Guard) Require(q scope.Requirement) func(http.Handler) http.Handler {
	d := &demand{scope: q, scoped: true}
	return func(next http.Handler) http.Handler { return g.demanding(d, next) }
}

func (g *Guard) demanding(d *demand, next http.Handler) http.Handler {
	next = orUnavailable(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := g.begin()
		switch {
		case !g.made():
			g.answer(w, &ruling{})
		case isTooLong(r):
			g.refuse(w, r, &ruling{outcome: targetTooLong, begun: begun})
		case !hasOneReading(r, false):
			g.refuse(w, r, &ruling{outcome: ambiguousTarget, begun: begun})
		default:
			g.serve(w, r, d, begun, next)
		}
	})
}

// made says whether g came from New.
func (g *Guard) made() bool { return g != nil && g.own != nil }

// serve lets the request pass if it meets the demand, and answers it otherwise.
func (g *Guard) serve(w http.ResponseWriter, r *http.Request, d *demand, begun time.Time, next http.Handler) {
	v := ruling{rule: d.rule, begun: begun}
	g.rule(r, d, &v)
	if v.outcome != allowed {
		g.refuse(w, r, &v)
		return
	}
	g.observe(r, &v)
	if !v.again || carried(r.Context()) != v.who {
		r = r.WithContext(v.who)
	}
	next.ServeHTTP(w, r)
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, v *ruling) {
	g.observe(r, v)
	g.answer(w, v)
}

// rule decides on a request. What this guard has found out before in the same way, on the way here, it does not ask again.
func (g *Guard) rule(r *http.Request, d *demand, v *ruling) {
	way, ctx := d.method, r.Context()
	if way == nil {
		way = g.own
	}
	v.who = decisionOf(ctx, g, way)
	switch {
	case v.who == nil:
		if !g.admits(r, way, v) {
			return
		}
	case carried(ctx) != v.who: // something else has been put on top
		v.who = &carrier{Context: ctx, identity: v.who.identity, guard: g, way: way}
		v.again = true
	default:
		v.again = true
	}
	d.judge(g, r, v)
}

// admits finds out who is behind the request, and whether they have been cut off since.
func (g *Guard) admits(r *http.Request, way *method, v *ruling) bool {
	id, err := g.examine(r, way)
	if err == nil && id.nobody() {
		err = fmt.Errorf("%w: the authenticator named nobody", ErrUndecided)
	}
	if err != nil {
		v.outcome, v.err = g.credentialOutcome(r, err), err
		return false
	}
	v.who = &carrier{Context: r.Context(), identity: id, guard: g, way: way}
	return g.revocations == nil || !g.cutOff(r, v)
}

// examine asks the authenticator. Only it sees the witness.
func (g *Guard) examine(r *http.Request, way *method) (Identity, error) {
	if g.witness != nil {
		r = withWitness(r, g.witness)
	}
	if g.limiter != nil {
		return g.limiter.Authenticate(r, way.authenticator)
	}
	return way.authenticator.Authenticate(r)
}

var errRevoked = fmt.Errorf("%w: revoked", ErrRefused)

func (g *Guard) cutOff(r *http.Request, v *ruling) bool {
	revoked, err := g.revocations.Revoked(r.Context(), v.who.identity)
	switch {
	case revoked:
		v.outcome, v.reason, v.err = presentedAndRefused, "revoked", errRevoked
	case err != nil: // whatever it wraps
		v.outcome, v.reason, v.err = undecided, "revocations", err
	default:
		return false
	}
	return true
}

// credentialOutcome tells "nothing presented" from "nobody knows what was presented".
func (g *Guard) credentialOutcome(r *http.Request, err error) outcome {
	o := outcomeOf(err)
	if o == nothingPresented && len(r.Header["Authorization"]) > 0 {
		return presentedAndRefused
	}
	return o
}

// answer refuses a request. It is the only place that does.
func (g *Guard) answer(w http.ResponseWriter, v *ruling) {
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name) // set by someone in front for the answer that does not come
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if v.outcome.challenges() {
		h.Set("WWW-Authenticate", g.challenge.with(v.outcome.code(), v.needed))
	}
	if v.outcome == undecided || v.outcome == limited {
		h.Set("Retry-After", g.wait(v))
	}
	w.WriteHeader(v.outcome.status())
	_, _ = fmt.Fprint(w, http.StatusText(v.outcome.status())) // #nosec G705 -- one of a few constants; who has left has nobody to tell
}

// wait is what Retry-After says. Who limits may know better than the guard.
func (g *Guard) wait(v *ruling) string {
	if v.outcome == limited {
		e, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](v.err)
		if ok && e.RetryAfter() > 0 {
			return seconds(e.RetryAfter())
		}
	}
	if g == nil || g.retryAfter == "" {
		return seconds(0)
	}
	return g.retryAfter
}

// orUnavailable replaces a handler that is nil: a request that has been let in still finds nothing.
func orUnavailable(next http.Handler) http.Handler {
	if !isNil(next) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { (*Guard)(nil).answer(w, &ruling{}) })
}
