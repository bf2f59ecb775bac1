// Command chi is a service with a chi router behind the perimeter. What there is to copy is in service.go; this file runs it, with
// an issuer of its own on loopback, and prints what to try.
//
//	go run -C examples/chi .
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to serve")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *listen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chi:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, out io.Writer, listen string) error {
	issuer, err := localissuer.Start()
	if err != nil {
		return err
	}
	defer issuer.Close()
	service, err := newService(issuer.URL(), &jwks.Options{InsecureAllowHTTP: true}) // loopback; nil for a real issuer
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: service, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()

	fmt.Fprintf(out, "export TOKEN=%s\n", issuer.AccessToken(audience))
	for _, path := range []string{"/healthz", "/me", "/orders/7", "/orders/7 -X DELETE", "/admin/users", "/nowhere"} {
		fmt.Fprintf(out, "curl -i -H \"Authorization: Bearer $TOKEN\" http://%s%s\n", ln.Addr(), path)
	}
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
