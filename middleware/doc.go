// Package middleware answers one question for an HTTP service: who is behind this request, and may they do this?
//
// An [Authenticator] finds out who is calling. A [Guard] asks it, judges the answer, and only then lets a handler run; both
// happen in one place, so that they cannot be mounted in the wrong order. [Routes] is the mapping of methods and paths to what
// they need, as data, and denies what it does not name. A handler reads the verified [Identity] by [IdentityFrom].
//
// # What a client is told
//
// A guard that does not let a request pass answers it itself, with the status text as body, Cache-Control: no-store, and
// nothing from inside:
//
//	a path that is too long                414
//	an ambiguous request target            400
//	nothing presented                      401  WWW-Authenticate: Bearer
//	presented and refused                  401  WWW-Authenticate: Bearer error="invalid_token"
//	two credentials, a malformed header    400  WWW-Authenticate: Bearer error="invalid_request"
//	scopes do not cover                    403  WWW-Authenticate: Bearer error="insufficient_scope", scope="what is needed"
//	the rule's Peers do not admit it       403
//	the rule's own check says no           403
//	no rule for this route                 403
//	too much of it                         429  Retry-After
//	could not decide                       503  Retry-After
//
// A credential that no authenticator took is "nothing presented" when the request has no Authorization header, and else
// "presented and refused".
//
// # What it does not do
//
// It does not protect a handler that can be reached by another way, sets no Vary header and does not otherwise touch a response
// that a handler writes: the ResponseWriter is passed on as it is, so that Flusher and Hijacker keep working. A response to a
// request with Authorization is private to shared caches by itself (RFC 9111 section 3.5); one to a credential from a cookie or
// another header is not, and its handler should say Cache-Control: private.
package middleware
