// Package conformance holds the library against test vectors that nobody here wrote: Wycheproof's, and the examples of RFC 7515,
// RFC 7520 and RFC 8037. Keys are read by jwks and signatures are checked by internal/jws. It has no code of its own.
package conformance
