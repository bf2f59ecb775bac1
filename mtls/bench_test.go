package mtls_test

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// BenchmarkVerify compares what Verify costs with the SHA-256 of the certificate, which is the least that it could cost:
//
//	go test -run '^$' -bench Verify -count 5 ./mtls
//
// "first" is a certificate that was not seen before, under an intermediate authority; "again" one that was; "again, lists" with a current list
// of both issuers.
func BenchmarkVerify(b *testing.B) {
	root := newRoot(b, "root")
	middle := root.newIntermediate(b, "middle")
	leaf := middle.issue(b)
	lists := []*x509.RevocationList{root.revoke(b, 1), middle.revoke(b, 1)}
	plain := newVerifier(b, trusting(root), mtls.DNS("client.example.com"))
	listed := newVerifier(b, mtls.Trust{Roots: certificates(root), CRLs: lists}, mtls.DNS("client.example.com"))
	s := state(leaf, middle)
	again := func(v *mtls.Verifier) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(s); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("floor: SHA-256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sum := sha256.Sum256(leaf.Raw)
			runtime.KeepAlive(sum)
		}
	})
	b.Run("again", again(plain))
	b.Run("again, lists", again(listed))
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%2 == 0 { // a chain is not remembered with other intermediates than it came with
				s = state(leaf, middle)
			} else {
				s = state(leaf, middle, root)
			}
			if _, err := plain.Verify(s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkForged shows what a stranger's certificate costs that comes with ten intermediates, which claim to be issued by the authority: in the handshake, for
// each request, and forwarded, where they are parsed as well.
func BenchmarkForged(b *testing.B) {
	v := newVerifier(b, trusting(newRoot(b, "root")), mtls.DNS("client.example.com"))
	impostor := newRoot(b, "root")
	chain := []*authority{nil}
	for range 10 {
		chain = append(chain, impostor.newIntermediate(b, "middle"))
	}
	chain[0] = chain[1].issue(b)
	b.Run("handshake", func(b *testing.B) {
		s := state(chain...)
		for b.Loop() {
			if _, err := v.Verify(s); mtls.ReasonOf(err) != mtls.ReasonChain {
				b.Fatal(err)
			}
		}
	})
	b.Run("forwarded", func(b *testing.B) {
		f := forwarder(b, v, mtls.ForwardedConfig{Format: mtls.FormatDER, TrustedProxies: proxyRange})
		h := headers("X-Forwarded-Tls-Client-Cert", join(chain, ",", b64))
		for b.Loop() {
			if _, err := f.Verify(proxyAddr, nil, h); mtls.ReasonOf(err) != mtls.ReasonChain {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRevoked compares a look-up in a list of one entry with one in a list of a million, and says what an entry takes in memory:
//
//	go test -run '^$' -bench Revoked ./mtls
func BenchmarkRevoked(b *testing.B) {
	root := newRoot(b, "root")
	leaf := root.issue(b)
	for _, entries := range []int{1, 1_000_000} {
		l := listTemplate(1)
		for i := range entries {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
				SerialNumber: new(big.Int).Lsh(big.NewInt(int64(i+1)), 64), RevocationTime: time.Now(),
			})
		}
		trust := mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{root.sign(b, l)}}
		l = nil
		before := heap()
		v := newVerifier(b, trust, mtls.DNS("client.example.com"))
		grown := heap() - before
		runtime.KeepAlive(trust)
		b.Run(strconv.Itoa(entries), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(state(leaf)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(grown)/float64(entries), "B/entry")
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestARememberedCertificateCostsNoAllocation(t *testing.T) {
	root := newRoot(t, "root")
	middle := root.newIntermediate(t, "middle")
	s := state(middle.issue(t), middle)
	v := newVerifier(t, mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{root.revoke(t, 1), middle.revoke(t, 1)}}, mtls.DNS("client.example.com"))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(s); err != nil {
			panic(err)
		}
	}))
}

func TestWhatIsRememberedIsBoundedAndOnlyWhatWasGood(t *testing.T) {
	root := newRoot(t, "root")
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	for range 50 {
		require.Equal(t, "chain", verdict(v, newRoot(t, "root").issue(t)))
		require.Equal(t, "name", verdict(v, root.issue(t, uris(t, "urn:a"))))
	}
	require.Zero(t, v.Remembered())
	require.LessOrEqual(t, mtls.RememberedOf(100_000), 4096)
	require.Greater(t, mtls.RememberedOf(100_000), 4000)
}

func TestOneCertificateTakesOnePlace(t *testing.T) {
	root := newRoot(t, "root")
	leaf := root.issue(t)
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	for range 20 {
		require.Equal(t, "client.example.com", verdict(v, leaf, newRoot(t, "any")))
	}
	require.Equal(t, 1, v.Remembered())
}
