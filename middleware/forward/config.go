package forward

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Config names the headers. An empty name is a header that is neither set nor removed. The names must differ in more than
// case and separators. A Config without any name only removes.
type Config struct {
	// Subject is set to who the credential is about. It is unique only together with Issuer and Kind.
	Subject string
	// Issuer is set to who says so.
	Issuer string
	// ClientID is set to the client that the credential was issued to.
	ClientID string
	// Scopes is set to the list of granted scopes, in the order of their bytes.
	Scopes string
	// Kind is set to how the identity was proved, so that one system's alice is never taken for another's: "jwt" for a verified JWT,
	// "opaque" for a token that the issuer was asked about instead, "mtls" for a client certificate alone, whose subject has no issuer, and
	// "other" for what an authenticator outside of this module has found. It goes with the subject: where Subject is
	// named and Kind is not, it is X-Identity-Kind.
	Kind string
	// Claims names a header for each claim of the JWT, or member of the issuer's answer about an opaque token, that is to be
	// forwarded, by its exact name at the top level. A string is
	// written as a value, an array of strings as a list, a number and a boolean as they are spelled in the token. For anything else there
	// is no header: a missing claim, null, an object, an empty string or array, an array with an element that is no string or an
	// empty one.
	Claims map[string]string

	// Remove names further headers to be removed from every request, folded like the others; they are never set. It is the place for
	// what the backend trusts from elsewhere, such as X-Remote-User or X-Original-URL, and for the headers in which a proxy in front
	// forwards client certificates, such as X-SSL-Client-Cert: authenticators in the guard have read them before.
	Remove []string

	// CredentialHeaders and CredentialCookies name where the guard's sources read credentials, besides Authorization. From a request with
	// an identity these are removed; of the Cookie header, only the named cookies.
	CredentialHeaders, CredentialCookies []string
	// KeepCredential leaves credentials in requests with an identity. The backend can then act as the client, everywhere the
	// credential is good.
	KeepCredential bool

	_ struct{}
}

// certificateHeaders are never the client's to set: Envoy's, and those of RFC 9440.
var certificateHeaders = []string{"X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain"}

// defaultKind goes with the subject.
const defaultKind = "X-Identity-Kind"

// New compiles c. All mistakes are returned together: names that no header or cookie can have, names that differ only in case or
// separators, and names with a meaning of their own in HTTP.
//
// New keeps nothing of c's map and slices.
func New(c Config) (*Headers, error) {
	if c.Subject != "" && c.Kind == "" {
		c.Kind = defaultKind
	}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	h := &Headers{
		subject:  http.CanonicalHeaderKey(c.Subject),
		issuer:   http.CanonicalHeaderKey(c.Issuer),
		clientID: http.CanonicalHeaderKey(c.ClientID),
		scopes:   http.CanonicalHeaderKey(c.Scopes),
		kind:     http.CanonicalHeaderKey(c.Kind),
		managed:  newNames(slices.Concat(certificateHeaders, c.Remove)),
		cookies:  slices.Clone(c.CredentialCookies),
	}
	if !c.KeepCredential {
		h.credentials = newNames(append([]string{"Authorization"}, c.CredentialHeaders...))
	} else {
		h.cookies = nil
	}
	for _, s := range c.set() {
		h.managed.add(s.header)
	}
	for _, claim := range slices.Sorted(maps.Keys(c.Claims)) {
		h.claims = append(h.claims, claimHeader{claim, http.CanonicalHeaderKey(c.Claims[claim])})
	}
	return h, nil
}

// A setting is one header that is set, and the field of Config that says so.
type setting struct{ field, header string }

// set lists the headers that are set.
func (c *Config) set() []setting {
	all := []setting{{"Subject", c.Subject}, {"Issuer", c.Issuer}, {"ClientID", c.ClientID}, {"Scopes", c.Scopes}, {"Kind", c.Kind}}
	all = slices.DeleteFunc(all, func(s setting) bool { return s.header == "" })
	for _, claim := range slices.Sorted(maps.Keys(c.Claims)) {
		all = append(all, setting{fmt.Sprintf("Claims[%q]", claim), c.Claims[claim]})
	}
	return all
}

func (c *Config) mistakes() error {
	var errs []error
	complain := func(field, name, why string) { errs = append(errs, fmt.Errorf("forward: %s: %q %s", field, name, why)) }
	reserved := newNames(slices.Concat(framing, credentials, certificateHeaders, forwarded))
	taken := map[string]string{}
	for _, s := range c.set() {
		switch other, twice := taken[fold(s.header)]; {
		case !isToken(s.header):
			complain(s.field, s.header, "is no header name")
		case reserved.has(s.header):
			complain(s.field, s.header, "has another meaning")
		case twice:
			complain(s.field, s.header, "is the same as that of "+other)
		}
		taken[fold(s.header)] = s.field
	}
	if _, unnamed := c.Claims[""]; unnamed {
		complain("Claims", "", "is no name of a claim")
	}
	errs = append(errs, removals("Remove", c.Remove, taken), removals("CredentialHeaders", c.CredentialHeaders, taken))
	for _, name := range c.CredentialCookies {
		if !isToken(name) {
			complain("CredentialCookies", name, "is no cookie name")
		}
	}
	return errors.Join(errs...)
}

// removals checks names that are only removed, where taken are the folded names that are set, each with its field.
func removals(field string, names []string, taken map[string]string) error {
	var errs []error
	never := newNames(framing)
	for _, name := range names {
		switch other, set := taken[fold(name)]; {
		case !isToken(name):
			errs = append(errs, fmt.Errorf("forward: %s: %q is no header name", field, name))
		case never.has(name):
			errs = append(errs, fmt.Errorf("forward: %s: %q belongs to the connection", field, name))
		case set:
			errs = append(errs, fmt.Errorf("forward: %s: %q is the same as that of %s", field, name, other))
		}
	}
	return errors.Join(errs...)
}

// Headers that HTTP itself, or the proxy, gives a meaning to. None of them can carry an identity.
var (
	framing = []string{
		"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
	}
	credentials = []string{"Authorization", "Cookie", "Proxy-Authenticate", "Proxy-Authorization"}
	forwarded   = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} // ReverseProxy sets them
)
