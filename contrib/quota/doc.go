// Package quota limits how many requests pass for an identity: by subject, client, tenant, or a name of your own. It stands behind a
// guard and reads what the guard has found out.
//
//	guard.Routes(routes)(limiter.Handler(router))
//
// One [Limiter] is one policy. Mount it around the router to count all routes together, or around single handlers to give a
// route a quota of its own; mount several, one in the other, for a burst and a daily quota. What the guard refuses never comes here: guessing at
// credentials must be limited in front of it.
//
// # In process and shared
//
// A Limiter counts in process, or for several gateways together in Redis 7 ([Shared]). Either way a quota is a bucket that fills
// evenly, and one request takes one out; what is admitted is exact, under any concurrency. In Redis one script, which is atomic, decides by
// the clock of Redis.
//
// A request waits for Redis for at most the Timeout. After three failures in a row Redis is left alone for a second, and then one
// request tries it; meanwhile [StoreDown] decides at once. Requests that are under way when Redis dies, or that come before the third failure,
// wait for the Timeout. The Redis client may try again by itself within the Timeout; where only the answer was lost, the request then
// counts twice.
//
// # Response fields
//
// Every answer to a request that counts has RateLimit-Policy, and RateLimit when it is known what is left, as
// draft-ietf-httpapi-ratelimit-headers-10 has them. The t in it is when one more request comes back, not when all do. A refusal has
// Retry-After as well. They tell each client about its own quota only, but with [Client] or a tenant about what others of
// the same name have used. There is no partition key (pk).
//
// # What Redis is trusted with
//
// With the counts. Whoever writes to Redis can give a quota back or use it up. Whoever reads it learns how many quotas are in use, how much, and
// when; not whose they are, because names go there as an HMAC. What Redis loses, by eviction, a restart or a failover to a
// replica that has not heard of the last writes, is given back: use maxmemory-policy noeviction, with which a full Redis is an outage.
//
// A Limiter uses these commands on keys that begin with rate:, its prefix, and perimeter:quota:
//
//	ACL SETUSER gateway on >password ~rate:production:perimeter:quota:* +evalsha +eval +time +get +set
package quota
