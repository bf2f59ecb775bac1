package mtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// server is a TLS server of one configuration, and clients of it that resume their sessions.
type server struct {
	config *tls.Config
	root   *authority
}

func newServer(t *testing.T, config func(base *tls.Config) *tls.Config) *server {
	t.Helper()
	root := newRoot(t, "servers")
	cert := root.issue(t, func(c *x509.Certificate) {
		c.DNSNames = []string{"server.example.com"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	return &server{config(&tls.Config{Certificates: []tls.Certificate{cert.pair()}}), root}
}

func (s *server) client(version uint16, certificates ...tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.root.Certificate)
	c := &tls.Config{
		RootCAs: pool, ServerName: "server.example.com", Certificates: certificates, MinVersion: version, MaxVersion: version,
		ClientSessionCache: tls.NewLRUClientSessionCache(10),
	}
	return c
}

// connect makes a connection and returns the state of the server's end.
func (s *server) connect(t *testing.T, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	a, b := net.Pipe()
	here, there := newBuffered(a), newBuffered(b)
	defer here.Close()
	defer there.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		c := tls.Client(there, client)
		if c.Handshake() == nil {
			_, _ = io.ReadAll(c) // takes the tickets
		}
		there.Close()
	}()
	c := tls.Server(here, s.config)
	err := c.Handshake()
	if err == nil {
		_, err = c.Write([]byte("ok")) // after it, the client has the tickets
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
	}
	got := c.ConnectionState()
	here.Close()
	<-over
	return got, err
}

// buffered is a pipe whose writer does not wait for the reader, which both ends of a handshake may be.
type buffered struct {
	net.Conn

	out   chan []byte
	close func()
}

func newBuffered(c net.Conn) *buffered {
	b := &buffered{c, make(chan []byte, 1000), nil}
	b.close = sync.OnceFunc(func() { close(b.out) })
	_ = c.SetDeadline(time.Now().Add(time.Second))
	go func() {
		defer c.Close()
		for data := range b.out {
			_, _ = c.Write(data)
		}
	}()
	return b
}

func (b *buffered) Write(data []byte) (int, error) {
	b.out <- slices.Clone(data)
	return len(data), nil
}

// SetWriteDeadline does nothing: crypto/tls sets one that is over once it has nothing more to say.
func (*buffered) SetWriteDeadline(time.Time) error { return nil }

func (b *buffered) Close() error {
	b.close()
	return nil
}

var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func each(t *testing.T, test func(t *testing.T, version uint16)) {
	t.Helper()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, version) })
		})
	}
}

func TestWhatAHandshakeAsks(t *testing.T) {
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		root := newRoot(t, "root")
		middle := root.newIntermediate(t, "middle")
		v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
		expired := root.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })
		none := []tls.Certificate{}
		for name, row := range map[string]struct {
			present []tls.Certificate
			want    map[mtls.ClientAuth]bool
		}{
			"a good one":          {[]tls.Certificate{middle.issue(t).pair(middle)}, map[mtls.ClientAuth]bool{mtls.Require: true, mtls.Offer: true, mtls.Possession: true}},
			"none":                {none, map[mtls.ClientAuth]bool{mtls.Offer: true, mtls.Possession: true}},
			"one of a stranger's": {[]tls.Certificate{newRoot(t, "root").issue(t).pair()}, map[mtls.ClientAuth]bool{mtls.Possession: true}},
			"an expired one":      {[]tls.Certificate{expired.pair()}, map[mtls.ClientAuth]bool{mtls.Possession: true}},
			"self-signed":         {[]tls.Certificate{issue(t, leafTemplate(), nil, newKey(t)).pair()}, map[mtls.ClientAuth]bool{mtls.Possession: true}},
		} {
			for _, ask := range []mtls.ClientAuth{mtls.Require, mtls.Offer, mtls.Possession, 3, -1} {
				s := newServer(t, func(base *tls.Config) *tls.Config {
					base.ClientAuth, base.ClientCAs = tls.NoClientCert, x509.NewCertPool()
					return v.TLSConfig(base, ask)
				})
				state, err := s.connect(t, s.client(version, row.present...))
				require.Equal(t, row.want[ask], err == nil, "%s, %d: %v", name, ask, err)
				if err == nil && len(row.present) > 0 {
					_, err = mtls.Thumbprint(&state)
					require.NoError(t, err)
				}
			}
		}
	})
}

