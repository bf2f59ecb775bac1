package mtls_test

import (
	"strings"
	"testing"

	"github.com/perimeter-go/perimeter/mtls"
)

func hops(tb testing.TB, n int) *mtls.Forwarded {
	tb.Helper()
	return forwarder(tb, nil, mtls.ForwardedConfig{Format: mtls.FormatXFCC, Hops: n, TrustedProxies: proxyRange})
}

func TestTheElementThatCountsIsTheFirstTrustedProxys(t *testing.T) {
	client, edge, inner, forged := mint(t, nil), mint(t, nil), mint(t, nil), mint(t, nil)
	elements := func(list ...string) map[string][]string {
		return headers("X-Forwarded-Client-Cert", strings.Join(list, ","))
	}
	for _, row := range []struct {
		name   string
		hops   int
		header map[string][]string
		want   *authority
	}{
		{"one proxy that sets", 1, elements(envoy(client)), client},
		{"no number is one", 0, elements(envoy(client)), client},
		{"one proxy that appends to what the client has sent", 1, elements(envoy(forged), envoy(client)), client},
		{"and to much of it", 1, elements(strings.Repeat(envoy(forged)+",", 31) + envoy(client)), client},
		{"two proxies, the second appends", 2, elements(envoy(client), envoy(edge)), client},
		{"two proxies that append to what the client has sent", 2, elements(envoy(forged), envoy(client), envoy(edge)), client},
		{"three", 3, elements(envoy(client), envoy(edge), envoy(inner)), client},
		{"the names of later hops are proxies'", 2, elements(envoy(client), envoy(edge, "URI=spiffe://example.com/edge", "DNS=edge")), client},
		{"the names of the client itself", 1, elements(envoy(client, "URI=spiffe://example.com/a", "DNS=a")), client},
		{"a blank after the comma", 2, elements(envoy(client), " \t"+envoy(edge)), client},
		{"what the client has sent need be no certificate", 1, elements(`Cert="x";Hash=1`, envoy(client)), client},
	} {
		t.Run(row.name, func(t *testing.T) { requireRead(t, hops(t, row.hops), row.header, row.want) })
	}
}

func TestWithFewerElementsThanHopsThereIsNoCertificate(t *testing.T) {
	edge := mint(t, nil)
	requireNone(t, hops(t, 2), headers("X-Forwarded-Client-Cert", envoy(edge)))
	requireNone(t, hops(t, 3), headers("X-Forwarded-Client-Cert", envoy(edge)+","+envoy(edge)))
}

// Envoy writes the URI and DNS names of a certificate as they are. Whoever can get a certificate, or need not get one because the
// proxy does not verify, can have a name like these.
func TestANameCannotPassForAnElement(t *testing.T) {
	client, edge, victim := mint(t, nil), mint(t, nil), mint(t, nil)
	for _, row := range []struct {
		name, value string
		hops        int
	}{
		{"a URI with a comma", envoy(client, "URI=spiffe://a/b,"+envoy(victim)), 1},
		{"a DNS with a comma", envoy(client, "DNS=a,"+envoy(victim)), 1},
		{"a URI that begins with the comma", envoy(client, "URI=,"+envoy(victim)), 1},
		{"a URI that is quoted", envoy(client, `URI="a",`+envoy(victim)), 1},
		{"a URI that leaves a quoted pair behind", envoy(client, `URI=a;Subject="x",`+envoy(victim)), 1},
		{"a URI of several elements", envoy(client, "URI=a,By=b,"+envoy(victim)), 1},
		{"a URI, and the key in another case", envoy(client, "uri=a,"+envoy(victim)), 1},
		{"before the element of a second hop", envoy(client, "URI=a,"+envoy(victim)) + "," + envoy(edge, "URI=spiffe://example.com/edge"), 2},
		{"behind what the client has sent", "By=x," + envoy(client, "URI=a,"+envoy(victim)), 1},
		{"behind an open quote that the client has sent", `By="x,` + envoy(client, `URI=",`+envoy(victim)), 1},
		{"a URI that opens a quote", envoy(client, `URI="a,`+envoy(victim)), 1},
		{"more elements than anyone sends", strings.Repeat("By=x,", 32) + envoy(victim), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireMalformed(t, hops(t, row.hops), headers("X-Forwarded-Client-Cert", row.value))
		})
	}
}
