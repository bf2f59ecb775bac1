package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/perimeter-go/perimeter/mtls"
	"github.com/perimeter-go/perimeter/scope"
)

// A Rule says what one set of requests needs. A rule that says nothing but its Pattern asks for an identity, whoever it is.
type Rule struct {
	// Pattern is in net/http's syntax: an optional method and a path, such as "GET /orders/{id}", "/static/", "/{$}". The
	// rule without a method is for all methods, the one for GET also for HEAD. Hosts are not supported, and the path is
	// written decoded.
	Pattern string
	// Public lets requests pass without looking at credentials. It excludes the fields below.
	Public bool
	// Scope is what must have been granted; zero: nothing in particular.
	Scope scope.Requirement
	// Authenticator is asked instead of the guard's; nil: the guard's. What the guard's own authenticator decided does not
	// count for this rule, and what this one decides does not count elsewhere.
	Authenticator Authenticator
	// Issuers are the only ones whose identities this rule takes, compared exactly; empty: any that the authenticator takes.
	// Another issuer's is answered with 401 invalid_token.
	Issuers []string
	// Peers admits certificates, among those that the authenticator takes; nil: any, and none is needed. An identity whose certificate it does not
	// admit is answered with 403, and so is one that was not authenticated by a certificate, or by one beside its token: see
	// [ClientCert], [ForwardedCert] and [RequireCert].
	Peers mtls.Rule
	// Check is asked last, and has a say on what the other fields cannot express; nil: no check. An error means no, 403,
	// unless it wraps ErrLimited (429), ErrRefused (401 invalid_token), ErrInvalidRequest (400), ErrNoCredentials (401), or
	// ErrUndecided or a context's error (503). Its text is not sent. The request has not been routed yet: it has no path values. Check must be
	// safe for concurrent use.
	Check func(r *http.Request, id Identity) error

	_ struct{}
}

// Routes is a table of rules, made by [NewRoutes]. It is immutable and may be used by several guards. The zero table and the
// nil one have no rule and so deny everything.
type Routes struct {
	entries []*entry
	trie    *trie
}

// An entry is a Rule, compiled.
type entry struct {
	text     string // the Rule's pattern
	pattern  pattern
	public   bool
	demand   demand
	position int // of the Rule, from 1
}

// NewRoutes compiles a table. Where several rules match a request the most specific one decides, as in [http.ServeMux],
// whatever their order.
//
// All mistakes are returned together: patterns that are malformed or that no request can match, rules of which neither is
// more specific than the other, unknown methods, scopes that are no scope tokens, nil authenticators, malformed Peers, and public
// rules that ask for something.
func NewRoutes(rules ...Rule) (*Routes, error) {
	t := &Routes{trie: newTrie()}
	var errs []error
	for i, rule := range rules {
		e, mistakes := compile(rule, i+1)
		for _, err := range mistakes {
			errs = append(errs, fmt.Errorf("middleware: rule %d (%q): %w", i+1, rule.Pattern, err))
		}
		if e != nil {
			t.entries = append(t.entries, e)
			t.trie.add(e.pattern, e)
		}
	}
	errs = append(errs, conflicts(t.entries)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// compile returns the entry, if the pattern can be read, and every mistake.
func compile(rule Rule, position int) (*entry, []error) {
	p, err := parsePattern(rule.Pattern)
	mistakes := rule.mistakes()
	if err != nil {
		return nil, append([]error{err}, mistakes...)
	}
	e := &entry{text: rule.Pattern, pattern: p, public: rule.Public, position: position}
	e.demand = demand{
		rule:    rule.Pattern,
		issuers: slices.Clone(rule.Issuers),
		peers:   rule.Peers,
		scope:   rule.Scope,
		scoped:  !rule.Scope.IsZero(),
		check:   rule.Check,
	}
	if rule.Authenticator != nil {
		e.demand.method = &method{rule.Authenticator}
	}
	return e, mistakes
}

func (rule *Rule) mistakes() []error {
	var errs []error
	if rule.Public && (!rule.Scope.IsZero() || rule.Authenticator != nil || rule.Check != nil || len(rule.Issuers) > 0 || rule.Peers != nil) {
		errs = append(errs, errors.New("a public rule has no Scope, Authenticator, Issuers, Peers or Check"))
	}
	for _, err := range each(rule.Scope.Err()) {
		errs = append(errs, fmt.Errorf("Scope: %w", err))
	}
	if rule.Authenticator != nil {
		for _, err := range each(mistakeIn(rule.Authenticator)) {
			errs = append(errs, fmt.Errorf("Authenticator: %w", err))
		}
	}
	if slices.Contains(rule.Issuers, "") {
		errs = append(errs, errors.New("issuers: an issuer is empty"))
	}
	if rule.Peers != nil {
		for _, err := range each(mistakeInPeers(rule.Peers)) {
			errs = append(errs, fmt.Errorf("peers: %w", err))
		}
	}
	return errs
}

// mistakeInPeers says what is wrong with a rule for certificates.
func mistakeInPeers(peers mtls.Rule) error {
	if isNil(peers) {
		return errors.New("the rule is nil")
	}
	return peers.Err()
}

// each takes joined errors apart, so that every line of a report can say what it is about.
func each(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) // what it is, not what it wraps
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		errs = append(errs, each(err)...)
	}
	return errs
}

