package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestRevocation(t *testing.T) {
	root := newRoot(t, "root")
	middle := root.newIntermediate(t, "middle")
	leaf := middle.issue(t)
	direct := root.issue(t)
	for name, row := range map[string]struct {
		lists []*x509.RevocationList
		chain []*authority
		want  string
	}{
		"no lists":                                {nil, []*authority{leaf, middle}, "client.example.com"},
		"lists of all issuers":                    {[]*x509.RevocationList{root.revoke(t, 1), middle.revoke(t, 1)}, []*authority{leaf, middle}, "client.example.com"},
		"the leaf is revoked":                     {[]*x509.RevocationList{root.revoke(t, 1), middle.revoke(t, 1, leaf)}, []*authority{leaf, middle}, "revoked"},
		"the intermediate is revoked":             {[]*x509.RevocationList{root.revoke(t, 1, middle), middle.revoke(t, 1)}, []*authority{leaf, middle}, "revoked"},
		"another is revoked":                      {[]*x509.RevocationList{root.revoke(t, 1, direct), middle.revoke(t, 1, direct)}, []*authority{leaf, middle}, "client.example.com"},
		"the same serial by another issuer":       {[]*x509.RevocationList{root.revoke(t, 1, leaf), middle.revoke(t, 1)}, []*authority{leaf, middle}, "client.example.com"},
		"no list of the intermediate":             {[]*x509.RevocationList{root.revoke(t, 1)}, []*authority{leaf, middle}, "undecided"},
		"no list of the root":                     {[]*x509.RevocationList{middle.revoke(t, 1)}, []*authority{leaf, middle}, "undecided"},
		"no list of the root, but revoked":        {[]*x509.RevocationList{middle.revoke(t, 1, leaf)}, []*authority{leaf, middle}, "revoked"},
		"only a list of a stranger":               {[]*x509.RevocationList{newRoot(t, "stranger").revoke(t, 1)}, []*authority{direct}, "undecided"},
		"a list that a namesake of middle signed": {[]*x509.RevocationList{root.revoke(t, 1), root.newIntermediate(t, "middle").revoke(t, 1)}, []*authority{leaf, middle}, "undecided"},
		"the newest counts, it adds":              {[]*x509.RevocationList{root.revoke(t, 1), root.revoke(t, 2, direct)}, []*authority{direct}, "revoked"},
		"the newest counts, it stands first":      {[]*x509.RevocationList{root.revoke(t, 2, direct), root.revoke(t, 1)}, []*authority{direct}, "revoked"},
		"the newest counts, it takes back":        {[]*x509.RevocationList{root.revoke(t, 1, direct), root.revoke(t, 2)}, []*authority{direct}, "client.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: row.lists}, mtls.DNS("client.example.com"))
			for range 2 {
				require.Equal(t, row.want, verdict(v, row.chain...))
			}
			_, err := v.Verify(state(row.chain...))
			if row.want == "undecided" {
				require.Error(t, err)
				require.NotErrorIs(t, err, mtls.ErrRefused, "undecided is no refusal")
				require.NotErrorIs(t, err, mtls.ErrNoCertificate)
			}
		})
	}
}

func TestALongOrOddSerialIsRevokedToo(t *testing.T) {
	root := newRoot(t, "root")
	long := new(big.Int).Lsh(big.NewInt(1), 300)
	numbered := func(n *big.Int) *authority { return root.issue(t, func(c *x509.Certificate) { c.SerialNumber = n }) }
	bad, good := numbered(long), numbered(new(big.Int).Add(long, big.NewInt(1)))
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 159), big.NewInt(1))
	worst := numbered(most)
	v := newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{root.revoke(t, 1, bad, worst)}}, mtls.DNS("client.example.com"))
	require.Equal(t, []string{"revoked", "client.example.com", "revoked"}, []string{verdict(v, bad), verdict(v, good), verdict(v, worst)})
}

