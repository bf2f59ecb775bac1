package mtls

import (
	"crypto/tls"
	"errors"
	"net/netip"
)

// Format is how a proxy hands on the client certificate.
type Format string

const (
	FormatClientCert Format = "client-cert" // RFC 9440: Client-Cert and Client-Cert-Chain; HAProxy's concatenated chain too
	FormatXFCC       Format = "xfcc"        // Envoy's X-Forwarded-Client-Cert
	FormatPEM        Format = "pem"         // PEM, percent-encoded (nginx) or with blanks for line breaks (Apache)
	FormatDER        Format = "der"         // bare base64 of DER, leaf first, comma-separated (Traefik)
)

// ForwardedConfig says who may forward certificates, and how. At least one of TrustedProxies and Proxy is required; with both,
// both must hold.
type ForwardedConfig struct {
	Format         Format
	Header         string         // default: that of the format
	ChainHeader    string         // default: that of the format, if it has one
	TrustedProxies []netip.Prefix // whose connections may forward
	Proxy          *Verifier      // whose own client certificate may forward
	Hops           int            // XFCC: how many trusted proxies append an element; default 1
	_              struct{}
}

// Forwarded verifies client certificates that a trusted proxy forwards in headers.
type Forwarded struct{}

// NewForwarded makes a Forwarded. v judges the certificates; it may be nil, for possession alone.
func NewForwarded(v *Verifier, c ForwardedConfig) (*Forwarded, error) { return nil, errors.New("not yet") }

// Verify returns whom the certificate proves that the proxy at peer forwards in header. From anyone but a trusted proxy it is
// ErrNoCertificate, whatever the header says. proxy is the connection's own TLS state, nil without TLS.
func (f *Forwarded) Verify(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (*Peer, error) {
	return nil, errors.New("not yet")
}

// Thumbprint returns the x5t#S256 of the client's certificate for proof of possession: from a trusted proxy that of the
// forwarded certificate and never the proxy's own; from anyone else that of the handshake, if any. Nobody need vouch for it.
func (f *Forwarded) Thumbprint(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (string, error) {
	return "", errors.New("not yet")
}