func TestAClientMustHaveTheKey(t *testing.T) {
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		root := newRoot(t, "root")
		v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
		stolen := root.issue(t)
		stolen.key = newKey(t)
		for _, ask := range []mtls.ClientAuth{mtls.Require, mtls.Offer, mtls.Possession} {
			s := newServer(t, func(base *tls.Config) *tls.Config { return v.TLSConfig(base, ask) })
			state, err := s.connect(t, s.client(version, stolen.pair()))
			require.Error(t, err)
			_, err = v.Verify(&state)
			require.ErrorIs(t, err, mtls.ErrNoCertificate)
			_, err = mtls.Thumbprint(&state)
			require.ErrorIs(t, err, mtls.ErrNoCertificate)
		}
	})
}

func TestAResumedSessionIsCheckedLikeANewOne(t *testing.T) {
	for name, row := range map[string]struct {
		rootEnds time.Duration
		change   func(t *testing.T, v *mtls.Verifier, root, leaf *authority)
		want     mtls.Reason
	}{
		"nothing has changed": {100 * time.Hour, func(*testing.T, *mtls.Verifier, *authority, *authority) {}, ""},
		"the root has gone": {100 * time.Hour, func(t *testing.T, v *mtls.Verifier, _, _ *authority) {
			t.Helper()
			require.NoError(t, v.SetTrust(trusting(newRoot(t, "root"))))
		}, mtls.ReasonChain},
		"it is revoked": {100 * time.Hour, func(t *testing.T, v *mtls.Verifier, root, leaf *authority) {
			t.Helper()
			require.NoError(t, v.SetTrust(mtls.Trust{Roots: certificates(root), CRLs: []*x509.RevocationList{root.revoke(t, 1, leaf)}}))
		}, mtls.ReasonRevoked},
		"it has expired":       {100 * time.Hour, func(*testing.T, *mtls.Verifier, *authority, *authority) { time.Sleep(2 * time.Hour) }, mtls.ReasonExpired},
		"its root has expired": {40 * time.Minute, func(*testing.T, *mtls.Verifier, *authority, *authority) { time.Sleep(50 * time.Minute) }, mtls.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, version uint16) {
				t.Helper()
				template := caTemplate("root")
				template.NotAfter = time.Now().Add(row.rootEnds)
				root := issue(t, template, nil, newKey(t))
				leaf := root.issue(t)
				v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
				s := newServer(t, func(base *tls.Config) *tls.Config { return v.TLSConfig(base, mtls.Require) })
				client := s.client(version, leaf.pair())
				began := time.Now()
				client.Time = func() time.Time { return began } // a client that resumes whatever the time
				first, err := s.connect(t, client)
				require.NoError(t, err)
				require.False(t, first.DidResume)
				second, err := s.connect(t, client)
				require.NoError(t, err)
				require.True(t, second.DidResume, "else this test says nothing")

				row.change(t, v, root, leaf)
				third, err := s.connect(t, client)
				if row.want == "" {
					require.NoError(t, err)
					require.True(t, third.DidResume)
				} else {
					require.ErrorIs(t, err, mtls.ErrRefused)
					require.Equal(t, row.want, mtls.ReasonOf(err))
				}
				_, err = v.Verify(&second) // a connection that is still alive
				require.Equal(t, row.want, mtls.ReasonOf(err))
			})
		})
	}
}

