package redisstore

import (
	"errors"
	"reflect"

	"github.com/redis/go-redis/v9"
)

var (
	errNil      = errors.New("redisstore: the client is nil")
	errReplicas = errors.New("redisstore: the client reads from replicas (ReadOnly, RouteByLatency or RouteRandomly), which may not know yet what was deleted")
	errCached   = errors.New("redisstore: the client reads from its own cache (ClientSideCache), which may not know yet what was deleted")
)

// check refuses what can be seen of a client to break the promise of Delete. What a wrapper hides, or ReplicaOnly, cannot be seen.
func check(client redis.UniversalClient) error {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return errNil
	}
	switch c := client.(type) {
	case *redis.Client:
		if o := c.Options(); o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return errCached
		}
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return errReplicas
		}
	}
	return nil
}
