// Package mtls answers one question: which workload does this client certificate prove?
//
// A [Verifier] judges the client certificate of a TLS connection. It is good if a chain, built here and now, leads from it to
// an authority that is trusted, if every certificate of that chain is in time and none is revoked, and if a [Rule] admits it. The
// rule names the peer: by the type of a subject alternative name and its exact value.
//
// What a certificate proves is asked again for every request, and no answer is older than the trust: a session that was resumed
// or a connection that is kept alive ends at the next request after its certificate has expired, has been revoked, or has lost its
// root. Chains that were once found are remembered, so that this costs little more than a SHA-256 of the certificate:
//
//	go test -run '^$' -bench Verify ./mtls
//
// For a token that is bound to a certificate, possession of the key is enough and nobody need vouch for it (RFC 8705 sections 2.2
// and 6.2): [Thumbprint].
package mtls
