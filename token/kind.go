package token

import "strings"

const typeAccessToken = "at+jwt" // RFC 9068 section 2.1

// canonicalType is a typ header in lower case and without the "application/" that may be left out (RFC 7515 section 4.1.9).
//
// Only ASCII letters are folded: the Kelvin sign is no k.
func canonicalType(typ string) string {
	lower := []byte(typ)
	for i, b := range lower {
		if 'A' <= b && b <= 'Z' {
			lower[i] = b + 'a' - 'A'
		}
	}
	return strings.TrimPrefix(string(lower), "application/")
}

// checkType refuses a token that says in its header that it is of another kind (RFC 8725 section 3.11).
func (p *policy) checkType(typ string) error {
	have := canonicalType(typ)
	if p.typ != "" && have != p.typ {
		return refuse(ReasonType, "typ")
	}
	if p.typ == "" && strings.Contains(have, "+jwt") && have != typeAccessToken { // parameters and blanks after it included
		return refuse(ReasonType, "typ")
	}
	return nil
}

// checkKind refuses a token whose claims say that it is an ID token (OpenID Connect Core 1.0 section 3.3.2.11), a security
// event or a logout token (RFC 8417, OpenID Connect Back-Channel Logout 1.0).
func (p *policy) checkKind(m *members) error {
	if p.asksForAnotherKind() {
		return nil
	}
	for _, at := range [...]int{atEvents, atAccessTokenHash, atCodeHash} {
		if m.has(at) {
			return refuse(ReasonType, p.reads.names[at])
		}
	}
	return nil
}

// asksForAnotherKind reports whether the policy's explicit type is not that of an access token.
func (p *policy) asksForAnotherKind() bool {
	return strings.HasSuffix(p.typ, "+jwt") && p.typ != typeAccessToken
}

// mayLackExpiry reports whether the policy is for one of the kinds whose tokens often have no exp (RFC 9701 section 5, RFC
// 8417 section 2.2, Token Status List) and says by MaxAge how old they may become instead.
func (p *policy) mayLackExpiry() bool {
	switch p.typ {
	case "token-introspection+jwt", "secevent+jwt", "statuslist+jwt":
		return p.maxAge > 0
	default:
		return false
	}
}
