package mtls_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

const orders = "https://example.com/orders"

func TestForwardedVerifies(t *testing.T) {
	leaf, between, root := mintChain(t, orders, 2)
	all := append([]*authority{leaf}, between...)
	v := newVerifier(t, trusting(root), mtls.URI(orders))
	for _, row := range []struct {
		name   string
		format mtls.Format
		header map[string][]string
	}{
		{"RFC 9440", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(between, ", ", item))},
		{"HAProxy's chain", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", haproxyChain(all...))},
		{"escaped PEM", mtls.FormatPEM, headers("X-Ssl-Client-Cert", join(all, "", nginx))},
		{"blanked PEM", mtls.FormatPEM, headers("X-Ssl-Client-Cert", join(all, "", apache))},
		{"Traefik", mtls.FormatDER, headers("X-Forwarded-Tls-Client-Cert", join(all, ",", b64))},
		{"Envoy", mtls.FormatXFCC, headers("X-Forwarded-Client-Cert", envoy(leaf, envoyChain(all...), `Subject="CN=x"`, "URI="+orders))},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := forwarder(t, v, mtls.ForwardedConfig{Format: row.format, TrustedProxies: proxyRange})
			peer, err := f.Verify(proxyAddr, nil, row.header)
			require.NoError(t, err)
			require.Equal(t, orders, peer.Name())
			require.Equal(t, mtls.KindURI, peer.Kind())
			require.Equal(t, thumbprint(leaf), peer.Thumbprint())
			require.Equal(t, leaf.Raw, peer.Certificate())

			peer, err = f.Verify(netip.MustParseAddr("10.0.1.7"), nil, row.header)
			require.ErrorIs(t, err, mtls.ErrNoCertificate)
			require.Nil(t, peer)
		})
	}
}

func TestForwardedVerifiesAgainWhatNoProxyHas(t *testing.T) {
	leaf, between, root := mintChain(t, orders, 1)
	otherLeaf, otherBetween, otherRoot := mintChain(t, orders, 1)
	v := newVerifier(t, trusting(root), mtls.URI(orders))
	f := forwarder(t, v, mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange})
	for _, row := range []struct {
		name  string
		leaf  *authority
		chain []*authority
		want  mtls.Reason
	}{
		{"a self-signed certificate with the name", mint(t, nil, uris(t, orders)), nil, mtls.ReasonChain},
		{"the name from other roots, which are sent along", otherLeaf, []*authority{otherBetween[0], otherRoot}, mtls.ReasonChain},
		{"the good chain beside a leaf of another", otherLeaf, []*authority{between[0], root}, mtls.ReasonChain},
		{"an intermediate is missing", leaf, nil, mtls.ReasonChain},
		{"another intermediate in its place", leaf, otherBetween, mtls.ReasonChain},
		{"expired", mint(t, between[0], func(c *x509.Certificate) {
			uris(t, orders)(c)
			c.NotAfter = time.Now().Add(-time.Minute)
		}), between, mtls.ReasonExpired},
		{"for servers", mint(t, between[0], func(c *x509.Certificate) {
			uris(t, orders)(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), between, mtls.ReasonUsage},
		{"another name", mint(t, between[0], uris(t, orders+"/x")), between, mtls.ReasonName},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := headers(
				"Client-Cert", item(row.leaf.Raw), "X-SSL-Client-Verify", "SUCCESS", "Ssl-Client-Verify", "SUCCESS",
				"X-SSL-Client-S-DN", "CN=orders", "X-SSL-Client-SAN-URI", orders,
			)
			if row.chain != nil {
				h["Client-Cert-Chain"] = []string{join(row.chain, ", ", item)}
			}
			peer, err := f.Verify(proxyAddr, nil, h)
			require.ErrorIs(t, err, mtls.ErrRefused)
			require.Equal(t, row.want, mtls.ReasonOf(err))
			require.Nil(t, peer)
			got, err := f.Thumbprint(proxyAddr, nil, h)
			require.NoError(t, err, "that its key was used is another question")
			require.Equal(t, thumbprint(row.leaf), got)
		})
	}
	t.Run("the good one, with failure written beside it", func(t *testing.T) {
		peer, err := f.Verify(proxyAddr, nil, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", item(between[0].Raw), "X-SSL-Client-Verify", "FAILED:x"))
		require.NoError(t, err)
		require.Equal(t, orders, peer.Name())
	})
	t.Run("the leaf alone, and its issuer among the roots", func(t *testing.T) {
		f := forwarder(t, newVerifier(t, trusting(between[0]), mtls.URI(orders)), mtls.ForwardedConfig{Format: mtls.FormatPEM, TrustedProxies: proxyRange})
		peer, err := f.Verify(proxyAddr, nil, headers("X-Ssl-Client-Cert", nginx(leaf.Raw)))
		require.NoError(t, err)
		require.Equal(t, orders, peer.Name())
	})
	t.Run("nothing, and a success", func(t *testing.T) {
		_, err := f.Verify(proxyAddr, nil, headers("Client-Cert", "::", "X-SSL-Client-Verify", "SUCCESS"))
		require.ErrorIs(t, err, mtls.ErrNoCertificate)
	})
	t.Run("the same header twice", func(t *testing.T) {
		_, err := f.Verify(proxyAddr, nil, headers("Client-Cert", item(leaf.Raw), "Client-Cert", item(leaf.Raw), "Client-Cert-Chain", item(between[0].Raw)))
		require.Equal(t, mtls.ReasonMalformed, mtls.ReasonOf(err))
	})
	t.Run("the example of RFC 9440, whose leaf has expired", func(t *testing.T) {
		old := forwarder(t, newVerifier(t, trusting(parsed(t, rfcRoot)), mtls.Email("bdc@example.com")), mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange})
		_, err := old.Verify(proxyAddr, nil, headers("Client-Cert", rfcClientCert, "Client-Cert-Chain", rfcIntermediate))
		require.Equal(t, mtls.ReasonExpired, mtls.ReasonOf(err))
	})
}

