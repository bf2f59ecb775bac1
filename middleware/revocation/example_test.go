package revocation_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

// Whoever is on the list is refused, although the token is good.
func Example() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := middleware.New(alice{}, &middleware.Options{Revocations: list})
	if err != nil {
		log.Fatal(err)
	}
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}

	fmt.Println(ask())
	if err := list.Add(revocation.Entry{Issuer: "https://issuer.test", Subject: "alice"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ask())
	// Output:
	// 200
	// 401
}

// A list of a file, read every half minute.
func ExampleFile() {
	list, err := revocation.New(revocation.Config{Sources: []revocation.Source{revocation.File("/etc/gateway/revoked.jsonl")}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = list.Run(ctx) }()
}
