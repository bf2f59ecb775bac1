package mtls_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/mtls"
)

// A server of one's own asks for a certificate in the handshake, and again for every request whom it proves.
func Example() {
	trust, err := mtls.Files{Bundles: map[string]string{"example.com": "bundle.json"}}.Read()
	if err != nil {
		log.Fatal(err)
	}
	v, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.SPIFFE("example.com")}, nil)
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := v.Verify(r.TLS)
		switch {
		case errors.Is(err, mtls.ErrNoCertificate):
			http.Error(w, "a client certificate is needed", http.StatusUnauthorized)
		case errors.Is(err, mtls.ErrRefused):
			log.Printf("refused: %s", mtls.ReasonOf(err))
			http.Error(w, "this client certificate is not good", http.StatusForbidden)
		case err != nil:
			http.Error(w, "this cannot be decided now", http.StatusServiceUnavailable)
		case !peer.Is(mtls.SPIFFE("example.com", "/ns/prod/*")):
			http.Error(w, "not for you", http.StatusForbidden)
		default:
			fmt.Fprintf(w, "hello %s\n", peer.Name())
		}
	})
	server := &http.Server{
		Addr: ":8443", Handler: handler, ReadHeaderTimeout: 5 * time.Second,
		TLSConfig: v.TLSConfig(&tls.Config{MinVersion: tls.VersionTLS13}, mtls.Offer),
	}
	log.Fatal(server.ListenAndServeTLS("server.pem", "server.key"))
}

// Authorities and revocation lists are replaced while the service runs.
func ExampleVerifier_Watch() {
	files := mtls.Files{Roots: []string{"clients.pem"}, CRLs: []string{"clients.crl"}}
	trust, err := files.Read() // so that a mistake shows at the start
	if err != nil {
		log.Fatal(err)
	}
	v, err := mtls.New(mtls.Config{Trust: trust, Allow: mtls.DNS("orders.example.com")}, &mtls.Options{
		OnReload: func(s mtls.Status) {
			for file, err := range s.Errors {
				log.Printf("%s: the last good content stays in use: %v", file, err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = v.Watch(ctx, files, 10*time.Second) }() // returns when ctx ends
}
