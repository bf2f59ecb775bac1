// Command quickstart is Perimeter's main job from end to end in one process: an issuer on loopback, an API behind the
// perimeter, and a client that walks through what can be sent. It prints a table of what was sent, what came back and why,
// and exits with status 1 if anything that came back differs from what the table says.
//
//	go run ./examples/quickstart           # the walk
//	go run ./examples/quickstart -serve    # the walk, then stays up and prints curl lines to try
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

func main() {
	serve := flag.Bool("serve", false, "stay up after the walk and print curl lines to try")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *serve)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, serve bool) error {
	issuer, err := localissuer.Start()
	if err != nil {
		return err
	}
	defer issuer.Close()
	api, err := startAPI(issuer.URL())
	if err != nil {
		return err
	}
	defer api.Close()

	fmt.Fprintf(out, "issuer %s\nAPI    %s, audience %q\n\n", issuer.URL(), api.url, audience)
	if err := walk(ctx, out, issuer, api); err != nil {
		return err
	}
	if !serve {
		return nil
	}
	issuer.SetDown(false) // the walk ends in an outage
	printCurlLines(out, issuer, api)
	<-ctx.Done()
	return nil
}

func printCurlLines(out io.Writer, issuer *localissuer.Issuer, api *api) {
	secret := issuer.Register("you", "orders:read orders:write")
	fmt.Fprintf(out, `
Both stay up until you press Ctrl-C. Get a token, then call the API with it:

TOKEN=$(curl -s -u you:%s %s/token -d grant_type=client_credentials -d resource=%s -d 'scope=orders:read' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -i %[4]s/healthz
curl -i %[4]s/orders/7
curl -i %[4]s/orders/7 -H "Authorization: Bearer $TOKEN"
curl -i -X DELETE %[4]s/orders/7 -H "Authorization: Bearer $TOKEN"
curl -i %[4]s/admin -H "Authorization: Bearer $TOKEN"
`, secret, issuer.URL(), audience, api.url)
}
