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
	if o.Forwarded != nil && isNil(o.Forwarded) {
		errs = append(errs, errors.New("the verifier in Forwarded is nil"))
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
// Like Scope and Require it also refuses an ambiguous request target, since what is behind may route by it. Unlike
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
		switch {
		case !g.made():
			g.answer(w, undecided, "")
		case !hasOneReading(r, false):
			g.answer(w, ambiguousTarget, "")
		default:
			g.serve(w, r, d, next)
		}
	})
}

// made says whether g came from New.
func (g *Guard) made() bool { return g != nil && g.own != nil }

// serve lets the request pass if it meets the demand, and answers it otherwise.
func (g *Guard) serve(w http.ResponseWriter, r *http.Request, d *demand, next http.Handler) {
	c, err := g.decide(r, d.method)
	if err != nil {
		g.answer(w, g.credentialOutcome(r, err), "")
		return
	}
	if o, met := d.judge(g, r, &c.identity); !met {
		g.answer(w, o, d.needed(o))
		return
	}
	if carried(r.Context()) != c {
		r = r.WithContext(c)
	}
	next.ServeHTTP(w, r)
}

// decide returns a context with the decision on who is behind the request. One that this guard has made before in the same
// way, on the way here, is used again.
func (g *Guard) decide(r *http.Request, way *method) (*carrier, error) {
	if way == nil {
		way = g.own
	}
	ctx := r.Context()
	if c := decisionOf(ctx, g, way); c != nil {
		if carried(ctx) == c {
			return c, nil
		}
		return &carrier{Context: ctx, identity: c.identity, guard: g, way: way}, nil // something else has been put on top
	}
	id, err := g.examine(r, way)
	if err != nil {
		return nil, err
	}
	if id.nobody() {
		return nil, fmt.Errorf("%w: the authenticator named nobody", ErrUndecided)
	}
	return &carrier{Context: ctx, identity: id, guard: g, way: way}, nil
}

// examine asks the authenticator. Only it sees the witness.
func (g *Guard) examine(r *http.Request, way *method) (Identity, error) {
	if g.witness != nil {
		r = withWitness(r, g.witness)
	}
	return way.authenticator.Authenticate(r)
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
func (g *Guard) answer(w http.ResponseWriter, o outcome, needed string) {
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name) // set by someone in front for the answer that does not come
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if o.challenges() {
		h.Set("WWW-Authenticate", g.challenge.with(o.code(), needed))
	}
	if o == undecided {
		h.Set("Retry-After", g.wait())
	}
	w.WriteHeader(o.status())
	_, _ = fmt.Fprint(w, http.StatusText(o.status())) // #nosec G705 -- one of four constants; who has left has nobody to tell
}

func (g *Guard) wait() string {
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
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { (*Guard)(nil).answer(w, undecided, "") })
}
