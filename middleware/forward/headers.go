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
// Managed names are also removed from the Connection header, so that a proxy behind it does not remove what has been set.
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
	h.managed.deleteFrom(out.Header)
	unname(out.Header, h.managed)
	id, known := middleware.IdentityFrom(ctx)
	if !known {
		return
	}
	h.credentials.deleteFrom(out.Header)
	dropCookies(out.Header, h.cookies)
	h.set(out.Header, id)
}

func (h *Headers) set(header http.Header, id middleware.Identity) {
	put(header, h.subject, encode(id.Subject))
	put(header, h.issuer, encode(id.Issuer))
	put(header, h.clientID, encode(id.ClientID))
	put(header, h.kind, kindOf(id))
	if h.scopes != "" {
		put(header, h.scopes, encodeList(id.Scopes.Tokens()))
	}
	switch {
	case len(h.claims) == 0:
	case id.Token != nil:
		putClaims(header, h.claims, id.Token)
	case id.Introspection != nil:
		putClaims(header, h.claims, id.Introspection)
	}
}

// put sets exactly one value, or none.
func put(header http.Header, name, value string) {
	if name != "" && value != "" {
		header[name] = []string{value}
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
