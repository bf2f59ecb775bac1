package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/mtls"
)

const ordersName = "orders.example.com" // the workload that the services here admit

// admitting verifies certificates in which ca vouches for ordersName.
func admitting(t *testing.T, ca *authority) *mtls.Verifier {
	t.Helper()
	return admittingNames(t, ca, mtls.DNS(ordersName))
}

// admittingProxy verifies certificates in which ca vouches for proxyName.
func admittingProxy(t *testing.T, ca *authority) *mtls.Verifier {
	t.Helper()
	return admittingNames(t, ca, mtls.DNS(proxyName))
}

func admittingNames(t *testing.T, ca *authority, allowed mtls.Rule) *mtls.Verifier {
	t.Helper()
	v, err := mtls.New(mtls.Config{Trust: mtls.Trust{Roots: []*x509.Certificate{ca.own.Leaf}}, Allow: allowed}, nil)
	require.NoError(t, err)
	return v
}

func newForwarded(t *testing.T, v *mtls.Verifier, c mtls.ForwardedConfig) *mtls.Forwarded {
	t.Helper()
	f, err := mtls.NewForwarded(v, c)
	require.NoError(t, err)
	return f
}

// chained is a client's certificate with the one between it and ca.
func chained(ca *authority) tls.Certificate {
	between := ca.below()
	c := between.forClient(ordersName)
	c.Certificate = append(c.Certificate, between.own.Leaf.Raw)
	return c
}

func TestOnlyAGoodCertificateOfTheConnectionIsTheIdentityBehindAProxy(t *testing.T) {
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			ca := newAuthority(t)
			s := startService(t, middleware.ForwardedCert(newForwarded(t, admitting(t, ca), kind.trusted())))
			p := startProxy(t, kind, ca, s.url)
			good, own := ca.forClient(ordersName), selfSigned(t, ordersName)
			for _, row := range []struct {
				name        string
				certificate tls.Certificate
				accepted    bool
				byProxy     bool // it is the proxy that refuses
			}{
				{name: "a good one", certificate: good, accepted: true},
				{name: "one below an authority below, which not every proxy forwards", certificate: chained(ca), accepted: kind.chain},
				{name: "an expired one", certificate: ca.forClientBefore(ordersName), byProxy: kind.strict},
				{name: "one of another workload", certificate: ca.forClient("other.example.com")},
				{name: "one that nobody vouches for", certificate: own},
				{name: "one of an authority that nobody trusts", certificate: newAuthority(t).forClient(ordersName)},
				{name: "one for servers", certificate: ca.issue(x509.Certificate{
					Subject: pkix.Name{CommonName: ordersName}, DNSNames: []string{ordersName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
				}), byProxy: kind.strict},
				{name: "none"},
			} {
				t.Run(row.name, func(t *testing.T) {
					s.arrived.Store(nil)
					res, err := p.ask("/whoami", "", row.certificate)
					if row.byProxy {
						require.Nil(t, s.arrived.Load())
						require.True(t, err != nil || res.status == http.StatusBadRequest, "%s", res)
						return
					}
					require.NoError(t, err)
					p.requireIdentity(t, s, res, row.accepted)
				})
			}
			for _, f := range forgeries(good) {
				t.Run("forged: "+f.name, func(t *testing.T) {
					res, err := p.ask("/whoami", "", tls.Certificate{}, f.edit)
					require.NoError(t, err)
					p.requireIdentity(t, s, res, false)
					res, err = p.ask("/whoami", "", own, f.edit)
					require.NoError(t, err)
					p.requireIdentity(t, s, res, false)
				})
			}
		})
	}
}

// requireIdentity proves that the service took its client for ordersName, or for nobody.
func (p *proxy) requireIdentity(t *testing.T, s *service, res response, accepted bool) {
	t.Helper()
	require.NotNil(t, s.arrived.Load(), "the service was not asked: %s", res)
	if !accepted {
		require.Equal(t, http.StatusUnauthorized, res.status, "%s: %s", res, res.body)
		return
	}
	id := res.identity(t)
	require.Equal(t, ordersName, id.Peer)
	require.Equal(t, string(mtls.KindDNS), id.PeerKind)
	require.Equal(t, ordersName, id.Subject)
}