func parsed(tb testing.TB, item string) *authority {
	tb.Helper()
	cert, err := x509.ParseCertificate(unb64(strings.Trim(item, ":")))
	require.NoError(tb, err)
	return &authority{Certificate: cert}
}

func TestOnlyProxiesMayForward(t *testing.T) {
	client, _, root := mintChain(t, orders, 0)
	proxyRoot := newRoot(t, "root")
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{name} }
	}
	proxy := mint(t, proxyRoot, named("edge.example.com"))
	v, proxies := newVerifier(t, trusting(root), mtls.URI(orders)), newVerifier(t, trusting(proxyRoot), mtls.DNS("edge.example.com"))
	inside, outside := proxyAddr, netip.MustParseAddr("192.0.2.1")

	type who struct {
		name  string
		addr  netip.Addr
		state *tls.ConnectionState
	}
	var (
		right     = who{"the proxy", inside, state(proxy)}
		elsewhere = who{"the proxy from elsewhere", outside, state(proxy)}
		nowhere   = who{"the proxy from no address", netip.Addr{}, state(proxy)}
		zone      = who{"the proxy from a zone", netip.MustParseAddr("fe80::1%eth0"), state(proxy)}
		plain     = who{"no TLS", inside, nil}
		silent    = who{"TLS without a certificate", inside, state()}
		direct    = who{"a client with its own certificate", inside, state(client)}
		sibling   = who{"another one of the proxy's authority", inside, state(mint(t, proxyRoot, named("app.example.com")))}
		selfMade  = who{"a self-signed one with the proxy's name", inside, state(mint(t, nil, named("edge.example.com")))}
		expired   = who{"the proxy's, expired", inside, state(mint(t, proxyRoot, func(c *x509.Certificate) {
			named("edge.example.com")(c)
			c.NotAfter = time.Now().Add(-time.Minute)
		}))}
		everyone = []who{right, elsewhere, nowhere, zone, plain, silent, direct, sibling, selfMade, expired}
	)
	for _, row := range []struct {
		name    string
		ranges  []netip.Prefix
		proxy   *mtls.Verifier
		trusted []who
	}{
		{"by address", proxyRange, nil, []who{right, plain, silent, direct, sibling, selfMade, expired}},
		{"by certificate", nil, proxies, []who{right, elsewhere, nowhere, zone}},
		{"by both", proxyRange, proxies, []who{right}},
		{"by certificate, from everywhere in IPv4", ranges("0.0.0.0/0"), proxies, []who{right, elsewhere}},
	} {
		f := forwarder(t, v, mtls.ForwardedConfig{Format: mtls.FormatDER, TrustedProxies: row.ranges, Proxy: row.proxy})
		trusted := map[string]bool{}
		for _, w := range row.trusted {
			trusted[w.name] = true
		}
		for _, w := range everyone {
			t.Run(row.name+"/"+w.name, func(t *testing.T) {
				requireForwards(t, f, w.addr, w.state, client, trusted[w.name])
			})
		}
	}
}

