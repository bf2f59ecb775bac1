package limit_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/limit"
)

func withCertificate(r *http.Request, der string) *http.Request {
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte(der)}, {Raw: []byte("its issuer")}}}
	return r
}

func TestWhatIsOneCredential(t *testing.T) {
	l := newLimiter(t, func(c *limit.Config) {
		c.Headers, c.Cookies = []string{"x-api-key", "X-Other"}, []string{"session", "sid"}
	})
	const token = "Authorization: Bearer a"
	for _, row := range []struct {
		name string
		a, b *http.Request
		same bool
	}{
		{name: "one token from two addresses", a: from(alice, token), b: from(bob, token), same: true},
		{name: "one token with other headers", a: from(alice, token, "User-Agent: x"), b: from(alice, token, "Accept: y"), same: true},
		{name: "one token beside a cookie that is no credential", a: from(alice, token, "Cookie: theme=dark"), b: from(alice, token), same: true},
		{name: "one session beside other cookies", a: from(alice, "Cookie: theme=dark; session=1"), b: from(alice, "Cookie: session=1; theme=light"), same: true},
		{name: "one session, in two lines of cookies", a: from(alice, "Cookie: theme=dark", "Cookie: session=1"), b: from(alice, "Cookie: session=1"), same: true},
		{name: "one certificate, whatever chain is sent with it", a: withCertificate(from(alice), "x"), b: withCertificate(from(bob), "x"), same: true},

		{name: "one text of too many cookies", a: from(alice, "Cookie: session=1"+strings.Repeat(";a", 1000)), b: from(bob, "Cookie: session=1"+strings.Repeat(";a", 1000)), same: true},

		{name: "two texts of too many cookies", a: from(alice, "Cookie: session=1"+strings.Repeat(";a", 1000)), b: from(alice, "Cookie: session=2"+strings.Repeat(";a", 1000))},
		{name: "two lines of too many cookies", a: from(alice, "Cookie: a=1", "Cookie: session=1"+strings.Repeat(";a", 1000)), b: from(alice, "Cookie: session=1"+strings.Repeat(";a", 1000))},
		{name: "too many cookies beside a long header", a: from(alice, "Cookie: session=1"+strings.Repeat(";a", 50), "Referer: "+strings.Repeat("x", 9<<10)), b: from(alice, "Cookie: session=1"+strings.Repeat(";b", 50), "Referer: "+strings.Repeat("x", 9<<10))},
		{name: "not too many beside a shorter one", a: from(alice, "Cookie: session=1"+strings.Repeat(";a", 50), "Referer: "+strings.Repeat("x", 8<<10)), b: from(alice, "Cookie: session=1"+strings.Repeat(";b", 50), "Referer: "+strings.Repeat("x", 8<<10)), same: true},
		{name: "too long cookies and none", a: from(alice, "Cookie: a="+strings.Repeat("x", 64<<10)), b: from(alice)},
		{name: "a long token", a: from(alice, token+strings.Repeat("x", 120<<10)), b: from(bob, token+strings.Repeat("x", 120<<10)), same: true},
		{name: "one token that is too long, twice", a: from(alice, token+strings.Repeat("x", 128<<10)), b: from(alice, token+strings.Repeat("x", 128<<10))},
		{name: "as much in many headers, twice", a: from(alice, slices.Repeat([]string{token}, 2100)...), b: from(alice, slices.Repeat([]string{token}, 2100)...)},
		{name: "a certificate that is too long, twice", a: withCertificate(from(alice), strings.Repeat("x", 129<<10)), b: withCertificate(from(alice), strings.Repeat("x", 129<<10))},
		{name: "too many cookies for a hash, twice", a: from(alice, "Cookie: a="+strings.Repeat("x", 128<<10)), b: from(alice, "Cookie: a="+strings.Repeat("x", 128<<10))},
		{name: "two tokens", a: from(alice, token), b: from(alice, token+"b")},
		{name: "two spellings of a token", a: from(alice, token), b: from(alice, "Authorization: bearer a")},
		{name: "a token twice", a: from(alice, token), b: from(alice, token, token)},
		{name: "two headers, and one that holds both", a: from(alice, token, token), b: from(alice, token+token)},
		{name: "one value in two headers", a: from(alice, "X-Api-Key: a"), b: from(alice, "X-Other: a")},
		{name: "one value in a header and in a cookie", a: from(alice, "X-Api-Key: a"), b: from(alice, "Cookie: session=a")},
		{name: "one value in two cookies", a: from(alice, "Cookie: sid=a"), b: from(alice, "Cookie: session=a")},
		{name: "a token with and without a session", a: from(alice, token), b: from(alice, token, "Cookie: session=1")},
		{name: "a token with and without a certificate", a: from(alice, token), b: withCertificate(from(alice, token), "x")},
		{name: "two certificates", a: withCertificate(from(alice), "x"), b: withCertificate(from(alice), "y")},
		{name: "an empty header and none", a: from(alice, "Authorization: "), b: from(alice)},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.same, l.Credential(row.a) == l.Credential(row.b))
		})
	}
	require.Zero(t, l.Credential(from(alice, "Cookie: theme=dark", "X-Nothing: a")), "nothing is presented")
}

func TestACredentialOfOneProcessMeansNothingToAnother(t *testing.T) {
	r := bearer(alice, "a")
	one, another := newLimiter(t), newLimiter(t)
	require.NotEqual(t, one.Credential(r), another.Credential(r))
}
