package jwks_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

var quiet = log.New(io.Discard, "", 0)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// zipped is n blanks, compressed.
func zipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	blanks := bytes.Repeat([]byte(" "), 1<<16)
	for range n >> 16 {
		w.Write(blanks)
	}
	w.Close()
	return b.Bytes()
}

// speaks answers every connection with words.
func speaks(t *testing.T, words string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 1))
			io.WriteString(conn, words)
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "http://" + ln.Addr().String()
}

func TestForbiddenAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254":        true,
		"169.254.170.2":          true,
		"::ffff:169.254.169.254": true,
		"64:ff9b::a9fe:a9fe":     true,
		"64:ff9b:1::a9fe:a9fe":   true,
		"::a9fe:a9fe":            true,
		"::ffff:0:a9fe:a9fe":     true,
		"2002:a9fe:a9fe::1":      true,
		"fe80::1":                true,
		"fe80::1%eth0":           true,
		"febf::1":                true,
		"fd00:ec2::254":          true,
		"fd00:ec2::23":           true,
		"fd20:ce::254":           true,
		"100.100.100.200":        true,
		"168.63.129.16":          true,
		"192.0.0.192":            true,
		"224.0.0.1":              true,
		"ff02::1":                true,
		"127.0.0.1":              false,
		"::1":                    false,
		"10.0.0.1":               false,
		"192.168.1.1":            false,
		"100.100.100.201":        false,
		"169.253.0.1":            false,
		"fec0::1":                false,
		"fd00::1":                false,
		"203.0.113.7":            false,
		"2001:db8::1":            false,
		"64:ff9b::cb00:7107":     false,
		"2002:cb00:7107::a9fe":   false,
		"::ffff:192.168.1.1":     false,
	} {
		require.Equal(t, want, jwks.Forbidden(netip.MustParseAddr(address)), address)
	}
}

// farEnd is a connection that says it leads elsewhere.
type farEnd struct {
	net.Conn
	addr net.Addr
}

func (f farEnd) RemoteAddr() net.Addr { return f.addr }

// TestAddressIsCheckedAfterResolving has names resolve to a metadata address by way of the dialer: no resolver of this machine
// is asked.
func TestAddressIsCheckedAfterResolving(t *testing.T) {
	metadata := &net.TCPAddr{IP: net.IPv4(169, 254, 169, 254), Port: 80}
	place, hits := server(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, keysNamed("k1")) })
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return farEnd{conn, metadata}, nil
	}
	transports := map[string]http.RoundTripper{
		"a transport with a dialer of its own": &http.Transport{DialContext: dial},
		"a transport with an old dialer": &http.Transport{Dial: func(network, address string) (net.Conn, error) { //nolint:staticcheck // callers may still set it
			return dial(t.Context(), network, address)
		}},
		"a wrapped transport": roundTripper((&http.Transport{DialContext: dial, DisableKeepAlives: true}).RoundTrip),
	}
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			hits.Store(0)
			_, err := overHTTP(t, place, func(o *jwks.Options) { o.HTTPClient = &http.Client{Transport: transport} })
			require.Equal(t, &jwks.FetchError{Class: "address"}, err)
			if name != "a wrapped transport" {
				require.Zero(t, hits.Load(), "refused before the request")
			}
		})
	}
	t.Run("a RoundTripper that reports its connection and answers all the same", func(t *testing.T) {
		_, err := overHTTP(t, place, func(o *jwks.Options) {
			o.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: farEnd{addr: metadata}})
				return answer(r, 200, nil, keysNamed("k1")), nil
			})}
		})
		require.Equal(t, &jwks.FetchError{Class: "address"}, err)
	})
	t.Run("TLS dialers too", func(t *testing.T) {
		for _, transport := range []*http.Transport{{DialTLSContext: dial}, {DialTLS: func(network, address string) (net.Conn, error) {
			return dial(t.Context(), network, address)
		}}} {
			hits.Store(0)
			_, err := overHTTP(t, "https"+place[len("http"):], func(o *jwks.Options) { o.HTTPClient = &http.Client{Transport: transport} })
			require.Equal(t, &jwks.FetchError{Class: "address"}, err)
			require.Zero(t, hits.Load())
		}
	})
}

// TestOurDialerRefusesBeforeConnecting uses a proxy's address, which nothing but the dialer looks at.
func TestOurDialerRefusesBeforeConnecting(t *testing.T) {
	for _, proxy := range []string{"http://169.254.169.254:3128", "http://[fe80::1%25lo]:3128", "http://[::ffff:100.100.100.200]:3128"} {
		for _, transport := range []*http.Transport{{}, http.DefaultTransport.(*http.Transport)} {
			transport = transport.Clone()
			transport.Proxy = func(r *http.Request) (*url.URL, error) { return r.URL.Parse(proxy) }
			if transport.DialContext != nil {
				transport.DialContext = nil
			}
			_, err := overHTTP(t, "http://id.example.test/", brief, func(o *jwks.Options) { o.HTTPClient = &http.Client{Transport: transport} })
			require.Equal(t, &jwks.FetchError{Class: "address"}, err, proxy)
		}
	}
}

func TestTheCallersClientIsLeftAlone(t *testing.T) {
	place, hits := server(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, keysNamed("k1")) })
	var proxied atomic.Int32
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { proxied.Add(1); return nil, nil }}
	caller := &http.Client{Transport: transport}
	_, err := overHTTP(t, place, func(o *jwks.Options) { o.HTTPClient = caller })
	require.NoError(t, err)
	require.EqualValues(t, 1, hits.Load())
	require.EqualValues(t, 1, proxied.Load(), "its settings are used")
	require.Same(t, transport, caller.Transport)
	require.Nil(t, caller.CheckRedirect)
	require.Nil(t, transport.DialContext)
	require.False(t, transport.DisableKeepAlives)
}

func TestARoundTripperThatFailsOddly(t *testing.T) {
	for name, rt := range map[string]http.RoundTripper{
		"no response and no error": roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }),
		"no body": roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Request: r}, nil
		}),
		"an error of its own": roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("secret") }),
		"a nil transport":     (*http.Transport)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				c, err := jwks.New(keysURL, &jwks.Options{HTTPClient: &http.Client{Transport: rt}})
				require.NoError(t, err)
				err = c.Refresh(t.Context())
				_, ok := errors.AsType[*jwks.FetchError](err)
				require.True(t, ok)
				require.NotContains(t, err.Error(), "secret")
			})
		})
	}
}
