package middleware

import "strings"

// A challenge builds WWW-Authenticate values (RFC 9110 section 11.6.1) of the scheme Bearer (RFC 6750 section 3).
type challenge struct {
	realm            string
	resourceMetadata string // RFC 9728 section 5.1
}

// with returns the value with error and scope parameters, each left out where empty. Without any parameter it is the bare
// scheme, as RFC 6750 section 3.1 wants it for a request that lacks any authentication information.
func (c challenge) with(code, scope string) string {
	var b strings.Builder
	b.WriteString("Bearer")
	separator := " "
	for _, p := range [...]struct{ name, value string }{
		{"realm", c.realm},
		{"error", code},
		{"scope", scope},
		{"resource_metadata", c.resourceMetadata},
	} {
		if p.value == "" {
			continue
		}
		b.WriteString(separator + p.name + "=")
		writeQuoted(&b, p.value)
		separator = ", "
	}
	return b.String()
}

// writeQuoted writes a quoted-string (RFC 9110 section 5.6.4). What it is given is printable ASCII: New has checked the realm
// and the URL, and the grammar of scope tokens is within it.
func writeQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}
