package redisrevocation_test

import (
	"context"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/perimeter-go/perimeter/contrib/redisrevocation"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

// Whoever one gateway cuts off is cut off at all of them, and after a restart.
func Example() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"redis.example.com:6379"}, ContextTimeoutEnabled: true})
	store, err := redisrevocation.New(client, "production:")
	if err != nil {
		log.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{Sources: []revocation.Source{store}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = list.Run(ctx) }()
	go func() { _ = store.Follow(ctx, list) }()

	if err := store.Save(ctx, []revocation.Entry{{Issuer: "https://id.example.com", Subject: "user-7"}}); err != nil {
		log.Print(err)
	}
}
