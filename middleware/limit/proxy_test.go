package limit_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

func behindProxies(tb testing.TB) *limit.Limiter {
	tb.Helper()
	return newLimiter(tb, func(c *limit.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
}

func TestWhomARequestCountsFor(t *testing.T) {
	l := behindProxies(t)
	for _, row := range []struct {
		name, remote string
		forwarded    []string
		want         string // "": the one peer of all who have no address
	}{
		{name: "the connection's peer", remote: "192.0.2.1:7", want: "192.0.2.1"},
		{name: "a peer without a port, as some middlewares leave it", remote: "192.0.2.1", want: "192.0.2.1"},
		{name: "IPv4 inside of IPv6 is IPv4", remote: "[::ffff:192.0.2.1]:7", want: "192.0.2.1"},
		{name: "IPv6", remote: "[2001:db8::1]:7", want: "2001:db8::1"},
		{name: "a zone is refused", remote: "[fe80::1%eth0]:7", want: ""},
		{name: "a unix socket", remote: "@", want: ""},
		{name: "no address at all", remote: "", want: ""},
		{name: "from anyone but a proxy the header means nothing", remote: "192.0.2.1:7", forwarded: []string{"198.51.100.1"}, want: "192.0.2.1"},
		{name: "by a unix socket it means nothing", remote: "@", forwarded: []string{"198.51.100.1"}, want: ""},
		{name: "a proxy that says nothing counts itself", remote: "10.0.0.1:7", want: "10.0.0.1"},
		{name: "the client of a proxy", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{name: "a proxy as IPv4 inside of IPv6 is a proxy", remote: "[::ffff:10.0.0.1]:7", forwarded: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{name: "the rightmost that is no proxy", remote: "10.0.0.1:7", forwarded: []string{"203.0.113.1, 198.51.100.1, 10.0.0.3,fd00::2"}, want: "198.51.100.1"},
		{name: "what the client itself has sent is to the left and moves nothing", remote: "10.0.0.1:7", forwarded: []string{"127.0.0.1, 10.0.0.9, 198.51.100.1"}, want: "198.51.100.1"},
		{name: "several headers are one list", remote: "10.0.0.1:7", forwarded: []string{"203.0.113.1", "198.51.100.1, 10.0.0.2", "10.0.0.3"}, want: "198.51.100.1"},
		{name: "only proxies: the first of them", remote: "10.0.0.1:7", forwarded: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		{name: "what cannot be read stops the walk at the proxy before", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1, unknown, 10.0.0.2"}, want: "10.0.0.2"},
		{name: "so does an empty entry", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1, , 10.0.0.2"}, want: "10.0.0.2"},
		{name: "so does an empty header", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1", ""}, want: "10.0.0.1"},
		{name: "so does a zone", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1, fe80::1%1"}, want: "10.0.0.1"},
		{name: "so does a spelling of IPv4 that other readers take for octal", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.01"}, want: "10.0.0.1"},
		{name: "so do quotes", remote: "10.0.0.1:7", forwarded: []string{`"198.51.100.1"`}, want: "10.0.0.1"},
		{name: "so do brackets around IPv4", remote: "10.0.0.1:7", forwarded: []string{"[198.51.100.1]"}, want: "10.0.0.1"},
		{name: "an entry with a port", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1:4711"}, want: "198.51.100.1"},
		{name: "an entry with brackets", remote: "10.0.0.1:7", forwarded: []string{"[2001:db8::1]"}, want: "2001:db8::1"},
		{name: "an entry with brackets and a port", remote: "10.0.0.1:7", forwarded: []string{"[2001:db8::1]:4711"}, want: "2001:db8::1"},
		{name: "an entry of IPv4 inside of IPv6", remote: "10.0.0.1:7", forwarded: []string{"::ffff:198.51.100.1"}, want: "198.51.100.1"},
		{name: "31 proxies in a row", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 31)}, want: "198.51.100.1"},
		{name: "a proxy more", remote: "10.0.0.1:7", forwarded: []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 32)}, want: "10.0.0.2"},
		{name: "a proxy more, in as many headers", remote: "10.0.0.1:7", forwarded: append([]string{"198.51.100.1"}, slices.Repeat([]string{"10.0.0.2"}, 32)...), want: "10.0.0.2"},
		{name: "an entry of 64 bytes", remote: "10.0.0.1:7", forwarded: []string{strings.Repeat(" ", 52) + "198.51.100.1"}, want: "198.51.100.1"},
		{name: "a byte more", remote: "10.0.0.1:7", forwarded: []string{strings.Repeat(" ", 53) + "198.51.100.1"}, want: "10.0.0.1"},
		{name: "an entry of 64 bytes in a list", remote: "10.0.0.1:7", forwarded: []string{"203.0.113.1," + strings.Repeat(" ", 52) + "198.51.100.1,10.0.0.2"}, want: "198.51.100.1"},
		{name: "a byte more in a list", remote: "10.0.0.1:7", forwarded: []string{"203.0.113.1," + strings.Repeat(" ", 53) + "198.51.100.1,10.0.0.2"}, want: "10.0.0.2"},
		{name: "tabs and blanks around entries", remote: "10.0.0.1:7", forwarded: []string{"\t198.51.100.1 ,  10.0.0.2\t"}, want: "198.51.100.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := from(row.remote)
			for _, f := range row.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			want, _ := netip.ParseAddr(row.want)
			require.Equal(t, want, l.Client(r))
		})
	}
}

func TestOtherHeadersDoNotMoveTheClient(t *testing.T) {
	l := behindProxies(t)
	r := from("10.0.0.1:7", "X-Real-Ip: 198.51.100.1", "Forwarded: for=198.51.100.2", "True-Client-Ip: 198.51.100.3", "X-Client-Ip: 198.51.100.4",
		"X_forwarded_for: 198.51.100.5")
	require.Equal(t, netip.MustParseAddr("10.0.0.1"), l.Client(r))
}

func TestClientsBehindAProxyAreToldApart(t *testing.T) {
	t.Run("one that guesses does not limit the next", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := behindProxies(t)
			wrong := func(client, credential string) error {
				_, err := l.Authenticate(from("10.0.0.1:7", "X-Forwarded-For: 203.0.113.77, "+client, "Authorization: Bearer bad-"+credential), telling)
				return err
			}
			for _, credential := range []string{"1", "2", "3"} {
				require.ErrorIs(t, wrong("198.51.100.1", credential), middleware.ErrRefused)
			}
			require.ErrorIs(t, wrong("198.51.100.1", "4"), limited)
			require.ErrorIs(t, wrong("198.51.100.2", "5"), middleware.ErrRefused)
		})
	})
}

// Behind a proxy every way of guessing counts for the client, and for no other.
func TestEachKindOfGuessIsTheClients(t *testing.T) {
	for name, wrong := range map[string]func(l *limit.Limiter, client string){
		"what nobody knows": func(l *limit.Limiter, client string) {
			_, err := l.Authenticate(from("10.0.0.1:7", client, "Authorization: Bearer bad"), telling)
			require.ErrorIs(t, err, middleware.ErrRefused)
		},
		"what was good": func(l *limit.Limiter, client string) {
			for n := range 10 { // which weigh as much as a guess
				r := from("10.0.0.1:7", client, fmt.Sprintf("Authorization: Bearer good-%d", n))
				_, err := l.Authenticate(r, telling)
				require.NoError(t, err)
				require.True(t, l.Remembers(r))
				_, err = l.Authenticate(r, failing(middleware.ErrRefused))
				require.ErrorIs(t, err, middleware.ErrRefused)
			}
		},
		"what is not looked for": func(l *limit.Limiter, client string) {
			_, err := l.Authenticate(from("10.0.0.1:7", client), failing(middleware.ErrRefused))
			require.ErrorIs(t, err, middleware.ErrRefused)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimiter(t, func(c *limit.Config) {
				c.TrustedProxies, c.PerMinute, c.Burst = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 1, 1
			})
			wrong(l, "X-Forwarded-For: 198.51.100.1")
			next := "Authorization: Bearer bad-2"
			if name == "what was good" { // what repeats has an allowance of its own
				next = "Authorization: Bearer good-9"
			}
			_, err := l.Authenticate(from("10.0.0.1:7", "X-Forwarded-For: 198.51.100.1", next), failing(middleware.ErrRefused))
			require.ErrorIs(t, err, limited, "it has had its guess")
			_, err = l.Authenticate(from("10.0.0.1:7", "X-Forwarded-For: 198.51.100.2", next), failing(middleware.ErrRefused))
			require.ErrorIs(t, err, middleware.ErrRefused, "another client has its own")
		})
	}
}

func TestIntrospectionIsToldOfTheClient(t *testing.T) {
	l := behindProxies(t)
	var got *http.Request
	a := answering(func(r *http.Request) (middleware.Identity, error) {
		got = r
		return middleware.Identity{Subject: "alice"}, nil
	})
	for range 2 { // as a new credential and as a known one
		r := from("10.0.0.1:7", "X-Forwarded-For: 198.51.100.1", "Authorization: Bearer x")
		_, err := l.Authenticate(r, a)
		require.NoError(t, err)
		require.Equal(t, introspect.WithPeer(r.Context(), netip.MustParseAddr("198.51.100.1")), got.Context())
		require.NotEqual(t, r.Context(), got.Context(), "the caller's request is not changed")
	}
}

// FuzzClient: nobody but a proxy moves the client, and a client is always an address that stands in the list, to the right of
// which there are proxies only.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"198.51.100.1", "10.0.0.2, 198.51.100.1", "a,b", ",", "[::1]:1, 10.0.0.1", "::ffff:10.0.0.1,fe80::1%x", "10.0.0.1:99999"} {
		f.Add(seed, "10.0.0.9")
	}
	l := behindProxies(f)
	isProxy := func(a netip.Addr) bool {
		return netip.MustParsePrefix("10.0.0.0/8").Contains(a) || netip.MustParsePrefix("fd00::/8").Contains(a)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		headers := []string{first, second}
		r := from("192.0.2.1:7")
		r.Header["X-Forwarded-For"] = headers
		require.Equal(t, netip.MustParseAddr("192.0.2.1"), l.Client(r))

		proxy := netip.MustParseAddr("10.0.0.1")
		r.RemoteAddr = "10.0.0.1:7"
		client := l.Client(r)
		require.True(t, client.IsValid() && client.Zone() == "" && !client.Is4In6())
		entries := strings.Split(strings.Join(headers, ","), ",")
		expected := proxy
		for len(entries) > 0 && isProxy(expected) {
			a, ok := oracle(strings.Trim(entries[len(entries)-1], " \t"))
			if !ok {
				break
			}
			expected, entries = a, entries[:len(entries)-1]
		}
		require.Equal(t, expected, client)
	})
}

// oracle reads an entry in another way.
func oracle(s string) (netip.Addr, bool) {
	candidates := []string{s}
	if host, port, ok := cutPort(s); ok {
		if _, err := netip.ParseAddrPort(s); err == nil && port != "" {
			candidates = append(candidates, host)
		}
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && strings.Contains(s, ":") {
		candidates = append(candidates, s[1:len(s)-1])
	}
	for _, c := range candidates {
		if a, err := netip.ParseAddr(c); err == nil {
			return a.Unmap(), a.Zone() == ""
		}
	}
	return netip.Addr{}, false
}

func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	return strings.Trim(s[:i], "[]"), s[i+1:], true
}
