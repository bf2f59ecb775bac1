// Package token answers one question about a JWT access token: is it genuine, current and meant for us?
//
// A [Verifier] stands for one issuer: its keys, asked for through a [KeySource], and a [Policy] that says what a token must
// look like. Several issuers are a [Mux]. What Verify returns are [Claims], which only a verifier can make and nobody can
// change.
//
// # What a verified token proves
//
// That a key of the issuer signed these very bytes, that the token is within its times, that it names one of the configured
// audiences, and that whatever it is bound to (its cnf claim) was proved by the caller. It does not prove that the token was
// not revoked since, nor that a bearer token is in the hands of the one it was issued to, nor what its subject may do:
// scopes are what the issuer granted, and the check against what a route needs is package scope's.
//
// # Refused or undecided
//
// An error for which errors.Is(err, [ErrRefused]) holds means that the token was examined and is not good: 401. Any other
// error means that this could not be found out, because the keys could not be had: 503, and the token may be as good as
// ever. The error of a [Proof].Find means what its author says. [ReasonOf] gives a stable word for metrics. No error text holds
// a token, a claim's value or a key.
//
// # Again
//
// With a [Cache] in its [Options] a verifier remembers the tokens that it has verified. A token that comes again is found by all of its
// text; its key must still be one of the issuer's, its times are judged by the clock of the moment, and whatever it is bound to must be
// proved again. What this saves is checking its signature and, from the third time on, reading it, and nothing else.
//
// # Order
//
// Cheap refusals come first: size, shape, algorithm, header, type, and then the unverified iss, aud and exp, which can refuse
// a token but never accept one. A stranger's token so costs neither a key look-up nor a signature check. Acceptance comes only
// after the signature, from the bytes that it covers, read by one strict decoder: UTF-8, exact case, no duplicate members at
// any depth, 32 levels at most (RFC 8725 section 3).
package token