func TestAListThatIsNotTakenIsAMistake(t *testing.T) {
	mayNot := caTemplate("root")
	mayNot.KeyUsage = x509.KeyUsageCertSign
	root, silent := newRoot(t, "root"), newRoot(t, "root")
	extended := func(critical bool, oid ...int) *x509.RevocationList {
		l := listTemplate(1)
		l.ExtraExtensions = []pkix.Extension{{Id: oid, Critical: critical, Value: []byte{0x30, 0}}}
		return root.sign(t, l)
	}
	entry := func(e x509.RevocationListEntry) *x509.RevocationList {
		l := listTemplate(1)
		e.SerialNumber, e.RevocationTime = big.NewInt(1), time.Now()
		l.RevokedCertificateEntries = []x509.RevocationListEntry{e}
		return root.sign(t, l)
	}
	pointed := func(value []byte) *x509.RevocationList { return root.sign(t, withPoint(listTemplate(1), value)) }
	broken := root.revoke(t, 1)
	broken.Signature = append([]byte{}, broken.Signature...)
	broken.Signature[len(broken.Signature)-1] ^= 1
	for name, row := range map[string]struct {
		list *x509.RevocationList
		root *authority
		want string
	}{
		"a broken signature":                {broken, root, "did not sign"},
		"a namesake":                        {silent.revoke(t, 1), root, "did not sign"},
		"a delta":                           {extended(true, 2, 5, 29, 27), root, "a delta"},
		"a delta that is not critical":      {extended(false, 2, 5, 29, 27), root, "a delta"},
		"of some certificates":              {extended(true, 2, 5, 29, 28), root, "does not cover all"},
		"of some, not critical":             {extended(false, 2, 5, 29, 28), root, "does not cover all"},
		"for users only":                    {pointed([]byte{0x30, 3, 0x81, 1, 0xff}), root, "does not cover all"},
		"for some reasons of a point":       {pointed(append([]byte{0x30, 13}, append(point("u:a")[2:], 0x83, 2, 1, 6)...)), root, "does not cover all"},
		"for a point that is relative":      {pointed([]byte{0x30, 4, 0xa0, 2, 0xa1, 0}), root, "does not cover all"},
		"for a point that has no URI":       {pointed([]byte{0x30, 6, 0xa0, 4, 0xa0, 2, 0x82, 0}), root, "does not cover all"},
		"for a point that is cut off":       {pointed([]byte{0x30, 6, 0xa0, 4, 0xa0, 2, 0x86, 1}), root, "does not cover all"},
		"a critical unknown":                {extended(true, 1, 2, 3), root, "critical extension"},
		"an entry taken back":               {entry(x509.RevocationListEntry{ReasonCode: 8}), root, "only a delta has"},
		"an entry of another issuer":        {entry(x509.RevocationListEntry{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}}), root, "critical extension"},
		"a list that was never parsed":      {&x509.RevocationList{}, root, "no parsed revocation list"},
		"by an authority that may not sign": {nil, nil, "did not sign, or may not"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.root == nil {
				key := newKey(t)
				signer := issue(t, caTemplate("root"), nil, key)
				row.root, row.list = issue(t, mayNot, nil, key), signer.revoke(t, 1)
				row.list.AuthorityKeyId = nil
			}
			_, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: certificates(row.root), CRLs: []*x509.RevocationList{row.list}}, Allow: mtls.DNS("a")}, nil)
			require.ErrorContains(t, err, row.want)
		})
	}
	require.NotNil(t, newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{extended(false, 1, 2, 3)}}, mtls.DNS("a")), "what is unknown and not critical does not matter")
	require.NotNil(t, newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{entry(x509.RevocationListEntry{ReasonCode: 6})}}, mtls.DNS("a")), "a hold is a revocation")
}

func TestAStaleListFailsClosedAndUndecided(t *testing.T) {
	for name, row := range map[string]struct {
		stale             bool
		good, bad, absent string
	}{
		"by default":        {false, "undecided", "revoked", "undecided"},
		"InsecureStaleCRLs": {true, "client.example.com", "revoked", "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := newRoot(t, "root")
				middle := root.newIntermediate(t, "middle")
				template := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10 * time.Hour) }
				good, bad, absent := root.issue(t, template), root.issue(t, template), middle.issue(t, template)
				trust := mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{root.revoke(t, 1, bad)}}
				v, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.DNS("client.example.com")}, &mtls.Options{InsecureStaleCRLs: row.stale})
				require.NoError(t, err)
				ask := func() []string { return []string{verdict(v, good), verdict(v, bad), verdict(v, absent, middle)} }
				require.Equal(t, []string{"client.example.com", "revoked", "undecided"}, ask())
				time.Sleep(time.Hour - time.Nanosecond)
				require.Equal(t, []string{"client.example.com", "revoked", "undecided"}, ask())
				time.Sleep(time.Nanosecond)
				require.Equal(t, []string{row.good, row.bad, row.absent}, ask())

				trust.CRLs = []*x509.RevocationList{root.revoke(t, 2, bad)}
				require.NoError(t, v.SetTrust(trust))
				require.Equal(t, []string{"client.example.com", "revoked", "undecided"}, ask(), "a new list")
			})
		})
	}
}

