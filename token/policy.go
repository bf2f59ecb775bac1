package token

import (
	"slices"
	"time"
)

// Policy says what a token of one issuer must look like. It is plain data: [AccessTokenPolicy] and [Preset] return one that
// can be looked at and edited. [NewVerifier] copies it; later changes have no effect.
//
// A field left empty is either a mistake that NewVerifier reports, or it means the default that its comment states.
type Policy struct {
	// Issuer is the iss of every token, compared byte by byte: a trailing slash makes another issuer. Required.
	Issuer string

	// Audiences are the names this service answers to. A token is refused unless its aud, a string or an array of strings, holds
	// one of them, byte by byte. Required, unless InsecureAnyAudience.
	Audiences []string

	// Algorithms are the signature algorithms to accept. The default is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384,
	// ES512 and EdDSA. "EdDSA" and "Ed25519" (RFC 9864) name one thing. None and the symmetric HS algorithms are mistakes: who
	// can check an HS256 token can also make one.
	Algorithms []string

	// Type is the typ header to demand, for example "at+jwt", in any case and with or without "application/" (RFC 7515 section
	// 4.1.9).
	//
	// When empty, typ may be missing, be "JWT" or anything else that does not claim to be another kind of token: a typ with "+jwt"
	// in it is refused unless it is "at+jwt" (RFC 8725 section 3.11).
	//
	// Unless Type names another kind, as "secevent+jwt" does, a payload with events, at_hash or c_hash is refused: only security
	// events, logout tokens and ID tokens have them.
	Type string

	// RequiredClaims are claims to demand at the top level of the payload. With the value "" a claim must be present, which means
	// that it is neither null nor an empty string. With any other value it must be a string that equals it byte by byte: a number or
	// a boolean never does, nor does an array that contains it.
	RequiredClaims map[string]string

	// ClientIDs are the clients whose tokens to accept. Empty means any client.
	ClientIDs []string

	// ClientIDClaims name the claims that say which client a token was issued to; the first one present in a token counts. When
	// set, a token with none of them is refused. The default is client_id, azp, cid, appid, none of which must then be present,
	// unless ClientIDs is set.
	ClientIDClaims []string

	// ScopeClaims name the claims that list what was granted, each a string of space-separated scopes or an array with one scope per
	// element. A token's scopes are the union. The default is scope, scp. Missing claims grant nothing.
	ScopeClaims []string

	// GrantClaims are claims of the same two forms that are read as scopes only from tokens that have none of ScopeClaims, for
	// issuers that say in another claim what an application may do on its own (Entra ID's roles).
	GrantClaims []string

	// ScopesAllowed is a ceiling: whatever else this issuer grants is dropped. Empty means no ceiling.
	ScopesAllowed []string

	// KeySetURLs are the only values that a jku header may have. It is never followed; any other value refuses.
	KeySetURLs []string

	// MaxLifetime bounds exp - iat, and makes iat a required claim. Zero means no bound.
	MaxLifetime time.Duration

	// MaxAge bounds the time since iat, give or take Leeway, and makes iat a required claim. Zero means no bound.
	//
	// With a Type of token-introspection+jwt, secevent+jwt or statuslist+jwt, whose tokens often have no exp, it is also what makes a
	// missing exp acceptable. Any other token without exp is refused.
	MaxAge time.Duration

	// Leeway is how far the issuer's clock may differ from ours. The default is 30 s, the maximum 2 min.
	Leeway time.Duration

	// InsecureAnyAudience accepts tokens whatever their aud is, missing included. An attacker who runs, or breaks into, any other
	// service of the same issuer can then use here the tokens that were sent there. It is meant for issuers without audiences,
	// together with ClientIDs.
	InsecureAnyAudience bool

	_ struct{}
}

// AccessTokenPolicy returns the policy of the JWT Profile for OAuth 2.0 Access Tokens (RFC 9068): typ at+jwt, and the claims
// iss, exp, aud, sub, client_id, iat and jti are present.
//
// It is the policy to start from whenever the issuer follows the profile: the type keeps out ID tokens and everything else that
// the issuer signs with the same keys.
func AccessTokenPolicy(issuer string, audiences ...string) Policy {
	return Policy{
		Issuer:    issuer,
		Audiences: slices.Clone(audiences),
		Type:      "at+jwt",
		RequiredClaims: map[string]string{ // RFC 9068 section 2.2
			"iss": "", "exp": "", "aud": "", "sub": "", "client_id": "", "iat": "", "jti": "",
		},
		ClientIDClaims: []string{"client_id"},
		ScopeClaims:    []string{"scope"},
	}
}

// Options tunes a [Verifier]. Nil and zero fields mean the defaults.
type Options struct {
	// MaxBytes is the size of the longest token that is looked at, 1 byte to 16 KiB. The default is 16 KiB, but 8 KiB for RS384, RS512, PS384 and PS512:
	// beside a check of an RSA signature, SHA-512 of more takes so long that a wrong token would cost twice as much as a usual one. A
	// size that is set holds for these too.
	MaxBytes int

	// Cache remembers verified tokens, so that one that comes again costs little more than its SHA-256. It may be shared with other
	// verifiers. The default is nil: every token is verified in full.
	Cache *Cache

	_ struct{}
}
