package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/perimeter-go/perimeter/middleware/forward"
)

// defaultHeaders are the names that identity_headers stands for when it gives none.
var defaultHeaders = headersConfig{
	subject: "X-Identity-Subject", issuer: "X-Identity-Issuer", clientID: "X-Identity-Client",
	scopes: "X-Identity-Scopes", kind: "X-Identity-Kind",
}

// certificateHeaders are where proxies forward certificates, beside those that forward removes by itself. The backend gets none of them,
// whoever has sent it.
var certificateHeaders = []string{"X-SSL-Client-Cert", "X-Forwarded-Tls-Client-Cert"}

// forwarding takes the members of identity_headers one by one, so that a mistake is found at the one that makes it.
//
// The default names are removed from requests also where they are not set: a backend that trusts them must not be open to
// everyone because the section was dropped or a name in it changed.
func (c *config) forwarding(m *mistakes) forward.Config {
	f := forward.Config{KeepCredential: c.forwardAuthorization}
	if h := c.identityHeaders; h != nil {
		for _, member := range []struct {
			name, given, otherwise string
			field                  *string
		}{
			{"subject", h.subject, defaultHeaders.subject, &f.Subject},
			{"issuer", h.issuer, defaultHeaders.issuer, &f.Issuer},
			{"client_id", h.clientID, defaultHeaders.clientID, &f.ClientID},
			{"scopes", h.scopes, defaultHeaders.scopes, &f.Scopes},
			{"kind", h.kind, defaultHeaders.kind, &f.Kind},
		} {
			*member.field = orDefault(member.given, member.otherwise)
			if _, err := forward.New(f); err != nil {
				m.addAll("identity_headers."+member.name, err)
				*member.field = ""
			}
		}
		f.Claims = map[string]string{}
		for _, claim := range slices.Sorted(maps.Keys(h.claims)) {
			f.Claims[claim] = h.claims[claim]
			if _, err := forward.New(f); err != nil {
				m.addAll(memberPath("identity_headers.claims", claim), err)
				delete(f.Claims, claim)
			}
		}
	}
	f.Remove = slices.Compact(slices.Sorted(slices.Values(slices.Concat(unusedDefaults(&f), certificateHeaders, c.mtls.headers()))))
	return f
}

func unusedDefaults(f *forward.Config) []string {
	used := append(slices.Collect(maps.Values(f.Claims)), f.Subject, f.Issuer, f.ClientID, f.Scopes, f.Kind)
	d := &defaultHeaders
	return slices.DeleteFunc([]string{d.subject, d.issuer, d.clientID, d.scopes, d.kind}, func(name string) bool {
		folded := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		return slices.ContainsFunc(used, func(u string) bool { return foldedEqual(u, folded) })
	})
}

func orDefault(given, otherwise string) string {
	if given == "" {
		return otherwise
	}
	return given
}
