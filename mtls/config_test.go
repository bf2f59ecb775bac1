package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestNewReportsAllMistakesTogether(t *testing.T) {
	root := newRoot(t, "root")
	leaf := root.issue(t)
	notToSign := caTemplate("not to sign")
	notToSign.KeyUsage = x509.KeyUsageCRLSign
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	weak := func(key crypto.Signer) *authority { return issue(t, caTemplate("weak"), nil, key) }
	dns := mtls.DNS("client.example.com")
	bundles := func(domain string, list ...*authority) mtls.Trust {
		return mtls.Trust{Bundles: map[string][]*x509.Certificate{domain: certificates(list...)}}
	}
	with := func(crls ...*x509.RevocationList) mtls.Trust {
		return mtls.Trust{Roots: certificates(root), CRLs: crls}
	}
	noNext := root.revoke(t, 1)
	noNext.NextUpdate = time.Time{}
	for name, row := range map[string]struct {
		trust mtls.Trust
		allow mtls.Rule
		want  []string
	}{
		"nothing at all": {mtls.Trust{}, nil, []string{"neither Roots nor Bundles", "Config.Allow is nil"}},
		"no roots, which would mean every public": {mtls.Trust{}, dns, []string{"neither Roots nor Bundles"}},
		"empty roots":                              {mtls.Trust{Roots: []*x509.Certificate{}}, dns, []string{"neither Roots nor Bundles"}},
		"empty bundles":                            {mtls.Trust{Bundles: map[string][]*x509.Certificate{}}, dns, []string{"neither Roots nor Bundles"}},
		"a nil root":                               {mtls.Trust{Roots: []*x509.Certificate{nil}}, dns, []string{"Trust.Roots[0]: no parsed certificate"}},
		"a root that was never parsed":             {mtls.Trust{Roots: []*x509.Certificate{{}}}, dns, []string{"Trust.Roots[0]: no parsed certificate"}},
		"a leaf as root":                           {trusting(root, leaf), dns, []string{"Trust.Roots[1]: a certificate that is no authority"}},
		"a root that may not sign":                 {trusting(issue(t, notToSign, nil, newKey(t))), dns, []string{"may not sign certificates"}},
		"a root with RSA of 1024 bits":             {trusting(weak(short)), dns, []string{"too weak"}},
		"a root on P-224":                          {trusting(weak(p224)), dns, []string{"too weak"}},
		"a trust domain in capitals":               {bundles("Example.org", root), mtls.SPIFFE("Example.org"), []string{`Bundles["Example.org"]: no trust domain`, `SPIFFE("Example.org"): is no trust domain`}},
		"a trust domain as URI":                    {bundles("spiffe://a", root), mtls.SPIFFE("a"), []string{`Bundles["spiffe://a"]: no trust domain`}},
		"an empty bundle":                          {bundles("a"), mtls.SPIFFE("a"), []string{`Bundles["a"] is empty`}},
		"a leaf in a bundle":                       {bundles("a", leaf), mtls.SPIFFE("a"), []string{`Bundles["a"][0]: a certificate that is no authority`}},
		"a rule for a domain without a bundle":     {bundles("a", root), mtls.AnyOf(mtls.SPIFFE("a"), mtls.SPIFFE("b")), []string{`SPIFFE("b"): nobody may vouch for it`}},
		"a DNS rule without roots":                 {bundles("a", root), dns, []string{`DNS("client.example.com"): nobody may vouch for it`}},
		"a nil list":                               {with(nil), dns, []string{"Trust.CRLs[0]: no parsed revocation list"}},
		"a list that another root signed":          {with(newRoot(t, "root").revoke(t, 1)), dns, []string{"CN=root: a revocation list that the authority of its name did not sign"}},
		"a list without its next":                  {with(noNext), dns, []string{"says nowhere when it is to be replaced"}},
		"a nil rule among others":                  {trusting(root), mtls.AnyOf(dns, nil), []string{"AnyOf: rule 1 is nil"}},
		"an empty URI":                             {trusting(root), mtls.URI(""), []string{`URI(""): is no absolute URI`}},
		"a URI without a scheme":                   {trusting(root), mtls.URI("//host/path"), []string{"is no absolute URI"}},
		"a URI with a blank":                       {trusting(root), mtls.URI("urn:a b"), []string{"is no absolute URI"}},
		"a SPIFFE ID as URI":                       {trusting(root), mtls.URI("spiffe://example.org/a"), []string{"is for SPIFFE to admit"}},
		"a SPIFFE ID in capitals as URI":           {trusting(root), mtls.URI("SPIFFE://example.org/a"), []string{"is for SPIFFE to admit"}},
		"an empty trust domain":                    {trusting(root), mtls.SPIFFE(""), []string{"is no trust domain"}},
		"a trust domain with a port":               {trusting(root), mtls.SPIFFE("example.org:443"), []string{"is no trust domain"}},
		"a path without a slash":                   {trusting(root), mtls.SPIFFE("a", "ns/prod"), []string{"a path is /segment/segment"}},
		"an empty path":                            {trusting(root), mtls.SPIFFE("a", ""), []string{"a path is /segment/segment"}},
		"the root path":                            {trusting(root), mtls.SPIFFE("a", "/"), []string{"a path is /segment/segment"}},
		"a path that ends in a slash":              {trusting(root), mtls.SPIFFE("a", "/ns/"), []string{"a path is /segment/segment"}},
		"a relative path":                          {trusting(root), mtls.SPIFFE("a", "/ns/../b"), []string{"a path is /segment/segment"}},
		"a star within a segment":                  {trusting(root), mtls.SPIFFE("a", "/ns/prod-*"), []string{"a path is /segment/segment"}},
		"two stars":                                {trusting(root), mtls.SPIFFE("a", "/ns/**"), []string{"a path is /segment/segment"}},
		"an encoded path":                          {trusting(root), mtls.SPIFFE("a", "/n%73"), []string{"a path is /segment/segment"}},
		"an empty DNS name":                        {trusting(root), mtls.DNS(""), []string{`DNS(""): is no DNS name`}},
		"a DNS wildcard":                           {trusting(root), mtls.DNS("*.example.com"), []string{"is no DNS name"}},
		"a DNS name with a NUL":                    {trusting(root), mtls.DNS("a\x00.example.com"), []string{"is no DNS name"}},
		"a DNS name that ends in a dot":            {trusting(root), mtls.DNS("example.com."), []string{"is no DNS name"}},
		"an address without a host":                {trusting(root), mtls.Email("alice"), []string{"is no address"}},
		"an address with two":                      {trusting(root), mtls.Email("a@b@example.com"), []string{"is no address"}},
		"an empty common name":                     {trusting(root), mtls.CommonName(""), []string{"is no plain text"}},
		"a common name with a line break":          {trusting(root), mtls.CommonName("a\nb"), []string{"is no plain text"}},
		"a common name that is no text":            {trusting(root), mtls.CommonName("a\xff"), []string{"is no plain text"}},
		"several at once":                          {mtls.Trust{Roots: []*x509.Certificate{leaf.Certificate, nil}}, mtls.AnyOf(mtls.DNS(""), mtls.URI("")), []string{"Roots[0]", "Roots[1]", `DNS("")`, `URI("")`}},
		"nothing that an empty AnyOf would let in": {trusting(root), mtls.AnyOf(nil), []string{"AnyOf: rule 0 is nil"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := mtls.New(mtls.Config{Trust: row.trust, Allow: row.allow}, nil)
			require.Nil(t, v)
			require.Error(t, err)
			for _, want := range row.want {
				require.ErrorContains(t, err, want)
			}
			require.NotErrorIs(t, err, mtls.ErrRefused)
		})
	}
}

