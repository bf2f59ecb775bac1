package forward

import (
	"context"
	"net/http"
	"net/http/httputil"

	"github.com/perimeter-go/perimeter/middleware"
)

// Headers writes identities into requests. It is made by [New], immutable, and safe for concurrent use.
//
// The zero Headers and nil know no name to look for; they remove every header of every request.
type Headers struct {
	subject, issuer, clientID, scopes, kind string // canonical; empty: not set
	claims                                  []claimHeader

	managed     names    // removed from every request
	credentials names    // removed from requests with an identity
	cookies     []string // likewise
}

// Rewrite writes the identity of pr.In into pr.Out, for [httputil.ReverseProxy.Rewrite].
//
// There it runs after the proxy has removed what the client's Connection header names, so that no client can have an
// identity header removed. What Rewrite functions set under managed names must be set after it.
func (h *Headers) Rewrite(pr *httputil.ProxyRequest) {
	h.write(pr.In.Context(), pr.Out)
}

// Handler passes requests to next with the identity written into a copy of their header. The request that it is given is left as it is.
//
// Managed names are also removed from the Connection header, so that a proxy behind it does not remove what has been set; one
// of more than 1 KiB is removed.
func (h *Headers) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.WithContext(r.Context())
		out.Header = r.Header.Clone()
		h.write(r.Context(), out)
		next.ServeHTTP(w, out)
	})
}

// write changes the header of out, which must be the caller's own, to say who is behind ctx.
func (h *Headers) write(ctx context.Context, out *http.Request) {
	out.Trailer = nil // the server fills in the trailers of the original request, which nobody reads
	if h == nil || h.managed.folded == nil {
		clear(out.Header)
		return
	}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	id, known := middleware.IdentityFrom(ctx)
	for name := range out.Header {
		if h.managed.has(name) || known && h.credentials.has(name) {
			delete(out.Header, name)
		}
	}
	unname(out.Header, h.managed)
	if !known {
		return
	}
	dropCookies(out.Header, h.cookies)
	h.set(out.Header, id)
}

func (h *Headers) set(header http.Header, id middleware.Identity) {
	w := writer{header, make([]string, 0, 5+len(h.claims))}
	w.put(h.subject, encode(id.Subject))
	w.put(h.issuer, encode(id.Issuer))
	w.put(h.clientID, encode(id.ClientID))
	w.put(h.kind, kindOf(id))
	if h.scopes != "" {
		w.put(h.scopes, encodeScopes(id.Scopes))
	}
	switch {
	case len(h.claims) == 0:
	case id.Token != nil:
		w.putClaims(h.claims, id.Token)
	case id.Introspection != nil:
		w.putClaims(h.claims, id.Introspection)
	}
}

// A writer sets headers, all of whose values are in one piece of memory.
type writer struct {
	header http.Header
	values []string
}

// put sets exactly one value, or none.
func (w *writer) put(name, value string) {
	if name != "" && value != "" {
		n := len(w.values)
		w.values = append(w.values, value)
		w.header[name] = w.values[n : n+1 : n+1] // who appends to it gets a copy
	}
}

// The values of the kind header.
const (
	kindJWT    = "jwt"
	kindOpaque = "opaque"
	kindCert   = "mtls"
	kindOther  = "other"
)

func kindOf(id middleware.Identity) string {
	switch {
	case id.Token != nil:
		return kindJWT
	case id.Introspection != nil:
		return kindOpaque
	case id.Peer != nil:
		return kindCert
	default:
		return kindOther
	}
}
