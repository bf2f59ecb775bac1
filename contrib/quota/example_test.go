package quota_test

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/contrib/quota"
	"github.com/perimeter-go/perimeter/middleware"
)

// Each subject has two requests a minute.
func Example() {
	limiter, err := quota.New(quota.Config{
		Name: "orders", Limit: 2, Window: time.Minute,
		By:        quota.Subject,
		Anonymous: quota.Pass, // public routes do not count
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 3 {
		w := send(h, as(middleware.Identity{Issuer: "https://id.example", Subject: "alice"})) // a guard stands in front of it in a service
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"), w.Header().Get("RateLimit"))
	}
	// Output:
	// 200 "orders";q=2;w=60 "orders";r=1;t=30
	// 200 "orders";q=2;w=60 "orders";r=0;t=30
	// 429 "orders";q=2;w=60 "orders";r=0;t=30
}