func TestTheTrustIsCopied(t *testing.T) {
	root, other := newRoot(t, "root"), newRoot(t, "other")
	given := trusting(root)
	v := newVerifier(t, given, mtls.DNS("client.example.com"))
	given.Roots[0] = other.Certificate
	*root.Certificate = *other.Certificate
	require.Equal(t, "chain", verdict(v, other.issue(t)))
}

func TestWhatNewDidNotMakeAcceptsNobodyAndRefusesNobody(t *testing.T) {
	root := newRoot(t, "root")
	leaf := root.issue(t)
	for name, v := range map[string]*mtls.Verifier{"nil": nil, "zero": {}} {
		_, err := v.Verify(state(leaf))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, mtls.ErrRefused)
		require.NotErrorIs(t, err, mtls.ErrNoCertificate)
		require.Equal(t, mtls.ReasonUndecided, mtls.ReasonOf(err))
		require.Error(t, v.SetTrust(trusting(root)))
		require.Error(t, v.Watch(t.Context(), mtls.Files{Roots: []string{"roots.pem"}}, 1e9))
		require.Zero(t, v.Status())
		require.Error(t, v.TLSConfig(nil, mtls.Require).VerifyConnection(*state(leaf)))
	}
}

func TestSetTrust(t *testing.T) {
	root, next := newRoot(t, "root"), newRoot(t, "next")
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	old, young := root.issue(t), next.issue(t)
	require.Equal(t, []string{"client.example.com", "chain"}, []string{verdict(v, old), verdict(v, young)})

	require.Error(t, v.SetTrust(mtls.Trust{}))
	require.Error(t, v.SetTrust(trusting(next, old)))
	require.Equal(t, []string{"client.example.com", "chain"}, []string{verdict(v, old), verdict(v, young)}, "after an error the old trust stays")

	require.NoError(t, v.SetTrust(trusting(root, next)))
	require.Equal(t, []string{"client.example.com", "client.example.com"}, []string{verdict(v, old), verdict(v, young)})

	require.NoError(t, v.SetTrust(trusting(next)))
	require.Equal(t, []string{"chain", "client.example.com"}, []string{verdict(v, old), verdict(v, young)}, "a remembered chain falls with its root")
}

func TestNoRequestFallsBetweenTwoTrusts(t *testing.T) {
	root, next := newRoot(t, "root"), newRoot(t, "next")
	leaf := root.issue(t)
	trusts := []mtls.Trust{
		{Roots: certificates(root), CRLs: []*x509.RevocationList{root.revoke(t, 1)}},
		{Roots: certificates(next, root), CRLs: []*x509.RevocationList{root.revoke(t, 2)}},
	}
	v := newVerifier(t, trusts[0], mtls.DNS("client.example.com"))
	var readers sync.WaitGroup
	verdicts := make([]map[string]int, 4)
	for i := range verdicts {
		verdicts[i] = map[string]int{}
		readers.Go(func() {
			for range 200 {
				verdicts[i][verdict(v, leaf)]++
				_ = v.Status()
			}
		})
	}
	for i := range 50 {
		require.NoError(t, v.SetTrust(trusts[i%2]))
	}
	readers.Wait()
	for _, got := range verdicts {
		require.Equal(t, map[string]int{"client.example.com": 200}, got)
	}
}
