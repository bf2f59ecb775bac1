// Package introspect answers one question by asking the issuer: is this token active, now? (RFC 7662)
//
// A [Client] stands for one introspection endpoint. It is for opaque tokens, of which nobody else can tell, and for JWTs whose
// revocation must be seen at once. A non-nil [Result] is active, current, meant for us and not bound to anything that the
// caller did not prove; there is no field to forget to look at.
//
// # Refused or undecided
//
// An error for which errors.Is(err, [ErrRefused]) holds means that the issuer was heard and the token is not good: 401. Any
// other error means that this could not be found out: 503, and the token may be as good as ever. An issuer that is down, slow
// or wrong, or that does not take our own credentials, never looks like a log-out. The error of a [Proof].Find means what its
// author says. [ReasonOf] gives a stable word for metrics.
// No error text holds a token, a secret, or anything that the issuer sent.
//
// # What is remembered
//
// Facts, for a short time, in bounded memory, never past the token's exp: that a token is active and what the issuer says of it, or
// that it is not. Times, audience and proofs are judged again at every call. The key is a keyed hash, so that no token stays in
// memory. That the issuer could not tell is not remembered, but for a 400 about this very token. Within its time, an answer
// does not see a revocation: [Client.Forget] makes a known one seen.
//
// # What an issuer's answer does not prove
//
// That a bearer token is in the hands of the one it was issued to, nor what its subject may do: scopes are what the issuer granted,
// and the check against what a route needs is package scope's. The answer is as good as the TLS connection it came over; with
// [Options].Verify it is also signed (RFC 9701), but even then it does not say which token it is about.
//
// Constructors do no I/O and start no goroutine, and there is nothing to close. A call under way ends by its timeout, and idle
// connections after half a minute.
package introspect
