package redisstore_test

import (
	"context"
	"log"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/perimeter-go/perimeter/contrib/redisstore"
	"github.com/perimeter-go/perimeter/introspect"
)

// Gateways with the same configuration and the same StoreKey share what the issuer told one of them.
func Example() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 []string{"redis.example.com:6379"},
		Username:              "gateway",
		Password:              os.Getenv("REDIS_PASSWORD"),
		ContextTimeoutEnabled: true, // so that a Redis that hangs holds no connection for longer than it is waited for
	})
	store, err := redisstore.New(client, "production:")
	if err != nil {
		log.Fatal(err)
	}
	key, err := os.ReadFile("/run/secrets/store-key") // 32 random bytes, the same for all gateways
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := introspect.New(introspect.Config{
		Endpoint: "https://id.example.com/introspect",
		Auth: introspect.Auth{
			Method: "client_secret_basic", ClientID: "gateway",
			Secret: func(context.Context) (string, error) { return os.Getenv("CLIENT_SECRET"), nil },
		},
		Issuer:    "https://id.example.com",
		Audiences: []string{"orders-api"},
	}, &introspect.Options{Store: store, StoreKey: key})
	if err != nil {
		log.Fatal(err)
	}

	if _, err := tokens.Introspect(context.Background(), "2YotnFZFEjr1zCsicMWpAA"); err != nil {
		log.Print(introspect.ReasonOf(err))
	}
	// A log-out here is seen by the others within 2 seconds.
	if err := tokens.Forget(context.Background(), "2YotnFZFEjr1zCsicMWpAA"); err != nil {
		log.Print(err)
	}
}
