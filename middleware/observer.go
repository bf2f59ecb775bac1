package middleware

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// A Limiter stands between a guard and its authenticators, for [Options].Limiter. It must be safe for concurrent use.
type Limiter interface {
	// Authenticate asks a and returns its answer, or returns an error that wraps [ErrLimited] without asking. It is called before
	// anything is done about the request's credentials, and not where they are not asked for: on public routes, where there is
	// no rule, and where the guard has decided on this request before. The error of a tells by [token.ReasonOf],
	// [introspect.ReasonOf] and [mtls.ReasonOf] what was wrong.
	Authenticate(r *http.Request, a Authenticator) (Identity, error)
}

// Revocations know who has been cut off, for [Options].Revocations. They must be safe for concurrent use.
type Revocations interface {
	// Revoked is asked about every identity that an authenticator has found, on every request, after whatever the authenticators
	// remember, and once for a request and an authenticator. True is answered with 401 invalid_token, and an error, whatever it
	// wraps, with 503.
	Revoked(ctx context.Context, id Identity) (bool, error)
}

// An Observer is told what guards decide, for [Options].Observer: for audit logs, metrics and traces. It must be safe for concurrent use.
type Observer interface {
	// Observe is called once for each request that one of the guard's handlers lets pass or answers: before the handler behind it
	// runs, or before the answer is written. A request that passes two nested handlers of a guard is decided on twice, and
	// the second Decision has How "nested". ctx is the request's. A panic of Observe passes through, and the handler does not
	// run. The zero Guard, which answers everything with 503, has no Observer.
	Observe(ctx context.Context, d Decision)
}

// A Decision is what an [Observer] is told. The words in it are few and stable, so that they can label a metric; new ones may come.
type Decision struct {
	// Request is the very request that was judged, as it came to the guard. It is only lent, until Observe returns, and must not be
	// changed. It holds the credentials, and everything in it is written by the client.
	Request *http.Request
	// Rule is the pattern of the [Rule] that the request comes under; empty without a table, and where no rule matches.
	Rule string

	// Outcome is what was decided: "allowed" or "public", where the request passes, and else, in the order of the table in the
	// package's comment, "target_too_long", "ambiguous_target", "no_credentials", "refused", "invalid_request", "insufficient_scope",
	// "forbidden" (by Peers or Check), "no_rule", "limited", "undecided".
	Outcome string
	// Reason says why in a word: where a credential was refused or undecided, that of [token.ReasonOf], [introspect.ReasonOf] or
	// [mtls.ReasonOf], or one of this package: "revoked", "revocations" (these could not tell), "issuer", "peer" and "check" (fields of the
	// Rule), "subject" (of [Confirmed]), "no_token", "no_certificate" and "proof" (of [RequireCert]). In all other cases it is the Outcome.
	Reason string
	// Status is that of the answer; 0: the request passes.
	Status int

	// Identity is who was found, also if they were not let pass; zero: nobody.
	Identity Identity
	// Credential is the kind of credential that was examined: "jwt", "opaque" or "mtls"; empty: none, or one that this package does not
	// know. A token with its certificate, of [RequireCert], is the token's kind.
	Credential string
	// How says how the Identity was found: "checked" for a JWT verified here, "remembered" for one that a [token.Cache] knew, "introspected" where the issuer's word
	// counts, remembered or not, "certificate", or "nested" where the guard had decided before on this request; empty: nobody was found, or by an authenticator that
	// this package does not know.
	How string

	// Duration is the time from the request's arrival at the guard to the decision.
	Duration time.Duration
	// Err is the error behind the decision, if there was one. Those of this module hold nothing that a client has sent.
	Err error

	_ struct{}
}

// A ruling is a Decision in the making. The zero ruling refuses.
type ruling struct {
	outcome outcome
	reason  string // "": that of err, or the outcome
	needed  string // scopes that would do (RFC 6750 section 3)
	rule    string
	who     *carrier // nil: nobody
	again   bool     // who was found before
	err     error
	begun   time.Time // zero: nobody observes
}

// begin looks at the clock if anybody wants to know.
func (g *Guard) begin() time.Time {
	if g == nil || g.observer == nil {
		return time.Time{}
	}
	return time.Now()
}

func (g *Guard) observe(r *http.Request, v *ruling) {
	if g.observer == nil {
		return
	}
	d := Decision{
		Request: r, Rule: v.rule, Outcome: v.outcome.word(), Reason: v.reason, Status: v.outcome.status(), Err: v.err,
	}
	if v.who != nil {
		d.Identity = v.who.identity
		d.Credential, d.How = d.Identity.found()
	}
	if v.again {
		d.How = "nested"
	}
	if f, ok := errors.AsType[*finding](v.err); ok {
		d.Credential = cmp.Or(d.Credential, f.credential)
		d.Reason = cmp.Or(d.Reason, f.reason)
	}
	d.Reason = cmp.Or(d.Reason, d.Outcome)
	d.Duration = time.Since(v.begun)
	g.observer.Observe(r.Context(), d)
}

// found says what kind of credential id stands for, and how that was examined.
func (id *Identity) found() (credential, how string) {
	switch {
	case id.Token != nil && id.Introspection != nil:
		return credentialJWT, "introspected"
	case id.Token.Remembered():
		return credentialJWT, "remembered"
	case id.Token != nil:
		return credentialJWT, "checked"
	case id.Introspection != nil:
		return credentialOpaque, "introspected"
	case id.Peer != nil:
		return credentialCert, "certificate"
	default:
		return "", ""
	}
}
