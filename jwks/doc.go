// Package jwks answers one question: which public keys does this issuer sign with, now?
//
// A [Cache] follows the key set (RFC 7517) behind a URL or behind an issuer's discovery document. Look-ups read an immutable
// snapshot: they take no lock, allocate nothing and wait for nobody while the snapshot is young. An issuer that is down, slow,
// wrong or hostile costs no valid key: the last good set answers until MaxStale. A flood of unknown key ids costs the issuer
// two fetches and one more each MinInterval. A [Set] is the same thing without a network, for files, tests and air gaps.
//
// # Refused, or undecided
//
// PublicKeys distinguishes the two. No keys and no error: the issuer has no such key, refuse. An error: this could not be found
// out, answer 503 and let the caller come back. An outage of the issuer therefore never looks like a log-out.
//
// # What is never read
//
// Symmetric keys, private keys, and keys that may not verify. Nothing from a token becomes part of a URL: the places that a
// Cache reads are those it was made with, and the jwks_uri of a discovery document whose issuer is exactly the expected one.
//
// Constructors do no I/O and start no goroutine, and there is nothing to close: no connection and no goroutine outlives the
// fetch it was made for. Who wants the keys fresh at all times writes `go cache.Run(ctx)` and owns that goroutine.
package jwks