func TestWhoeverCannotBeDecidedUponIsNeitherTrustedNorAStranger(t *testing.T) {
	client, _, root := mintChain(t, orders, 0)
	other := newRoot(t, "other")
	undecided := mtls.Trust{Roots: certificates(root, other), CRLs: []*x509.RevocationList{other.revoke(t, 1)}} // and no list of root's
	h := headers("Client-Cert", item(client.Raw))
	requireUndecided := func(t *testing.T, err error) {
		t.Helper()
		require.Error(t, err)
		require.Equal(t, mtls.ReasonUndecided, mtls.ReasonOf(err))
		require.NotErrorIs(t, err, mtls.ErrRefused)
		require.NotErrorIs(t, err, mtls.ErrNoCertificate)
	}
	t.Run("a proxy", func(t *testing.T) {
		proxy := mint(t, root)
		f := forwarder(t, newVerifier(t, trusting(root), mtls.URI(orders)), mtls.ForwardedConfig{
			Format: mtls.FormatClientCert, Proxy: newVerifier(t, undecided, mtls.DNS("client.example.com")),
		})
		peer, err := f.Verify(proxyAddr, state(proxy), h)
		require.Nil(t, peer)
		requireUndecided(t, err)
		got, err := f.Thumbprint(proxyAddr, state(proxy), h)
		require.Empty(t, got)
		requireUndecided(t, err)
	})
	t.Run("a client", func(t *testing.T) {
		f := forwarder(t, newVerifier(t, undecided, mtls.URI(orders)), mtls.ForwardedConfig{Format: mtls.FormatClientCert, TrustedProxies: proxyRange})
		peer, err := f.Verify(proxyAddr, nil, h)
		require.Nil(t, peer)
		requireUndecided(t, err)
		got, err := f.Thumbprint(proxyAddr, nil, h)
		require.NoError(t, err)
		require.Equal(t, thumbprint(client), got)
	})
}

// requireForwards holds that whoever has this connection may forward the client's certificate, or may not.
func requireForwards(t *testing.T, f *mtls.Forwarded, addr netip.Addr, state *tls.ConnectionState, client *authority, may bool) {
	t.Helper()
	h := headers("X-Forwarded-Tls-Client-Cert", b64(client.Raw))
	peer, err := f.Verify(addr, state, h)
	got, possession := f.Thumbprint(addr, state, h)
	own, none := f.Thumbprint(addr, state, nil)
	if may {
		require.NoError(t, err)
		require.Equal(t, orders, peer.Name())
		require.NoError(t, possession)
		require.Equal(t, thumbprint(client), got)
		require.ErrorIs(t, none, mtls.ErrNoCertificate, "a proxy's own certificate is never its client's")
		require.Empty(t, own)
		_, err = f.Verify(addr, state, headers("X-Forwarded-Tls-Client-Cert", "forged"))
		require.Equal(t, mtls.ReasonMalformed, mtls.ReasonOf(err))
		return
	}
	require.ErrorIs(t, err, mtls.ErrNoCertificate)
	require.Nil(t, peer)
	_, err = f.Verify(addr, state, headers("X-Forwarded-Tls-Client-Cert", "forged", "x-forwarded-tls-client-cert", "forged"))
	require.ErrorIs(t, err, mtls.ErrNoCertificate, "whatever the header says")
	if state == nil || len(state.PeerCertificates) == 0 {
		require.ErrorIs(t, possession, mtls.ErrNoCertificate)
		require.Empty(t, got)
		return
	}
	require.NoError(t, possession)
	require.NoError(t, none)
	require.Equal(t, own, got)
	require.Equal(t, thumbprint(&authority{Certificate: state.PeerCertificates[0]}), got)
}

