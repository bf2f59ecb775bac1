package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
)

// An issuer is all that a service needs to name. The first look-up finds its key set.
func ExampleNewFromIssuer() {
	issuer, err := localissuer.Start()
	if err != nil {
		panic(err)
	}
	defer issuer.Close()

	keys, err := jwks.NewFromIssuer(issuer.URL(), &jwks.Options{InsecureAllowHTTP: true}) // only because it is on loopback
	if err != nil {
		panic(err)
	}
	found, err := keys.PublicKeys(context.Background(), issuer.KeyID("ES256"), "ES256")
	fmt.Println(len(found), err)

	issuer.Rotate() // a key that was never seen is found in the very request
	found, err = keys.PublicKeys(context.Background(), issuer.KeyID("ES256"), "ES256")
	fmt.Println(len(found), err)
	// Output:
	// 1 <nil>
	// 1 <nil>
}

// Run keeps the keys fresh also while nobody asks; the caller owns its goroutine. Refresh warms a service before it serves.
func ExampleCache_Run() {
	issuer, err := localissuer.Start()
	if err != nil {
		panic(err)
	}
	defer issuer.Close()
	keys, err := jwks.New(issuer.KeySetURL(), &jwks.Options{
		InsecureAllowHTTP: true,
		OnRefresh: func(r jwks.Refresh) {
			if r.Err != nil {
				log.Print("keys not refreshed: ", r.Err)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := keys.Refresh(ctx); err != nil {
		log.Print("starting without keys: ", err) // requests get 503 until the issuer is back
	}
	done := make(chan error)
	go func() { done <- keys.Run(ctx) }()

	status := keys.Status()
	fmt.Println(status.Usable, status.Keys, status.LastError)
	cancel()
	fmt.Println(<-done)
	// Output:
	// true 1 <nil>
	// context canceled
}

// No key and no error is a refusal; an error is no verdict on the token.
func ExampleCache_PublicKeys() {
	broken := httptest.NewServer(http.NotFoundHandler())
	defer broken.Close()
	keys, err := jwks.New(broken.URL, &jwks.Options{InsecureAllowHTTP: true})
	if err != nil {
		panic(err)
	}
	found, err := keys.PublicKeys(context.Background(), "key-1", "RS256")
	switch {
	case err != nil:
		fmt.Println("503:", errors.Is(err, jwks.ErrUnavailable), err)
	case len(found) == 0:
		fmt.Println("401: no such key")
	default:
		fmt.Println("check the signature")
	}
	// Output:
	// 503: true jwks: the keys cannot be had now: jwks: fetching the key set failed: status 404
}

// Keys from a file, for tests and air gaps. Entries that cannot be used are counted, and lose nothing else.
func ExampleParse() {
	set, err := jwks.Parse([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"2026-11","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"oct","kid":"shared","k":"c2VjcmV0"}
	]}`))
	if err != nil {
		panic(err)
	}
	found, _ := set.PublicKeys(context.Background(), "2026-11", "EdDSA")
	fmt.Println(len(found), set.KeyIDs(), set.Skipped())
	// Output:
	// 1 [2026-11] map[symmetric:1]
}
