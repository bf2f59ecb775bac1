// Package limit keeps those who guess at credentials from being examined for ever.
//
//	limiter, err := limit.New(limit.Config{})
//	guard, err := middleware.New(authenticator, &middleware.Options{Limiter: limiter})
//
// A [Limiter] counts the wrong credentials of each peer. To a peer that has used up its guesses, credentials that are new get
// 429 with Retry-After before any signature is checked and any issuer is asked. What has passed before goes on passing, so that
// the others behind the same address notice nothing.
//
// # What counts
//
// A guess is a credential that nobody was ever given: malformed, of an unknown issuer or key, with a bad signature, that the
// issuer calls inactive, a certificate that was refused, an Authorization header of which nobody knows what to make, and
// whatever an [middleware.Authenticator] of your own refuses. These are no guesses: nothing presented; a token that is expired
// or not yet valid, of too long a life, for another audience or client, of another kind, without a required claim, or without
// its proof of possession; an expired certificate; more cookies than are looked at, without an Authorization header; too little
// scope; and everything that could not be decided. Some of these are found out before the signature is checked, so that a forged
// token of that sort goes uncounted, and costs no more than to be read.
//
// One wrong credential is one guess however often it comes: repeats of the last few of a peer are told from guesses, as a
// browser tab with a dead session sends, unless they have more than 128 KiB. They have an allowance of their own, ten times that
// of guesses. When it is used up, only what repeats is answered with 429. A credential that was good, and is refused later, repeats; it is no guess.
//
// # Whom it counts for
//
// A peer is an IPv4 address or a /64 of IPv6, as the connection or a trusted proxy says. A /48 of IPv6 may have guesses like 16
// peers, all of its /64s taken together. Whoever comes by a unix socket, or from an address that cannot be read, is one peer.
//
// Memory is bounded, and no peer is forgotten as long as it owes guesses. When all places are taken, new peers are counted
// together by their /16 of IPv4, with the guesses of 256, or /48 of IPv6; and when there are too many of these, with everybody
// else's, with the guesses of 4,096. In the midst of such a flood a newcomer with a new credential may so get a 429 for
// another's guesses; nobody who was known before does.
//
// # What it does not do
//
// It counts in one process. It does not slow down who has an address for every few guesses. And while a peer is past its
// guesses, new credentials from there are not examined, good ones and renewed tokens included.
package limit
