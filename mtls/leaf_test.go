package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestACertificateMustBeForClientAuthentication(t *testing.T) {
	root := newRoot(t, "root")
	type edit = func(*x509.Certificate)
	usages := func(list ...x509.ExtKeyUsage) edit { return func(c *x509.Certificate) { c.ExtKeyUsage = list } }
	ca := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign }
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	}
	for name, row := range map[string]struct {
		edit edit
		want string
	}{
		"for clients":                     {func(*x509.Certificate) {}, "client.example.com"},
		"for clients and servers":         {usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), "client.example.com"},
		"for servers":                     {usages(x509.ExtKeyUsageServerAuth), "usage"},
		"for mail":                        {usages(x509.ExtKeyUsageEmailProtection), "usage"},
		"for anything":                    {usages(x509.ExtKeyUsageAny), "usage"},
		"without an extended usage":       {usages(), "usage"},
		"an authority":                    {ca, "usage"},
		"an authority without key usage":  {func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, 0 }, "usage"},
		"that may sign lists":             {keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign), "usage"},
		"that may sign certificates":      {keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign), "usage"},
		"only to encipher keys":           {keyUsage(x509.KeyUsageKeyEncipherment), "usage"},
		"without a key usage":             {keyUsage(0), "client.example.com"},
		"without basic constraints":       {func(c *x509.Certificate) { c.BasicConstraintsValid = false }, "client.example.com"},
		"with a critical unknown":         {critical, "chain"},
		"expired":                         {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, "expired"},
		"not yet valid":                   {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "expired"},
		"expired, of nobody's, for hosts": {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second); c.ExtKeyUsage = nil }, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
			for range 2 {
				require.Equal(t, row.want, verdict(v, root.issue(t, row.edit)))
			}
		})
	}
}

func TestTheRootItselfIsNoPeer(t *testing.T) {
	template := caTemplate("root")
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.KeyUsage |= x509.KeyUsageDigitalSignature
	template.DNSNames = []string{"client.example.com"}
	root := issue(t, template, nil, newKey(t))
	require.Equal(t, "usage", verdict(newVerifier(t, trusting(root), mtls.DNS("client.example.com")), root))
}

func TestEveryCertificateOfTheChainMustBeGood(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	root := newRoot(t, "root")
	for name, row := range map[string]struct {
		edit func(*x509.Certificate)
		want string
	}{
		"good":                      {func(*x509.Certificate) {}, "client.example.com"},
		"no authority":              {func(c *x509.Certificate) { c.IsCA = false }, "chain"},
		"without basic constraints": {func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }, "chain"},
		"may not sign certificates": {keyUsage(x509.KeyUsageCRLSign), "chain"},
		"expired":                   {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, "expired"},
		"not yet valid":             {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "expired"},
		"for servers only":          {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "usage"},
		"for another name": {func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.org"}, true
		}, "chain"},
		"with a path of no more CAs": {func(c *x509.Certificate) { c.MaxPathLenZero = true }, "client.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			template := caTemplate("middle")
			row.edit(template)
			middle := issue(t, template, root, newKey(t))
			leaf := middle.issue(t)
			require.Equal(t, row.want, verdict(newVerifier(t, trusting(root), mtls.DNS("client.example.com")), leaf, middle))
		})
	}
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	weak := issue(t, caTemplate("weak"), root, short)
	require.Equal(t, "usage", verdict(v, weak.issue(t), weak), "a weak key in the chain")
	require.Equal(t, "usage", verdict(v, issue(t, leafTemplate(), root, short)), "a weak key of the client")

	limited := caTemplate("limited")
	limited.MaxPathLenZero = true
	outer := issue(t, limited, root, newKey(t))
	inner := outer.newIntermediate(t, "inner")
	require.Equal(t, "chain", verdict(v, inner.issue(t), inner, outer), "a path that is too long")
}

func TestAtMostTenIntermediates(t *testing.T) {
	root := newRoot(t, "root")
	chain := []*authority{root.newIntermediate(t, "1")}
	for i := 2; i <= 11; i++ {
		chain = append([]*authority{chain[0].newIntermediate(t, fmt.Sprint(i))}, chain...)
	}
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	require.Equal(t, "client.example.com", verdict(v, append([]*authority{chain[1].issue(t)}, chain[1:]...)...))
	require.Equal(t, "chain", verdict(v, append([]*authority{chain[0].issue(t)}, chain...)...))
}

