// Package revocation cuts an identity off now, although its credential is good until it expires.
//
// A [List] is asked by a middleware.Guard about every identity on every request, after the credential has been verified and after
// all caches, so that nothing needs to be purged:
//
//	list, err := revocation.New(revocation.Config{Sources: []revocation.Source{revocation.File("revoked.jsonl")}})
//	go list.Run(ctx)
//	guard, err := middleware.New(authenticator, &middleware.Options{Revocations: list})
//
// What is on the list comes from sources that are read again and again (a file, a URL, or whatever implements [Source]), and from
// [List.Add], which takes effect at once.
//
// # Cost
//
// A look-up takes a few map look-ups on immutable snapshots, without a lock and without an allocation, however long the list is.
// Session ids are the exception, and so are token ids and times of issue of opaque tokens: they are decoded from the verified claims
// at each request, if there is any entry of that kind.
//
// # What it does not do
//
// It does not end what is under way: a request that was let in runs on. It cannot tell two sessions apart whose tokens carry no sid.
package revocation
