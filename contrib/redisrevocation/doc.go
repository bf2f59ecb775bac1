// Package redisrevocation lets gateways share who is cut off, in Redis 7: a [Store] is a source of package middleware/revocation, and where
// package secevent records what it receives.
//
//	store, err := redisrevocation.New(client, "production:")
//	list, err := revocation.New(revocation.Config{Sources: []revocation.Source{store}})
//	go list.Run(ctx)           // reads all of it, after a restart and whenever something was missed
//	go store.Follow(ctx, list) // hears of each entry as it is saved, by whichever gateway
//	receiver, err := secevent.New(secevent.Config{Verifier: verifier, Issuers: issuers, Record: store.Save})
//
// # What Redis is trusted with
//
// With the names in the entries, and with remembering them. Whoever writes to it can cut off anybody, and whoever deletes from it can let
// those back in that a gateway reads about after that. A Redis that has lost everything, such as one without persistence that was restarted, is
// noticed by whoever has read it before: to them it is a source that cannot be read, until something is saved. What it had lost has to be
// saved again then.
//
// # Least rights
//
//	ACL SETUSER gateway on >password ~production:{perimeter:revocation}* &production:{perimeter:revocation} +mget +set +incr +zadd +zrevrangebyscore +zremrangebyscore +publish +subscribe +multi +exec
package redisrevocation