func TestNoKeyIsUsedThatNobodyVouchesFor(t *testing.T) {
	root := newRoot(t, "root")
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	for name, made := range map[string][]*authority{
		"a key of 32768 bits":                withHugeKey(t, 4096),
		"ten authorities that vouch for all": withCrowd(t),
	} {
		t.Run(name, func(t *testing.T) {
			alone, together := time.Hour, time.Hour
			for range 5 {
				begun := time.Now()
				require.Equal(t, "chain", verdict(v, made[0]))
				alone = min(alone, time.Since(begun))
				begun = time.Now()
				require.Equal(t, "chain", verdict(v, made...))
				together = min(together, time.Since(begun))
			}
			require.Less(t, together, 100*alone, "what came with the leaf costs as much as a verification")
		})
	}
}

// withHugeKey makes a leaf as if it was signed by an RSA key of that many bytes, and the authority of that key.
func withHugeKey(t *testing.T, size int) []*authority {
	t.Helper()
	random := make([]byte, size)
	_, err := rand.Read(random)
	require.NoError(t, err)
	random[0], random[size-1] = 0x80, 1
	evil := newRoot(t, "evil")
	der, err := x509.CreateCertificate(rand.Reader, caTemplate("huge"), evil.Certificate,
		&rsa.PublicKey{N: new(big.Int).SetBytes(random), E: 65537}, evil.key)
	require.NoError(t, err)
	huge, err := x509.ParseCertificate(der)
	require.NoError(t, err)

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	leaf := issue(t, caTemplate("huge"), nil, key).issue(t, func(c *x509.Certificate) { c.AuthorityKeyId = nil })
	var parts struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	_, err = asn1.Unmarshal(leaf.Raw, &parts)
	require.NoError(t, err)
	random[0] = 0
	parts.Signature = asn1.BitString{Bytes: random, BitLength: 8 * size}
	der, err = asn1.Marshal(parts)
	require.NoError(t, err)
	leaf.Certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return []*authority{leaf, {Certificate: huge}}
}

// withCrowd makes a leaf and ten authorities of one name and key, each of which has issued all the others.
func withCrowd(t *testing.T) (chain []*authority) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	for i := range 10 {
		template := caTemplate("crowd")
		template.DNSNames = []string{strconv.Itoa(i) + ".example.com"} // or crypto/x509 takes them for one
		chain = append(chain, issue(t, template, nil, key))
	}
	return append([]*authority{chain[0].issue(t)}, chain...)
}

func TestTimeIsAskedOnEveryRequest(t *testing.T) {
	for name, edit := range map[string]func(leaf, middle, root *x509.Certificate, end time.Time){
		"of the leaf":         func(leaf, _, _ *x509.Certificate, end time.Time) { leaf.NotAfter = end },
		"of the intermediate": func(_, middle, _ *x509.Certificate, end time.Time) { middle.NotAfter = end },
		"of the root":         func(_, _, root *x509.Certificate, end time.Time) { root.NotAfter = end },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := time.Now().Add(time.Minute)
				leafT, middleT, rootT := leafTemplate(), caTemplate("middle"), caTemplate("root")
				edit(leafT, middleT, rootT, end)
				root := issue(t, rootT, nil, newKey(t))
				middle := issue(t, middleT, root, newKey(t))
				leaf := issue(t, leafT, middle, newKey(t))
				v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
				peer, err := v.Verify(state(leaf, middle))
				require.NoError(t, err)
				require.True(t, end.Equal(peer.Expiry()))
				time.Sleep(time.Until(end))
				require.Equal(t, "client.example.com", verdict(v, leaf, middle), "the last moment is included")
				time.Sleep(time.Second)
				require.Equal(t, "expired", verdict(v, leaf, middle))
			})
		})
	}
}

