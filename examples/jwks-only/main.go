// Command jwks-only takes one package alone: the keys of an issuer, for a program that checks signatures in its own way. It
// links neither the token verifier nor the middleware.
//
// It lives through what a key set goes through: the first look-up, a rotation, an outage. The issuer is its own, on loopback.
//
//	go run ./examples/jwks-only
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "jwks-only:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	issuer, err := localissuer.Start()
	if err != nil {
		return err
	}
	defer issuer.Close()
	keys, err := jwks.NewFromIssuer(issuer.URL(), &jwks.Options{InsecureAllowHTTP: true}) // loopback; nil for a real issuer
	if err != nil {
		return err
	}
	tell := func(event, document string) {
		fmt.Fprintf(out, "%-45s %s\n", event, verdict(checkSignature(ctx, keys, document)))
	}

	first := issuer.AccessToken("anyone")
	tell("a document signed by the issuer:", first)
	tell("the same, one letter changed:", tamper(first))

	issuer.RotateGently() // the new key signs, the old one is still published
	second := issuer.AccessToken("anyone")
	tell("the next, under a key never seen before:", second)
	tell("the first again, under the old key:", first)

	issuer.SetDown(true)
	tell("the second again, while the issuer is down:", second)

	issuer.Rotate() // a key that nobody can fetch
	tell("a third, whose key cannot be fetched now:", issuer.AccessToken("anyone"))
	return nil
}
