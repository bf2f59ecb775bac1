package e2e_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
)

// admittingWorkloads verifies the X509-SVIDs of trust domains, by bundles in a form, and admits those of own below /ns/prod.
func admittingWorkloads(t *testing.T, form string, own trustDomain, others ...trustDomain) *mtls.Verifier {
	t.Helper()
	files := mtls.Files{Bundles: map[string]string{}}
	for _, d := range append(others, own) {
		file := filepath.Join(t.TempDir(), "bundle")
		require.NoError(t, os.WriteFile(file, d.bundle(form), 0o600))
		files.Bundles[d.name()] = file
	}
	trust, err := files.Read()
	require.NoError(t, err)
	v, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.SPIFFE(own.name(), "/ns/prod/*")}, nil)
	require.NoError(t, err)
	return v
}

func TestAnX509SVIDIsItsWorkload(t *testing.T) {
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			own, other := start(t, "example.test"), start(t, "other.test")
			ca, forger := newAuthority(t), newDrawnDomain(t, "forger.test")
			admitted := "spiffe://" + own.name() + workloadPath
			rows := []struct {
				name     string
				svid     tls.Certificate
				accepted bool
			}{
				{"the workload's", own.x509SVID(workloadPath), true},
				{"of a workload that is not admitted", own.x509SVID("/ns/dev/sa/api"), false},
				{"of another trust domain, whose bundle is known", other.x509SVID(workloadPath), false},
				{"of our trust domain by the authority of another, whose bundle is known", forger.x509SVIDOf(own.name(), workloadPath), false},
				{"that nobody vouches for", (&drawnDomain{authority: &authority{t: t}}).x509SVIDOf(own.name(), workloadPath), false},
				{"none", tls.Certificate{}, false},
			}
			for _, form := range []string{asDocument, asPEM} {
				v := admittingWorkloads(t, form, own, other, forger)
				s := startTLSService(t, ca, asking(v), middleware.ClientCert(v))
				strict := startTLSService(t, ca, func(base *tls.Config) *tls.Config { return v.TLSConfig(base, mtls.Require) }, middleware.ClientCert(v))
				for _, row := range rows {
					t.Run(form+": "+row.name, func(t *testing.T) {
						res, err := s.by(ca, row.svid, "/whoami", "")
						require.NoError(t, err)
						sooner, handshake := strict.by(ca, row.svid, "/whoami", "")
						if !row.accepted {
							require.Equal(t, http.StatusUnauthorized, res.status, "%s", res)
							require.Error(t, handshake)
							require.Zero(t, strict.reached.Load()-s.reached.Load())
							return
						}
						require.NoError(t, handshake)
						for _, r := range []response{res, sooner} {
							require.Equal(t, identity{Subject: admitted, Peer: admitted, PeerKind: string(mtls.KindSPIFFE)}, r.identity(t), "no client, no issuer, no scopes")
						}
						res, err = s.by(ca, row.svid, "/orders/1", "")
						require.NoError(t, err)
						require.Equal(t, http.StatusForbidden, res.status, "it grants nothing")
					})
				}
			}
		})
	}
}

func TestAnX509SVIDIsItsWorkloadBehindAProxy(t *testing.T) {
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			own, other := start(t, "example.test"), start(t, "other.test")
			ca := newAuthority(t)
			v := admittingWorkloads(t, asDocument, own, other)
			for _, kind := range proxyKinds {
				t.Run(kind.name, func(t *testing.T) {
					s := startService(t, middleware.ForwardedCert(newForwarded(t, v, kind.trusted())))
					p := startProxy(t, kind, ca, s.url)
					res, err := p.ask("/whoami", "", own.x509SVID(workloadPath))
					require.NoError(t, err)
					require.Equal(t, "spiffe://"+own.name()+workloadPath, res.identity(t).Peer)
					for _, bad := range []tls.Certificate{other.x509SVID(workloadPath), own.x509SVID("/ns/dev/sa/api")} {
						res, err = p.ask("/whoami", "", bad)
						require.NoError(t, err)
						require.Equal(t, http.StatusUnauthorized, res.status, "%s", res)
					}
				})
			}
		})
	}
}

// The clients keep their connections: what was good when they were opened is judged again with each request.
func TestANewBundleIsFollowedWithoutARestart(t *testing.T) {
	const newcomer = "/ns/prod/sa/web" // SPIRE's server itself makes its SVIDs, from the authority of the moment
	for name, start := range trustDomains() {
		t.Run(name, func(t *testing.T) {
			ca, own := newAuthority(t), start(t, "example.test")
			file := filepath.Join(t.TempDir(), "bundle")
			publish := func() { require.NoError(t, os.WriteFile(file, own.bundle(asDocument), 0o600)) }
			publish()
			v, files := followingWorkloads(t, own.name(), file)
			s := startTLSService(t, ca, asking(v), middleware.ClientCert(v))
			ctx, stop := context.WithCancel(t.Context())
			var watch sync.WaitGroup
			watch.Go(func() { _ = v.Watch(ctx, files, time.Second) })
			defer watch.Wait()
			defer stop()

			ask := func(svid tls.Certificate) func() int {
				c := ca.client(svid)
				t.Cleanup(c.CloseIdleConnections)
				return func() int {
					res, err := sendBy(c, http.MethodGet, s.url+"/whoami", "")
					require.NoError(t, err)
					return res.status
				}
			}
			before := ask(own.x509SVID(newcomer))
			require.Equal(t, http.StatusOK, before())
			own.rotate(announce)
			own.rotate(switchTo)
			after := ask(own.x509SVID(newcomer))
			require.Equal(t, http.StatusUnauthorized, after(), "nobody has said so yet")
			publish()
			within(t, startLimit, "new authority that is trusted", func() bool { return after() == http.StatusOK })
			require.Equal(t, http.StatusOK, before())
			own.rotate(drop)
			publish()
			within(t, startLimit, "old authority that is trusted no more", func() bool { return before() == http.StatusUnauthorized })
			require.Equal(t, http.StatusOK, after())
		})
	}
}

// followingWorkloads admits every workload of the trust domain whose bundle is in the file.
func followingWorkloads(t *testing.T, domain, file string) (*mtls.Verifier, mtls.Files) {
	t.Helper()
	files := mtls.Files{Bundles: map[string]string{domain: file}}
	trust, err := files.Read()
	require.NoError(t, err)
	v, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.SPIFFE(domain)}, nil)
	require.NoError(t, err)
	return v, files
}
