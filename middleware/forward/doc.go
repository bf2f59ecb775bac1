// Package forward hands the identity that a [middleware.Guard] has verified to a backend, in headers that nobody outside can forge.
//
//	identity, err := forward.New(forward.Config{Subject: "X-Identity-Subject", Scopes: "X-Identity-Scopes"})
//	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
//		pr.SetURL(backend)
//		identity.Rewrite(pr)
//	}}
//	http.ListenAndServe(addr, guard.Routes(routes)(proxy))
//
// [Headers.Rewrite] is for [httputil.ReverseProxy], [Headers.Handler] for what runs in the same process. Both go inside of the
// guard. The backend must not be reachable by another way, or all of this proves nothing to it.
//
// # What arrives
//
// Every header that is named in [Config] is managed: whatever the client sent under it, or under a name that a backend may take for
// it, is gone before anything is set, on every request, on public routes too. Names are compared folded, that is, in
// lower case and with every byte outside [a-z0-9] as "_", since CGI, WSGI, PHP and many others do not tell X-Identity-Subject from
// X_Identity_Subject or X.Identity.Subject. So are X-Forwarded-Client-Cert, Client-Cert and Client-Cert-Chain, in which
// a backend would look for a certificate that a proxy has checked. Request trailers are dropped, all of them (RFC 9110 section 6.5.1), as
// some servers merge them into the header.
//
// Then, if there is an identity, each managed header is set exactly once, or not at all where the identity does not say: a
// header is never empty. The credential is removed, as the backend has no use for it and could only leak it. Without an
// identity, on a public route, the client's credentials are none of ours and pass untouched.
//
// # How values are written
//
// A value is written as it is, but for bytes outside printable ASCII, blanks and percent signs. These are percent-encoded in upper
// case (RFC 3986 section 2.1): [net/url.PathUnescape] and its like in any language give the very value back. A plus is a plus.
//
// Lists, which are the scopes and claims that are arrays, are encoded element by element and joined by one blank: split at
// blanks first, then decode.
package forward
