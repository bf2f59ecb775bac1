package e2e_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// A forgery is header fields by which a client claims a certificate whose key it does not have.
type forgery struct {
	name   string
	header http.Header // names as they are sent
	costly bool        // it may cost the client its own certificate's identity too
}

func (f forgery) edit(r *http.Request) { maps.Copy(r.Header, f.header) }

var (
	// forgedNames are those under which a proxy or a service could read a certificate.
	forgedNames = []string{
		"Client-Cert", "client-cert", "Client-Cert-Chain", "X-SSL-Client-Cert", "x-ssl-client-cert", "X-Forwarded-Client-Cert",
		"X-Forwarded-Tls-Client-Cert", "X-Client-Cert", "Ssl-Client-Cert",
	}
	// oddNames become one of these in software that does not tell such characters apart, as CGI does.
	oddNames = []string{
		"Client_Cert", "CLIENT_CERT", "Client_Cert_Chain", "X_SSL_Client_Cert", "X-SSL_Client-Cert", "X.SSL.Client.Cert", "x_forwarded_client_cert",
	}
)

// forgeries claim the certificate under every name in every form.
func forgeries(claimed tls.Certificate) (all []forgery) {
	forms := forwardedForms(claimed)
	for form, value := range forms {
		once, twice := http.Header{}, http.Header{}
		for _, name := range forgedNames {
			once[name] = []string{value}
			twice[name] = []string{value, value}
		}
		all = append(all, forgery{form + ", once", once, false}, forgery{form + ", twice", twice, false})
	}
	for _, name := range oddNames {
		form := "percent-encoded PEM"
		if strings.HasPrefix(strings.ToLower(name), "client") {
			form = "RFC 9440"
		}
		all = append(all, forgery{name, http.Header{name: {forms[form]}}, true})
	}
	mixed := http.Header{}
	for _, name := range []string{"Client-Cert", "X-SSL-Client-Cert"} { // more would be too long for a proxy
		for _, value := range forms {
			mixed[name] = append(mixed[name], value)
		}
	}
	return append(all,
		forgery{"all forms at once", mixed, false},
		forgery{"what a proxy says of a certificate that it has verified", http.Header{
			"X-SSL-Client-Verify": {"SUCCESS"}, "X-Client-Verify": {"0"}, "SSL-Client-Verify": {"SUCCESS"},
			"X-SSL-Client-S-DN": {"CN=" + claimed.Leaf.Subject.CommonName},
		}, false},
		forgery{"a wish that the proxy drop what it says itself", http.Header{
			"Connection": {"X-SSL-Client-Cert, Client-Cert, Client-Cert-Chain"}, "Client-Cert": {forms["RFC 9440"]},
		}, true},
		forgery{"the address of a proxy", http.Header{
			"X-Forwarded-For": {"127.0.0.2"}, "X-Real-Ip": {"127.0.0.2"}, "Forwarded": {"for=127.0.0.2;proto=https"},
			"Client-Cert": {forms["RFC 9440"]}, "X-SSL-Client-Cert": {forms["percent-encoded PEM"]},
		}, false},
	)
}

// forwardedForms are the ways in which proxies forward a certificate.
func forwardedForms(c tls.Certificate) map[string]string {
	text := string(certificatePEM(c.Leaf))
	der := base64.StdEncoding.EncodeToString(c.Leaf.Raw)
	digest := sha256.Sum256(c.Leaf.Raw)
	return map[string]string{
		"RFC 9440":            ":" + der + ":",
		"percent-encoded PEM": url.PathEscape(text),
		"PEM with blanks":     strings.ReplaceAll(strings.TrimSpace(text), "\n", " "),
		"bare DER":            der,
		"XFCC":                "Hash=" + hex.EncodeToString(digest[:]) + `;Cert="` + url.QueryEscape(text) + `"`,
	}
}
