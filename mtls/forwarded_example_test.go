package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/perimeter-go/perimeter/mtls"
)

// A service behind HAProxy, which terminates TLS and writes the client's certificate into Client-Cert (RFC 9440).
func ExampleNewForwarded() {
	root, client := exampleCertificates() // stand for the organisation's authority and a client of it

	verifier, err := mtls.New(mtls.Config{
		Trust: mtls.Trust{Roots: []*x509.Certificate{root}},
		Allow: mtls.DNS("billing.example.com"),
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	forwarded, err := mtls.NewForwarded(verifier, mtls.ForwardedConfig{
		Format:         mtls.FormatClientCert,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
	})
	if err != nil {
		log.Fatal(err)
	}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, "no address", http.StatusInternalServerError)
			return
		}
		switch peer, err := forwarded.Verify(from.Addr(), r.TLS, r.Header); {
		case errors.Is(err, mtls.ErrNoCertificate):
			fmt.Println("401, no certificate")
		case errors.Is(err, mtls.ErrRefused):
			fmt.Println("401,", mtls.ReasonOf(err))
		case err != nil:
			fmt.Println("503") // revocation could not be decided
		default:
			fmt.Println("200,", peer.Name())
		}
	})

	certificate := ":" + base64.StdEncoding.EncodeToString(client.Raw) + ":"
	for _, request := range []struct{ from, header string }{
		{"10.0.0.7:41234", certificate},      // the proxy
		{"192.0.2.66:41234", certificate},    // somebody who has reached the service without it
		{"10.0.0.7:41234", ""},               // a client without a certificate
		{"10.0.0.7:41234", ":Zm9yZ2Vk:"},     // something else
		{"[::ffff:10.0.0.7]:1", certificate}, // the proxy, as a socket for both families shows it
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = request.from
		r.Header.Set("Client-Cert", request.header)
		service.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// 200, billing.example.com
	// 401, no certificate
	// 401, no certificate
	// 401, malformed
	// 200, billing.example.com
}

func exampleCertificates() (root, client *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	certify := func(c, by *x509.Certificate) *x509.Certificate {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), key)
		if err != nil {
			log.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			log.Fatal(err)
		}
		return made
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1},
	}
	root = certify(authority, authority)
	return root, certify(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"billing.example.com"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, root)
}