// A client with a certificate, a proxy that terminates TLS and has one of its own, and the service behind it.
func TestForwardedOverTheWire(t *testing.T) {
	client, between, root := mintChain(t, orders, 1)
	proxyRoot := newRoot(t, "root")
	proxy := mint(t, proxyRoot, func(c *x509.Certificate) { c.DNSNames = []string{"edge.example.com"} })
	f := forwarder(t, newVerifier(t, trusting(root), mtls.URI(orders)), mtls.ForwardedConfig{
		Format: mtls.FormatClientCert, TrustedProxies: ranges("127.0.0.0/8", "::1/128"), Proxy: newVerifier(t, trusting(proxyRoot), mtls.DNS("edge.example.com")),
	})
	service := tlsServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := f.Verify(netip.MustParseAddrPort(r.RemoteAddr).Addr(), r.TLS, r.Header)
		possession, _ := f.Thumbprint(netip.MustParseAddrPort(r.RemoteAddr).Addr(), r.TLS, r.Header)
		fmt.Fprintln(w, peer.Name(), possession, err)
	}))
	backend, err := url.Parse(service.URL)
	require.NoError(t, err)
	edge := tlsServer(t, &httputil.ReverseProxy{
		Transport: tlsTransport(t, proxy),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(backend)
			for _, name := range f.Headers() {
				p.Out.Header.Del(name)
			}
			if certs := p.In.TLS.PeerCertificates; len(certs) > 0 {
				p.Out.Header.Set("Client-Cert", item(certs[0].Raw))
				for _, c := range certs[1:] {
					p.Out.Header.Set("Client-Cert-Chain", item(c.Raw))
				}
			}
		},
	})
	forged := headers("Client-Cert", item(client.Raw), "Client-Cert-Chain", item(between[0].Raw))
	none := " " + " " + mtls.ErrNoCertificate.Error()
	self := mint(t, nil, uris(t, orders))
	for _, row := range []struct {
		name   string
		to     string
		with   []*authority
		header map[string][]string
		want   string
	}{
		{"the client through the proxy", edge.URL, append([]*authority{client}, between...), nil, orders + " " + thumbprint(client) + " <nil>"},
		{"a client without a certificate", edge.URL, nil, nil, none},
		{"one that forges the header", edge.URL, nil, forged, none},
		{"one that forges it in another spelling", edge.URL, nil, headers("Client_Cert", item(client.Raw)), none},
		{"a self-signed one", edge.URL, []*authority{self}, nil, " " + thumbprint(self) + " mtls: refused: chain"},
		{"one that goes around the proxy", service.URL, nil, forged, none},
		{"one that goes around it with its own certificate", service.URL, []*authority{self}, forged, " " + thumbprint(self) + " " + mtls.ErrNoCertificate.Error()},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, row.to, nil)
			require.NoError(t, err)
			maps.Copy(r.Header, row.header)
			answer, err := tlsTransport(t, row.with...).RoundTrip(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			line, err := bufio.NewReader(answer.Body).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, row.want, strings.TrimSuffix(line, "\n"))
		})
	}
}

func tlsServer(tb testing.TB, h http.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	tb.Cleanup(s.Close)
	return s
}

// tlsTransport presents certs, the first of them its own.
func tlsTransport(tb testing.TB, certs ...*authority) *http.Transport {
	tb.Helper()
	c := &tls.Config{InsecureSkipVerify: true} // the servers here are not what is tested
	if len(certs) > 0 {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: ders(certs...), PrivateKey: certs[0].key}, nil
		}
	}
	t := &http.Transport{TLSClientConfig: c}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

// nginx folds the lines of $ssl_client_cert, and net/http unfolds them.
func TestForwardedReadsFoldedLinesOverTheWire(t *testing.T) {
	leaf := mint(t, nil)
	f := forwarder(t, nil, mtls.ForwardedConfig{Format: mtls.FormatPEM, TrustedProxies: ranges("127.0.0.0/8", "::1/128")})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := f.Thumbprint(netip.MustParseAddrPort(r.RemoteAddr).Addr(), r.TLS, r.Header)
		fmt.Fprintln(w, got, err)
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	folded := strings.ReplaceAll(strings.TrimSpace(armour(leaf.Raw)), "\n", "\n\t")
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-SSL-Client-Cert: %s\r\nConnection: close\r\n\r\n", folded)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, thumbprint(leaf)+" <nil>\n", line)
}