// conflicts names every rule that is in the way of an earlier one. net/http is the judge of what is more specific.
func conflicts(entries []*entry) []error {
	var errs []error
	mux := http.NewServeMux()
	for i, e := range entries {
		if registers(mux, e.text) {
			continue
		}
		errs = append(errs, fmt.Errorf("middleware: rule %d (%q): %w", e.position, e.text, conflict(entries[:i], e)))
	}
	return errs
}

// conflict finds the earlier rule that net/http takes exception to.
func conflict(earlier []*entry, e *entry) error {
	for _, other := range earlier {
		pair := http.NewServeMux()
		if registers(pair, other.text) && registers(pair, e.text) {
			continue
		}
		if registers(http.NewServeMux(), e.text) {
			return fmt.Errorf("conflicts with rule %d (%q): requests match both, and neither is more specific", other.position, other.text)
		}
	}
	return errors.New("net/http does not take the pattern")
}

func registers(mux *http.ServeMux, pattern string) (ok bool) {
	defer func() { ok = recover() == nil }() // ServeMux has no other way to say no
	mux.Handle(pattern, http.NotFoundHandler())
	return true
}

// Routes asks of every request what the table says, and denies those that no rule names with 403, before anyone looks at
// their credentials. It is wrapped around the router, so that it sees every request.
//
// The path is judged decoded, segment by segment, as it is in r.URL at this point. A request target that two readers could
// read in two ways is refused with 400 and never repaired: an empty, "." or ".." segment; a backslash, ";", "#", "?", "%" or
// control character in the decoded path; an encoded slash or dot; invalid UTF-8; a RawPath that does not decode to the Path;
// CONNECT; and any form but origin-form (RFC 9112 section 3.2), that is, a target with a scheme or host in a request that
// came over a connection. Headers have no say: neither method overrides nor X-Forwarded-*, X-Original-URL and the like.
//
// A path of more than 8 KiB, as it was sent, is refused with 414. So is one of more than 128 escapes that [url.URL] would spell otherwise,
// as with digits in lower case, or a parenthesis that it would escape; and one of more than 512 bytes, decoded, or as it was sent where url.URL
// would spell it otherwise, that has more than 9 KiB together with the headers, to each of which 32 bytes are added, and for each cookie.
//
// What passes goes on with the very bytes that were judged. Some routers, chi among them, match the path as the client has
// spelled it where it is encoded more than necessary (RawPath), most match the decoded one. A request that comes under
// different rules by the two is ambiguous as well: 400.
//
// A CORS preflight (OPTIONS with Origin and Access-Control-Request-Method) has no credentials. It passes without them only
// by a public rule whose pattern names OPTIONS; by any other public rule only with an identity. CORS is best handled in
// front of the guard.
func (g *Guard) Routes(t *Routes) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		next = orUnavailable(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun := g.begin()
			e, o := t.find(r)
			switch {
			case !g.made():
				g.answer(w, &ruling{})
			case e == nil:
				g.refuse(w, r, &ruling{outcome: o, begun: begun})
			case e.public && !isBarredPreflight(r, e):
				g.observe(r, &ruling{outcome: public, rule: e.text, begun: begun})
				next.ServeHTTP(w, r)
			default:
				g.serve(w, r, &e.demand, begun, next)
			}
		})
	}
}

// find returns the rule of a request; without one it says what to answer.
func (t *Routes) find(r *http.Request) (*entry, outcome) {
	if isTooLong(r) {
		return nil, targetTooLong
	}
	if !hasOneReading(r, true) {
		return nil, ambiguousTarget
	}
	if t == nil || t.trie == nil {
		return nil, noRule
	}
	e := t.trie.match(r.Method, r.URL.Path)
	if raw := r.URL.RawPath; raw != "" && t.trie.match(r.Method, raw) != e {
		return nil, ambiguousTarget // judged by one reading, it could be served by the other
	}
	return e, noRule
}

// Match returns the pattern of the rule that a request comes under, or "" where [Guard.Routes] answers it with 414, 400 or 403. It
// looks at no credentials.
func (t *Routes) Match(r *http.Request) string {
	e, _ := t.find(r)
	if e == nil {
		return ""
	}
	return e.text
}

// isBarredPreflight is true of a preflight that came to a public rule which does not name OPTIONS.
func isBarredPreflight(r *http.Request, e *entry) bool {
	return isPreflight(r) && e.pattern.method != http.MethodOptions
}

// isPreflight recognises a CORS-preflight request (Fetch standard, section 3.3.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions &&
		len(r.Header["Origin"]) > 0 && len(r.Header["Access-Control-Request-Method"]) > 0
}
