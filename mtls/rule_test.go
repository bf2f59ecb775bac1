package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

const (
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
)

func commonName(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
}

func keyUsage(usage x509.KeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.KeyUsage = usage }
}

func TestARuleNamesThePeerByTypeAndExactValue(t *testing.T) {
	root := newRoot(t, "root")
	type edits []func(*x509.Certificate)
	id := "spiffe://example.org/ns/prod/orders"
	long := "spiffe://example.org/" + strings.Repeat("a", 2048-len("spiffe://example.org/"))
	for name, row := range map[string]struct {
		allow mtls.Rule
		with  edits
		want  string
		kind  mtls.Kind
	}{
		"a URI":                                 {mtls.URI("urn:orders"), edits{uris(t, "urn:orders")}, "urn:orders", mtls.KindURI},
		"one URI of two":                        {mtls.URI("urn:orders"), edits{uris(t, "urn:other", "urn:orders")}, "urn:orders", mtls.KindURI},
		"a URI in capitals":                     {mtls.URI("urn:orders"), edits{uris(t, "urn:Orders")}, "name", ""},
		"a URI that net/url would repair":       {mtls.URI("https://example.com/%41"), edits{uris(t, "https://example.com/A")}, "name", ""},
		"a URI whose scheme is in capitals":     {mtls.URI("https://example.com/a"), edits{sans(t, san{tagURI, "HTTPS://example.com/a"})}, "name", ""},
		"a URI with a longer tail":              {mtls.URI("urn:orders"), edits{uris(t, "urn:orders2")}, "name", ""},
		"a URI as DNS name":                     {mtls.URI("urn:orders"), edits{sans(t, san{tagDNS, "urn:orders"})}, "name", ""},
		"a URI as common name":                  {mtls.URI("urn:orders"), edits{commonName("urn:orders")}, "name", ""},
		"a DNS name":                            {mtls.DNS("client.example.com"), nil, "client.example.com", mtls.KindDNS},
		"a DNS name in another case":            {mtls.DNS("Client.example.com"), edits{sans(t, san{tagDNS, "CLIENT.example.COM"})}, "client.example.com", mtls.KindDNS},
		"a wildcard in the certificate":         {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "*.example.com"})}, "name", ""},
		"a wildcard on both sides":              {mtls.AnyOf(mtls.DNS("client.example.com"), mtls.URI("urn:a")), edits{sans(t, san{tagDNS, "*.example.com"})}, "name", ""},
		"a DNS name that ends in a dot":         {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com."})}, "name", ""},
		"a DNS name below":                      {mtls.DNS("example.com"), nil, "name", ""},
		"a DNS name as common name":             {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "x"}), commonName("client.example.com")}, "name", ""},
		"a DNS name as address":                 {mtls.DNS("client.example.com"), edits{sans(t, san{tagEmail, "client.example.com"})}, "name", ""},
		"a DNS name with a NUL":                 {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com\x00.evil.example"})}, "name", ""},
		"a good DNS name beside one with a NUL": {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com"}, san{tagDNS, "x\x00y"})}, "name", ""},
		"a good DNS name beside a blank":        {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com"}, san{tagDNS, "a b"})}, "name", ""},
		"a good DNS name beside an odd address": {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com"}, san{tagEmail, "a\x7f@b"})}, "name", ""},
		"a good DNS name beside other kinds":    {mtls.DNS("client.example.com"), edits{sans(t, san{tagDNS, "client.example.com"}, san{7, "\x7f\x00\x00\x01"})}, "client.example.com", mtls.KindDNS},
		"an address":                            {mtls.Email("alice@example.com"), edits{sans(t, san{tagEmail, "alice@example.com"})}, "alice@example.com", mtls.KindEmail},
		"an address in another case":            {mtls.Email("alice@example.com"), edits{sans(t, san{tagEmail, "Alice@example.com"})}, "name", ""},
		"an address as common name":             {mtls.Email("alice@example.com"), edits{commonName("alice@example.com")}, "name", ""},
		"a common name":                         {mtls.CommonName("Alice Müller"), edits{commonName("Alice Müller")}, "Alice Müller", mtls.KindCommonName},
		"a common name in another case":         {mtls.CommonName("alice"), edits{commonName("Alice")}, "name", ""},
		"a common name with a NUL":              {mtls.CommonName("alice"), edits{commonName("alice\x00")}, "name", ""},
		"two common names": {mtls.CommonName("alice"), edits{func(c *x509.Certificate) {
			c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "bob"}, {Type: []int{2, 5, 4, 3}, Value: "alice"}}}
		}}, "name", ""},
		"a common name as DNS name":                {mtls.CommonName("client.example.com"), nil, "name", ""},
		"a SPIFFE ID":                              {mtls.SPIFFE("example.org"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID beside DNS names":             {mtls.SPIFFE("example.org"), edits{sans(t, san{tagURI, id}, san{tagDNS, "a"}, san{tagDNS, "b"})}, id, mtls.KindSPIFFE},
		"a SPIFFE ID of its path":                  {mtls.SPIFFE("example.org", "/ns/prod/orders"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID below a path":                 {mtls.SPIFFE("example.org", "/ns/prod/*"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID far below a path":             {mtls.SPIFFE("example.org", "/ns/*"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID with any segment":             {mtls.SPIFFE("example.org", "/ns/*/orders"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID of the second path":           {mtls.SPIFFE("example.org", "/x", "/ns/prod/orders"), edits{uris(t, id)}, id, mtls.KindSPIFFE},
		"a SPIFFE ID at a path, not below":         {mtls.SPIFFE("example.org", "/ns/prod/orders/*"), edits{uris(t, id)}, "name", ""},
		"a SPIFFE ID below, not at a path":         {mtls.SPIFFE("example.org", "/ns/prod"), edits{uris(t, id)}, "name", ""},
		"a SPIFFE ID whose segment goes on":        {mtls.SPIFFE("example.org", "/ns/pro/*"), edits{uris(t, id)}, "name", ""},
		"one star for two segments":                {mtls.SPIFFE("example.org", "/*/orders"), edits{uris(t, id)}, "name", ""},
		"a path in another case":                   {mtls.SPIFFE("example.org", "/ns/prod/Orders"), edits{uris(t, id)}, "name", ""},
		"a SPIFFE ID of another domain":            {mtls.SPIFFE("example.com"), edits{uris(t, id)}, "name", ""},
		"a SPIFFE ID of a domain below":            {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://a.example.org/x")}, "name", ""},
		"a SPIFFE ID of 2048 bytes":                {mtls.SPIFFE("example.org"), edits{uris(t, long)}, long, mtls.KindSPIFFE},
		"a SPIFFE ID of 2049 bytes":                {mtls.SPIFFE("example.org"), edits{uris(t, long+"a")}, "name", ""},
		"a SPIFFE ID beside another URI":           {mtls.SPIFFE("example.org"), edits{uris(t, id, "urn:a")}, "name", ""},
		"a SPIFFE ID twice":                        {mtls.SPIFFE("example.org"), edits{uris(t, id, id)}, "name", ""},
		"a SPIFFE ID without a path":               {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://example.org")}, "name", ""},
		"a SPIFFE ID with the root path":           {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://example.org/")}, "name", ""},
		"a SPIFFE ID that ends in a slash":         {mtls.SPIFFE("example.org"), edits{uris(t, id+"/")}, "name", ""},
		"a SPIFFE ID with an empty segment":        {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://example.org/ns//orders")}, "name", ""},
		"a SPIFFE ID that goes up":                 {mtls.SPIFFE("example.org", "/ns/prod/*"), edits{uris(t, "spiffe://example.org/ns/prod/../dev")}, "name", ""},
		"a SPIFFE ID with a query":                 {mtls.SPIFFE("example.org"), edits{uris(t, id+"?a=b")}, "name", ""},
		"a SPIFFE ID with an empty query":          {mtls.SPIFFE("example.org"), edits{uris(t, id+"?")}, "name", ""},
		"a SPIFFE ID with a fragment":              {mtls.SPIFFE("example.org"), edits{uris(t, id+"#a")}, "name", ""},
		"a SPIFFE ID with a user":                  {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://a@example.org/x")}, "name", ""},
		"a SPIFFE ID with a port":                  {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://example.org:443/x")}, "name", ""},
		"a SPIFFE ID with percent-encoding":        {mtls.SPIFFE("example.org"), edits{sans(t, san{tagURI, "spiffe://example.org/n%73/prod"})}, "name", ""},
		"a SPIFFE ID whose scheme is in capitals":  {mtls.SPIFFE("example.org"), edits{sans(t, san{tagURI, "SPIFFE://example.org/x"})}, "name", ""},
		"a SPIFFE ID whose domain is in capitals":  {mtls.SPIFFE("example.org"), edits{uris(t, "spiffe://Example.org/x")}, "name", ""},
		"a SPIFFE ID without key usage":            {mtls.SPIFFE("example.org"), edits{uris(t, id), keyUsage(0)}, "name", ""},
		"a SPIFFE ID as DNS name":                  {mtls.SPIFFE("example.org"), edits{sans(t, san{tagDNS, id})}, "name", ""},
		"a SPIFFE ID as common name":               {mtls.SPIFFE("example.org"), edits{commonName(id)}, "name", ""},
		"the first rule names, not the first name": {mtls.AnyOf(mtls.DNS("b.example.com"), mtls.DNS("a.example.com")), edits{sans(t, san{tagDNS, "a.example.com"}, san{tagDNS, "b.example.com"})}, "b.example.com", mtls.KindDNS},
		"rules of rules":                           {mtls.AnyOf(mtls.URI("urn:a"), mtls.AnyOf(mtls.CommonName("common"), mtls.DNS("client.example.com"))), nil, "common", mtls.KindCommonName},
		"no name at all":                           {mtls.DNS("client.example.com"), edits{func(c *x509.Certificate) { c.DNSNames, c.Subject = nil, pkix.Name{} }}, "name", ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, trusting(root), row.allow)
			peer, err := v.Verify(state(root.issue(t, row.with...)))
			if row.kind == "" {
				require.ErrorIs(t, err, mtls.ErrRefused)
				require.Equal(t, row.want, string(mtls.ReasonOf(err)))
				require.Nil(t, peer)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, peer.Name())
			require.Equal(t, row.kind, peer.Kind())
			require.True(t, peer.Is(row.allow))
		})
	}
}

func TestIsAsksAnotherRuleAboutAnAdmittedPeer(t *testing.T) {
	root := newRoot(t, "root")
	v := newVerifier(t, trusting(root), mtls.SPIFFE("example.org"))
	peer, err := v.Verify(state(root.issue(t, sans(t, san{tagURI, "spiffe://example.org/ns/prod/orders"}, san{tagDNS, "a.example.com"}))))
	require.NoError(t, err)
	for name, row := range map[string]struct {
		rule mtls.Rule
		want bool
	}{
		"its path":                        {mtls.SPIFFE("example.org", "/ns/prod/*"), true},
		"another name of it":              {mtls.DNS("a.example.com"), true},
		"one of several":                  {mtls.AnyOf(nil, mtls.URI("urn:a"), mtls.DNS("a.example.com")), true},
		"another path":                    {mtls.SPIFFE("example.org", "/ns/dev/*"), false},
		"nil":                             {nil, false},
		"any of nothing":                  {mtls.AnyOf(nil), false},
		"a malformed rule":                {mtls.SPIFFE("example.org", "/ns/prod/orders", "x"), false},
		"a URI rule for the SPIFFE ID":    {mtls.URI("spiffe://example.org/ns/prod/orders"), false},
		"a common name that is not there": {mtls.CommonName(""), false},
	} {
		require.Equal(t, row.want, peer.Is(row.rule), name)
		require.False(t, (*mtls.Peer)(nil).Is(row.rule), name)
	}
}

func TestWhoMayVouchForWhat(t *testing.T) {
	root, a, b := newRoot(t, "root"), newRoot(t, "a"), newRoot(t, "b")
	trust := mtls.Trust{
		Roots:   certificates(root),
		Bundles: map[string][]*x509.Certificate{"a.example": certificates(a), "b.example": certificates(b)},
	}
	allow := mtls.AnyOf(mtls.DNS("host.example.com"), mtls.SPIFFE("a.example"), mtls.SPIFFE("b.example"))
	v := newVerifier(t, trust, allow)
	idA, idB := "spiffe://a.example/x", "spiffe://b.example/x"
	for name, row := range map[string]struct {
		by   *authority
		sans []san
		want string
	}{
		"a for a":                                   {a, []san{{tagURI, idA}}, idA},
		"b for b":                                   {b, []san{{tagURI, idB}}, idB},
		"a for b":                                   {a, []san{{tagURI, idB}}, "chain"},
		"b for a":                                   {b, []san{{tagURI, idA}}, "chain"},
		"the root for a":                            {root, []san{{tagURI, idA}}, "chain"},
		"the root for a host":                       {root, []san{{tagDNS, "host.example.com"}}, "host.example.com"},
		"a for a host":                              {a, []san{{tagDNS, "host.example.com"}}, "chain"},
		"a for a host beside its own":               {a, []san{{tagDNS, "host.example.com"}, {tagURI, idA}}, idA},
		"a for a host beside b's":                   {a, []san{{tagDNS, "host.example.com"}, {tagURI, idB}}, "chain"},
		"the root for a host beside an ID":          {root, []san{{tagDNS, "host.example.com"}, {tagURI, idA}}, "host.example.com"},
		"the root for an ID of nobody":              {root, []san{{tagURI, "spiffe://c.example/x"}}, "name"},
		"nobody's root for a":                       {newRoot(t, "a"), []san{{tagURI, idA}}, "chain"},
		"an intermediate of b with a's name":        {b.newIntermediate(t, "a"), []san{{tagURI, idA}}, "chain"},
		"an intermediate of a under its own bundle": {a.newIntermediate(t, "i"), []san{{tagURI, idA}}, idA},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, verdict(v, row.by.issue(t, sans(t, row.sans...)), row.by, a, b))
		})
	}

	peer, err := v.Verify(state(a.issue(t, sans(t, san{tagURI, idA}, san{tagDNS, "host.example.com"}))))
	require.NoError(t, err)
	require.False(t, peer.Is(mtls.DNS("host.example.com")), "a bundle vouches for no host name, on a route either")
	peer, err = v.Verify(state(root.issue(t, sans(t, san{tagURI, idA}, san{tagDNS, "host.example.com"}))))
	require.NoError(t, err)
	require.False(t, peer.Is(mtls.SPIFFE("a.example")), "the roots vouch for no SPIFFE ID, on a route either")
}

func TestRulesReadAsTheyAreWritten(t *testing.T) {
	rule := mtls.AnyOf(mtls.URI("urn:a"), mtls.SPIFFE("a", "/b", "/c/*"), mtls.SPIFFE("d"), mtls.DNS("E.example"), mtls.Email("f@g"), mtls.CommonName(`h"`), nil)
	require.Equal(t, `AnyOf(URI("urn:a"), SPIFFE("a", "/b", "/c/*"), SPIFFE("d"), DNS("e.example"), Email("f@g"), CommonName("h\""), nil)`, rule.String())
}