func TestReloadedRootsCountAtOnce(t *testing.T) {
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		root, next := newRoot(t, "root"), newRoot(t, "next")
		v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
		s := newServer(t, func(base *tls.Config) *tls.Config { return v.TLSConfig(base, mtls.Require) })
		client := s.client(version, next.issue(t).pair())
		_, err := s.connect(t, client)
		require.Equal(t, mtls.ReasonChain, mtls.ReasonOf(err))
		require.NoError(t, v.SetTrust(trusting(next)))
		_, err = s.connect(t, client)
		require.NoError(t, err)
	})
}

func TestASessionWithoutACertificateIsNotResumedWhereOneIsRequired(t *testing.T) {
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		v := newVerifier(t, trusting(newRoot(t, "root")), mtls.DNS("client.example.com"))
		var base *tls.Config
		s := newServer(t, func(b *tls.Config) *tls.Config {
			b.SetSessionTicketKeys([][32]byte{{1}})
			base = b
			return v.TLSConfig(b, mtls.Offer)
		})
		client := s.client(version)
		_, err := s.connect(t, client)
		require.NoError(t, err)
		resumed, err := s.connect(t, client)
		require.NoError(t, err)
		require.True(t, resumed.DidResume)
		s.config = v.TLSConfig(base, mtls.Require)
		_, err = s.connect(t, client)
		require.Error(t, err)
	})
}

func TestTheBaseKeepsItsOwnChecks(t *testing.T) {
	errBase := errors.New("the base says no")
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		root := newRoot(t, "root")
		v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
		calls := 0
		s := newServer(t, func(base *tls.Config) *tls.Config {
			base.VerifyConnection = func(tls.ConnectionState) error { calls++; return errBase }
			c := v.TLSConfig(base, mtls.Require)
			require.Equal(t, tls.NoClientCert, base.ClientAuth, "a copy")
			return c
		})
		_, err := s.connect(t, s.client(version, root.issue(t).pair()))
		require.ErrorIs(t, err, errBase)
		require.Equal(t, 1, calls)
		_, err = s.connect(t, s.client(version, newRoot(t, "other").issue(t).pair()))
		require.ErrorIs(t, err, mtls.ErrRefused)
		require.Equal(t, 1, calls, "and cannot rescue what is refused")
	})
}

func TestAConfigurationChosenByNameIsNoWayAround(t *testing.T) {
	each(t, func(t *testing.T, version uint16) {
		t.Helper()
		root := newRoot(t, "root")
		v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
		var chosen *tls.Config
		s := newServer(t, func(base *tls.Config) *tls.Config {
			chosen = base.Clone()
			base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }
			return v.TLSConfig(base, mtls.Require)
		})
		_, err := s.connect(t, s.client(version))
		require.Error(t, err)
		_, err = s.connect(t, s.client(version, newRoot(t, "other").issue(t).pair()))
		require.ErrorIs(t, err, mtls.ErrRefused)
		client := s.client(version, root.issue(t).pair())
		_, err = s.connect(t, client)
		require.NoError(t, err)
		again, err := s.connect(t, client)
		require.NoError(t, err)
		require.True(t, again.DidResume)
		chosen = nil // the configuration itself
		_, err = s.connect(t, s.client(version))
		require.Error(t, err)
		_, err = s.connect(t, client)
		require.NoError(t, err)
	})
}

func TestTheDefaultsOfANilBase(t *testing.T) {
	v := newVerifier(t, trusting(newRoot(t, "root")), mtls.DNS("client.example.com"))
	for _, base := range []*tls.Config{nil, {}} {
		c := v.TLSConfig(base, mtls.Require)
		require.Equal(t, uint16(tls.VersionTLS12), c.MinVersion)
		require.Equal(t, tls.RequireAnyClientCert, c.ClientAuth)
		require.ErrorIs(t, c.VerifyConnection(tls.ConnectionState{}), mtls.ErrNoCertificate)
	}
	require.Nil(t, v.TLSConfig(&tls.Config{ClientCAs: x509.NewCertPool()}, mtls.Require).ClientCAs, "a handshake names no authorities: they may have changed")
	require.Equal(t, uint16(tls.VersionTLS13), v.TLSConfig(&tls.Config{MinVersion: tls.VersionTLS13}, mtls.Offer).MinVersion)
}