// The proxies keep a connection to the service open for all of their clients.
func TestForgedHeadersDoNotChangeTheIdentityOfAGoodCertificate(t *testing.T) {
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			ca := newAuthority(t)
			v := admittingNames(t, ca, mtls.AnyOf(mtls.DNS(ordersName), mtls.DNS("victim.example.com")))
			s := startService(t, middleware.ForwardedCert(newForwarded(t, v, kind.trusted())))
			p := startProxy(t, kind, ca, s.url)
			good, victim := ca.forClient(ordersName), ca.forClient("victim.example.com")
			for _, f := range forgeries(victim) {
				res, err := p.ask("/whoami", "", victim)
				require.NoError(t, err)
				require.Equal(t, "victim.example.com", res.identity(t).Peer)
				res, err = p.ask("/whoami", "", good, f.edit)
				require.NoError(t, err)
				p.requireIdentity(t, s, res, !f.costly || res.status == http.StatusOK)
			}
		})
	}
}

// clientAt makes requests from the address, without TLS.
func clientAt(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: startLimit}
}

// copied has a request carry what another did that the service got.
func (s *service) copied(t *testing.T) func(*http.Request) {
	t.Helper()
	arrived := s.arrived.Load()
	require.NotNil(t, arrived)
	return func(r *http.Request) { r.Header = arrived.Clone() }
}

func TestWhoComesPastTheProxyIsNobodyWhateverItSays(t *testing.T) {
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			ca := newAuthority(t)
			s := startService(t, middleware.ForwardedCert(newForwarded(t, admitting(t, ca), kind.trusted())))
			p := startProxy(t, kind, ca, s.url)
			good := ca.forClient(ordersName)
			res, err := p.ask("/whoami", "", good)
			require.NoError(t, err)
			p.requireIdentity(t, s, res, true)
			same := s.copied(t)

			res, err = sendBy(clientAt(t, kind.source), http.MethodGet, s.url+"/whoami", "", same)
			require.NoError(t, err)
			p.requireIdentity(t, s, res, true) // the copy is a good one
			stranger := clientAt(t, kind.stranger())
			res, err = sendBy(stranger, http.MethodGet, s.url+"/whoami", "", same)
			require.NoError(t, err)
			p.requireIdentity(t, s, res, false)
			for _, f := range forgeries(good) {
				res, err = sendBy(stranger, http.MethodGet, s.url+"/whoami", "", same, f.edit)
				require.NoError(t, err)
				p.requireIdentity(t, s, res, false)
			}
		})
	}
}

// Everybody here talks to the service from the same address; its other clients have certificates of the same authority.
func TestAProxyThatIsKnownByItsOwnCertificateSpeaksForItsClientsAlone(t *testing.T) {
	ca := newAuthority(t)
	own, v := admittingProxy(t, ca), admitting(t, ca)
	kind := proxyNamed(t, "nginx")
	kind.source = "127.0.0.1"
	forwarded := kind.forwards
	forwarded.Proxy = own
	s := startTLSService(t, ca, asking(own), middleware.ForwardedCert(newForwarded(t, v, forwarded)))
	p := startProxy(t, kind, ca, s.url)
	good := ca.forClient(ordersName)
	res, err := p.ask("/whoami", "", good)
	require.NoError(t, err)
	p.requireIdentity(t, s, res, true)
	same := s.copied(t)
	for _, bad := range []tls.Certificate{{}, selfSigned(t, ordersName), ca.forClient(proxyName)} {
		res, err = p.ask("/whoami", "", bad)
		require.NoError(t, err)
		p.requireIdentity(t, s, res, false)
	}

	res, err = s.by(ca, ca.forClient(proxyName), "/whoami", "", same)
	require.NoError(t, err)
	p.requireIdentity(t, s, res, true) // the copy is a good one
	for _, other := range []tls.Certificate{{}, good, selfSigned(t, proxyName), newAuthority(t).forClient(proxyName)} {
		res, err = s.by(ca, other, "/whoami", "", same)
		require.NoError(t, err)
		p.requireIdentity(t, s, res, false)
	}
}
