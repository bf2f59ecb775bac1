package limit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// What is looked at of X-Forwarded-For: so many entries from the end, and so many bytes of each, its blanks included.
const (
	maxEntries = 32
	maxEntry   = 64
)

// proxies are those who are believed about whom they speak for.
type proxies struct{ trusted []netip.Prefix }

func newProxies(trusted []netip.Prefix) proxies { return proxies{slices.Clone(trusted)} }

func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(t netip.Prefix) bool { return t.Contains(a) })
}

// client returns the address that a request comes from: the one that a proxy speaks for, if it does. It is not valid where the connection has none that can be
// read, as with a unix socket.
func client(r *http.Request, spokenFor netip.Addr) netip.Addr {
	if spokenFor.IsValid() {
		return spokenFor
	}
	return remote(r.RemoteAddr)
}

// speakFor returns for whom a trusted proxy has sent the request. It is false if there is none, or if it does not say.
func (p proxies) speakFor(r *http.Request) (client netip.Addr, forwarded bool) {
	if len(p.trusted) == 0 || len(r.Header["X-Forwarded-For"]) == 0 || !p.trust(remote(r.RemoteAddr)) {
		return client, false
	}
	left := maxEntries
	for _, list := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for more := true; more; left-- {
			if left == 0 {
				return client, forwarded
			}
			var entry string
			entry, list, more = cutLast(list)
			said := forwardedAddr(entry)
			if !said.IsValid() {
				return client, forwarded
			}
			client, forwarded = said, true
			if !p.trust(client) {
				return client, forwarded
			}
		}
	}
	return client, forwarded
}

// cutLast takes the last entry off a list. more is false if it was the only one. One that is too long is none.
func cutLast(list string) (entry, before string, more bool) {
	start := max(0, len(list)-maxEntry-len(","))
	i := strings.LastIndexByte(list[start:], ',')
	switch {
	case i >= 0:
		i += start
		return strings.Trim(list[i+1:], " \t"), list[:i], true // RFC 9110 section 5.6.1: optional white space around entries
	case len(list) > maxEntry:
		return "", "", false
	default:
		return strings.Trim(list, " \t"), "", false
	}
}

// remote reads Request.RemoteAddr. Some middlewares leave the port out.
func remote(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr())
	}
	return forwardedAddr(s)
}

// forwardedAddr reads an entry: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80.
func forwardedAddr(s string) netip.Addr {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			a, _ := netip.ParseAddr(inner)
			if !a.Is6() {
				return netip.Addr{}
			}
			return plain(a)
		}
	}
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") == 1 {
		ap, _ := netip.ParseAddrPort(s)
		return plain(ap.Addr())
	}
	a, _ := netip.ParseAddr(s)
	return plain(a)
}

// plain gives an address its one spelling, and none to an address with a zone, which means something on one machine only.
func plain(a netip.Addr) netip.Addr {
	if a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}