func TestAnOlderListDoesNotReplaceTheOneInUse(t *testing.T) {
	root := newRoot(t, "root")
	middle := root.newIntermediate(t, "middle")
	leaf := middle.issue(t)
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	set := func(lists ...*x509.RevocationList) string {
		require.NoError(t, v.SetTrust(mtls.Trust{Roots: certificates(root), CRLs: lists}))
		return verdict(v, leaf, middle)
	}
	before, after := middle.revoke(t, 1), middle.revoke(t, 2, leaf)
	roots := root.revoke(t, 1)
	require.Equal(t, "client.example.com", set(roots, before))
	require.Equal(t, "revoked", set(roots, after))
	require.Equal(t, "revoked", set(roots, before))
	require.Equal(t, "revoked", set(roots, before), "nor by insisting")
	require.Len(t, v.Status().Lists, 3)
	require.Equal(t, "client.example.com", set(roots, middle.revoke(t, 3)))
	require.Len(t, v.Status().Lists, 2, "what no longer counts is not kept")
	require.Equal(t, "undecided", set(roots), "to leave a list out is to say so")
	require.Equal(t, "client.example.com", set(), "and so is to leave all out")
}

func TestAHeldListDoesNotOutlastWhatAnotherAuthorityOfItsNameSays(t *testing.T) {
	root, namesake := newRoot(t, "root"), newRoot(t, "root")
	leaf := root.issue(t)
	trust := func(lists ...*x509.RevocationList) mtls.Trust {
		return mtls.Trust{Roots: certificates(root, namesake), CRLs: lists}
	}
	v := newVerifier(t, trust(root.revoke(t, 1)), mtls.DNS("client.example.com"))
	require.Equal(t, "client.example.com", verdict(v, leaf))
	require.NoError(t, v.SetTrust(trust(namesake.revoke(t, 2))))
	require.Equal(t, "undecided", verdict(v, leaf))
	require.Len(t, v.Status().Lists, 1)
}

func TestOfTwoListsOfOneMomentTheHigherNumberIsTheNewer(t *testing.T) {
	root := newRoot(t, "root")
	leaf := root.issue(t)
	low, high := listTemplate(1), listTemplate(1, leaf)
	high.Number = big.NewInt(2)
	for _, lists := range [][]*x509.RevocationList{{root.sign(t, low), root.sign(t, high)}, {root.sign(t, high), root.sign(t, low)}} {
		require.Equal(t, "revoked", verdict(newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: lists}, mtls.DNS("client.example.com")), leaf))
	}
}

func TestOneGoodPathIsEnoughAndOneUndecidedPathLeavesItOpen(t *testing.T) {
	root, next := newRoot(t, "root"), newRoot(t, "next")
	key := newKey(t)
	before, after := issue(t, caTemplate("middle"), root, key), issue(t, caTemplate("middle"), next, key)
	leaf := before.issue(t)
	lists := func(l ...*x509.RevocationList) mtls.Trust {
		return mtls.Trust{Roots: certificates(root, next), CRLs: append(l, before.revoke(t, 1))}
	}
	for name, row := range map[string]struct {
		trust mtls.Trust
		want  string
	}{
		"both good":                      {lists(root.revoke(t, 1), next.revoke(t, 1)), "client.example.com"},
		"one revoked":                    {lists(root.revoke(t, 1, before), next.revoke(t, 1)), "client.example.com"},
		"the other revoked":              {lists(root.revoke(t, 1), next.revoke(t, 1, after)), "client.example.com"},
		"both revoked":                   {lists(root.revoke(t, 1, before), next.revoke(t, 1, after)), "revoked"},
		"one revoked, one undecided":     {lists(root.revoke(t, 1, before)), "undecided"},
		"one undecided, one revoked":     {lists(next.revoke(t, 1, after)), "undecided"},
		"one good, one undecided":        {lists(root.revoke(t, 1)), "client.example.com"},
		"the leaf revoked, on all paths": {mtls.Trust{Roots: certificates(root, next), CRLs: []*x509.RevocationList{before.revoke(t, 1, leaf)}}, "revoked"},
	} {
		v := newVerifier(t, row.trust, mtls.DNS("client.example.com"))
		for range 2 {
			require.Equal(t, row.want, verdict(v, leaf, before, after), name)
		}
	}
}

func TestStatusTellsWhatIsTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a := newRoot(t, "root"), newRoot(t, "a")
		middle := root.newIntermediate(t, "middle")
		leaf := middle.issue(t)
		trust := mtls.Trust{
			Roots: certificates(root, root), Bundles: map[string][]*x509.Certificate{"a.example": certificates(a)},
			CRLs: []*x509.RevocationList{root.revoke(t, 1, leaf), middle.revoke(t, 1)},
		}
		v := newVerifier(t, trust, mtls.DNS("client.example.com"))
		s := v.Status()
		require.True(t, s.Since.Equal(time.Now()))
		require.Len(t, s.Authorities, 2, "one root, once")
		require.Equal(t, []string{"", "CN=root", "a.example", "CN=a"}, []string{s.Authorities[0].TrustDomain, s.Authorities[0].Subject, s.Authorities[1].TrustDomain, s.Authorities[1].Subject})
		require.Len(t, s.Authorities[0].Fingerprint, 64)
		require.True(t, root.NotAfter.Equal(s.Authorities[0].NotAfter))
		require.Len(t, s.Lists, 2)
		require.Equal(t, []string{"CN=middle", "CN=root"}, []string{s.Lists[0].Issuer, s.Lists[1].Issuer})
		require.Equal(t, []bool{false, true}, []bool{s.Lists[0].Verified, s.Lists[1].Verified})
		require.Equal(t, []int{0, 1}, []int{s.Lists[0].Entries, s.Lists[1].Entries})
		require.Equal(t, time.Hour-time.Second, s.Lists[1].Age)
		s.Authorities[0].Subject, s.Lists[0].Entries = "changed", 7
		require.Equal(t, "client.example.com", verdict(v, leaf, middle))
		s = v.Status()
		require.Equal(t, "CN=root", s.Authorities[0].Subject)
		require.True(t, s.Lists[0].Verified, "by a chain that leads over its issuer")
	})
}

func deltaOf(t *testing.T, root *authority) *x509.RevocationList {
	t.Helper()
	l := listTemplate(3)
	l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
	return root.sign(t, l)
}

// point is an issuing distribution point of one URI.
func point(uri string) []byte {
	n := byte(len(uri))
	return append([]byte{0x30, n + 6, 0xa0, n + 4, 0xa0, n + 2, 0x86, n}, uri...)
}

func withPoint(l *x509.RevocationList, value []byte) *x509.RevocationList {
	l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: value}}
	return l
}

func TestAListOfADistributionPointIsAboutTheCertificatesThatNameIt(t *testing.T) {
	root := newRoot(t, "root")
	at := func(points ...string) *authority {
		return root.issue(t, func(c *x509.Certificate) { c.CRLDistributionPoints = points })
	}
	a, b, both, none, bad := at("http://a/"), at("http://b/"), at("http://b/", "http://a/"), at(), at("http://a/")
	of := func(number int64, uri string, revoked ...*authority) *x509.RevocationList {
		return root.sign(t, withPoint(listTemplate(number, revoked...), point(uri)))
	}
	v := newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{of(1, "http://a/", bad)}}, mtls.DNS("client.example.com"))
	ask := func() (all []string) {
		for _, c := range []*authority{a, b, both, none, bad} {
			all = append(all, verdict(v, c))
		}
		return all
	}
	good := "client.example.com"
	require.Equal(t, []string{good, "undecided", good, "undecided", "revoked"}, ask())
	require.NoError(t, v.SetTrust(mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{of(1, "http://a/", bad), of(2, "http://b/", both)}}))
	require.Equal(t, []string{good, good, "revoked", "undecided", "revoked"}, ask())
	require.NoError(t, v.SetTrust(mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{of(3, "http://a/", bad), of(1, "http://b/"), root.revoke(t, 1)}}))
	require.Equal(t, []string{good, good, good, good, "revoked"}, ask())
}
