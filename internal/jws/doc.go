// Package jws reads a JSON Web Signature in compact serialisation (RFC 7515 section 7.1) and checks its signature.
//
// It decides about form and cryptography only: size, spelling, header rules, algorithm against key, signature. What the
// payload says is the caller's business, and so is which algorithms a caller wants out of those that are [Supported].
//
// A token has one spelling here. Padding, spare bits, line breaks, a second member of the same name, another serialisation:
// all refused, so that two readers of an accepted token cannot disagree, and a token equals another only if its text does.
package jws