func TestAClockThatIsSetBackIsBelieved(t *testing.T) {
	root := newRoot(t, "root")
	template := caTemplate("middle")
	template.NotBefore = time.Now().Add(-time.Minute)
	middle := issue(t, template, root, newKey(t))
	leaf := middle.issue(t)
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	require.Equal(t, "client.example.com", verdict(v, leaf, middle))
	_, err := v.VerifyAt(time.Now().Add(-2*time.Minute), leaf.Certificate, middle.Certificate)
	require.Equal(t, mtls.ReasonExpired, mtls.ReasonOf(err))
}

func TestAnotherPathHoldsWhenTheFirstHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, next := newRoot(t, "root"), newRoot(t, "next")
		key := newKey(t)
		short := caTemplate("middle")
		short.NotAfter = time.Now().Add(time.Minute)
		before := issue(t, short, root, key)
		later := caTemplate("middle")
		later.NotBefore = time.Now().Add(30 * time.Second)
		after := issue(t, later, next, key)
		leaf := before.issue(t)
		v := newVerifier(t, trusting(root, next), mtls.DNS("client.example.com"))
		for range 3 {
			require.Equal(t, "client.example.com", verdict(v, leaf, before, after))
			time.Sleep(40 * time.Second)
		}
	})
}

func TestNoCertificate(t *testing.T) {
	root := newRoot(t, "root")
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	unfinished := state(root.issue(t))
	unfinished.HandshakeComplete = false
	for name, s := range map[string]*tls.ConnectionState{"no TLS": nil, "none": state(), "a handshake that is not over": unfinished} {
		_, err := v.Verify(s)
		require.ErrorIs(t, err, mtls.ErrNoCertificate, name)
		require.NotErrorIs(t, err, mtls.ErrRefused, name)
		require.Empty(t, mtls.ReasonOf(err))
		_, err = mtls.Thumbprint(s)
		require.ErrorIs(t, err, mtls.ErrNoCertificate, name)
	}
}

func TestWhatIsNoCertificate(t *testing.T) {
	root := newRoot(t, "root")
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	for name, chain := range map[string][]*x509.Certificate{
		"nil": {nil}, "empty": {{}}, "a nil intermediate": {root.issue(t).Certificate, nil},
	} {
		_, err := v.Verify(&tls.ConnectionState{HandshakeComplete: true, PeerCertificates: chain})
		require.Equal(t, mtls.ReasonMalformed, mtls.ReasonOf(err), name)
	}
}

func TestVerifiedChainsOfTheConnectionDoNotMatter(t *testing.T) {
	root, other := newRoot(t, "root"), newRoot(t, "other")
	leaf := other.issue(t)
	s := state(leaf)
	s.VerifiedChains = [][]*x509.Certificate{{leaf.Certificate, other.Certificate}}
	_, err := newVerifier(t, trusting(root), mtls.DNS("client.example.com")).Verify(s)
	require.Equal(t, mtls.ReasonChain, mtls.ReasonOf(err))
}

func TestAPeerCannotBeChanged(t *testing.T) {
	root := newRoot(t, "root")
	leaf := root.issue(t)
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	peer, err := v.Verify(state(leaf))
	require.NoError(t, err)
	peer.Certificate()[0] = 0
	require.Equal(t, leaf.Raw, peer.Certificate())
	thumbprint, err := mtls.Thumbprint(state(leaf))
	require.NoError(t, err)
	require.Equal(t, thumbprint, peer.Thumbprint())
	require.True(t, leaf.NotAfter.Equal(peer.Expiry()))

	var nobody *mtls.Peer
	require.Empty(t, nobody.Name()+string(nobody.Kind())+nobody.Thumbprint()+string(nobody.Certificate()))
	require.Zero(t, nobody.Expiry())
}

func TestReasons(t *testing.T) {
	require.Empty(t, mtls.ReasonOf(nil))
	require.Empty(t, mtls.ReasonOf(mtls.ErrNoCertificate))
	require.Equal(t, mtls.ReasonUndecided, mtls.ReasonOf(errors.New("any other")))
	_, err := newVerifier(t, trusting(newRoot(t, "a")), mtls.DNS("client.example.com")).Verify(state(newRoot(t, "b").issue(t)))
	require.EqualError(t, err, "mtls: refused: chain")
	require.Equal(t, mtls.ReasonChain, mtls.ReasonOf(fmt.Errorf("wrapped: %w", err)))
}
