// Package redisstore lets gateways share what an issuer told them about tokens, in Redis 7. A [Store] satisfies introspect.Store, over
// any client of github.com/redis/go-redis/v9.
//
// # What Redis is trusted with
//
// Not with tokens, identities or decisions: names are keyed hashes and values are sealed by package introspect, under a StoreKey that
// never leaves the gateways. Whoever reads Redis learns how many tokens are in use and when. Whoever writes to it can make gateways
// ask the issuer, and no more: a value that was changed, cut short, or copied from another key is not read. Of a huge value, 1 MiB is
// read.
//
// Redis is trusted to remember what was forgotten. introspect.Client.Forget removes the answer about a token and leaves a mark. By the
// mark other gateways know not to believe an answer from before that comes late or is put back, not to share one themselves,
// and not to let one stand in by StaleIfError. Where both the mark and the removal are undone, or the mark alone while such
// an answer is at hand, the token may be accepted until the TTL of that answer is over, by default 30 seconds after it was asked for, and in
// an outage of the issuer for StaleIfError longer; never past its exp. Whoever writes to Redis can do so. Redis does it by itself in
// these cases, and Forget has then returned no error:
//
//   - A mark is evicted. With maxmemory-policy noeviction a full Redis refuses the mark instead, and Forget says so. Other values may
//     be evicted or lost at any time; it costs a call to the issuer.
//   - A failover, by Sentinel or in a cluster: the replica has not heard of the last writes. After a restart from disk likewise.
//   - A redis.Ring moves the keys of a shard that it takes for dead, as each gateway sees it for itself. Give it a HeartbeatFn that always
//     returns true: the keys of a dead shard then stay where they are, and Forget fails.
//
// # The client
//
// It is the caller's: its addresses, TLS, pool and timeouts. [New] refuses one that visibly reads from replicas or from a cache of
// its own. FailoverOptions.ReplicaOnly cannot be seen and must not be set; so must nothing of the kind in a client that wraps another.
//
// Set ContextTimeoutEnabled. Without it introspect still leaves an operation after its StoreTimeout, but the operation goes on,
// with its connection, until ReadTimeout (5 seconds by default): as many as the pool has connections. Whoever waits for a connection, or
// to try again, leaves in time in any case. DialTimeout bounds the attempts to connect, which go on without the caller, no
// more of them at once than PoolSize. The client tries again up to MaxRetries times, which within StoreTimeout is once or twice; all that a
// Store does may be done twice.
//
// # Least rights
//
// A Store uses three commands on keys that begin with its prefix and perimeter:introspect:
//
//	ACL SETUSER gateway on >password ~production:perimeter:introspect:* +getrange +set +del
//
// In a cluster the client also needs +cluster|slots and +command. Environments that share a Redis need no prefix to keep their
// answers apart, because gateways that differ in configuration or StoreKey use different keys; they need one, and a user each, to keep
// the one from deleting what is the other's.
package redisstore
