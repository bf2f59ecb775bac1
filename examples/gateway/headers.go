package main

import (
	"net/http"
	"strings"
)

// dropHearsay removes what a client says about its own address and about another target or method than those of the
// request line. The gateway judged the request line alone, and the backend must not be talked into another request; names
// are folded first, since a CGI-like backend takes X_Forwarded_For for X-Forwarded-For.
func dropHearsay(h http.Header) {
	for name := range h {
		if isHearsay(name) {
			delete(h, name)
		}
	}
}

// dropUpgrade removes the wish for another protocol than websocket. After an upgrade to HTTP/2 (h2c) or TLS the connection
// would carry requests that nobody has judged, with identity headers of the client's making. A websocket's handshake has no
// body (RFC 6455 section 4.1).
func dropUpgrade(out *http.Request) {
	if out.ContentLength == 0 && strings.EqualFold(out.Header.Get("Upgrade"), "websocket") {
		return
	}
	for _, name := range [...]string{"Connection", "Upgrade", "Http2-Settings"} {
		delete(out.Header, name)
	}
}

var hearsay = []string{
	"forwarded", "x_real_ip", "true_client_ip", "x_original_url", "x_original_uri", "x_original_method", "x_rewrite_url",
	"x_envoy_original_path",
	"x_http_method", "x_http_method_override", "x_method_override",
}

const hearsayFamily = "x_forwarded"

func isHearsay(name string) bool {
	if len(name) >= len(hearsayFamily) && foldedEqual(name[:len(hearsayFamily)], hearsayFamily) {
		return true
	}
	for _, h := range hearsay {
		if foldedEqual(name, h) {
			return true
		}
	}
	return false
}

// foldedEqual compares a header's name with one in lower case whose separators are underscores.
func foldedEqual(name, folded string) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := range len(name) {
		if fold(name[i]) != folded[i] {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'):
		return c
	}
	return '_'
}

// originForm is the path of the request target exactly as the client wrote it, without the query. net/url would write some
// bytes in another way, such as %7B for a brace. It is empty for a target that is no path; the guard lets none through.
func originForm(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return ""
	}
	return path
}
