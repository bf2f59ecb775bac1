package mtls

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Format is how a proxy hands on the client certificate. It is chosen by configuration and never guessed: what is written in
// another format is refused.
//
// nginx, Apache and Caddy hand on the leaf alone. Clients whose certificates come from an intermediate authority then need that
// one among the roots.
//
// In all formats base64 is that of RFC 4648 section 4 with its padding, without spare bits; nothing may follow a certificate; and
// what proxies send for "no certificate" is [ErrNoCertificate]: nothing, "::", "(null)", "<nil>", and a placeholder that
// nobody has replaced, which is anything with a "{".
type Format string

const (
	// FormatClientCert is RFC 9440: the leaf in Client-Cert as one byte sequence without parameters, the intermediates in
	// Client-Cert-Chain as a list of them. A single member of the list may also hold several certificates one after the
	// other, as HAProxy writes it, and the list may begin with the leaf.
	FormatClientCert Format = "client-cert"

	// FormatXFCC is Envoy's X-Forwarded-Client-Cert. Of an element only Cert and Chain are believed, each percent-encoded PEM, so
	// the proxy must be told to send one of them (set_current_client_cert_details); an element without both is refused, as is
	// one whose Hash or Chain belongs to another certificate. ForwardedConfig.Hops says which element counts.
	FormatXFCC Format = "xfcc"

	// FormatPEM is PEM in X-SSL-Client-Cert, leaf first. A value with a "%" is percent-encoded (nginx, AWS), and a "+" in it is
	// a plus; one without has blanks for line breaks (Apache). Apart from blanks nothing stands around the blocks.
	FormatPEM Format = "pem"

	// FormatDER is bare base64 of DER in X-Forwarded-Tls-Client-Cert, leaf first, comma-separated (Traefik).
	FormatDER Format = "der"
)

// ForwardedConfig says who may forward certificates, and how. [NewForwarded] copies it; later changes have no effect.
type ForwardedConfig struct {
	// Format is how the proxy writes the certificate. Required.
	Format Format

	// Header and ChainHeader replace the names that the format has by default. Only FormatClientCert has a ChainHeader.
	//
	// The proxy must set or remove Header in every request. What a client can slip through in ChainHeader helps it to nothing:
	// intermediates are only means to find a chain to the roots.
	Header, ChainHeader string

	// TrustedProxies are whose connections may forward. No range may have host bits, be an IPv4 one in IPv6 form or, without
	// Proxy, be everybody.
	TrustedProxies []netip.Prefix

	// Proxy is whose own client certificate, in the handshake of the connection, may forward. With TrustedProxies as well, both must
	// hold; one of the two is required.
	Proxy *Verifier

	// Hops is how many trusted proxies stand in a row and each write an element of FormatXFCC: 1 by default, at most 10. The
	// element that counts is that many from the right.
	//
	// One Envoy with SANITIZE_SET or APPEND_FORWARD is 1. Behind a first with either of them, each further one with
	// APPEND_FORWARD adds 1 and one with FORWARD_ONLY none; one with SANITIZE_SET leaves a single element, about the proxy before it. With fewer elements the first
	// proxy has seen no certificate. Every proxy but the first must itself take requests from none but the one before, since
	// what comes to it from elsewhere is written by whoever sends it.
	//
	// Elements beyond those are the client's, and ignored, but for one case: if one of them has a URI or a DNS the header is refused.
	// Envoy writes these names as they are, so a comma in one of them looks like the end of an element, and the rest of the name
	// like an element of the proxy's own. SANITIZE_SET at the first proxy avoids both.
	Hops int

	_ struct{}
}

// Forwarded reads the client certificates that a trusted proxy forwards in headers. It is safe for concurrent use.
type Forwarded struct {
	verifier *Verifier // nil: for possession alone
	proxies  proxies
	form     form // with the configured names
	hops     int
}

var (
	errNoForwarded = errors.New("mtls: a Forwarded that NewForwarded did not make")
	errNoVerifier  = errors.New("mtls: a Forwarded without a Verifier tells possession alone")
)

// NewForwarded makes a Forwarded. v judges the certificates; it may be nil where only Thumbprint is asked for. All mistakes in c
// are returned together.
func NewForwarded(v *Verifier, c ForwardedConfig) (*Forwarded, error) {
	form, known := forms[c.Format]
	if c.Header != "" {
		form.header = c.Header
	}
	if c.ChainHeader != "" && form.chainHeader != "" {
		form.chainHeader = c.ChainHeader
	}
	m := []error{c.formMistakes(form, known), c.proxyMistakes()}
	if v != nil && v.current() == nil {
		m = append(m, errNotMade)
	}
	if err := errors.Join(m...); err != nil {
		return nil, err
	}
	return &Forwarded{verifier: v, proxies: newProxies(c), form: form, hops: max(1, c.Hops)}, nil
}

// formMistakes judges everything but who may forward. form has the names that c would use.
func (c *ForwardedConfig) formMistakes(form form, known bool) error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf("mtls: "+format, args...)) }
	if !known {
		complain("Format: %q is none of client-cert, xfcc, pem, der", c.Format)
	}
	if c.Header != "" && !isToken(c.Header) {
		complain("Header: %q is no header name", c.Header)
	}
	switch {
	case c.ChainHeader == "":
	case known && form.chainHeader == "":
		complain("ChainHeader: %q: the format %s has none", c.ChainHeader, c.Format)
	case !isToken(c.ChainHeader):
		complain("ChainHeader: %q is no header name", c.ChainHeader)
	}
	if known && foldsAlike(form.header, form.chainHeader) {
		complain("ChainHeader: %q is the same as Header", form.chainHeader)
	}
	switch {
	case c.Hops < 0 || c.Hops > maxHops:
		complain("Hops: %d is not from 1 to %d", c.Hops, maxHops)
	case c.Hops != 0 && known && c.Format != FormatXFCC:
		complain("Hops: the format %s has no elements to count", c.Format)
	}
	return errors.Join(errs...)
}

// Verify returns whom the certificate proves that the proxy at peer forwards in header. The chain is verified here: proxies
// hand on what they have not verified, and no header that says otherwise is read.
//
// peer is the address of the connection and proxy its TLS state, nil without TLS. From anyone but a trusted proxy the result is
// [ErrNoCertificate], whatever header says; from a trusted one, if it says so. The case of the names in header does not matter.
//
// It is [ErrRefused] with ReasonMalformed if what is forwarded is not in the format, if a value is over 64 KiB, if there are more
// than 10 intermediates, if the leaf has more than 16 KiB, or if a header is there twice: in whatever case, or once more with another
// sign for a hyphen, since then one of the two may be the client's own.
func (f *Forwarded) Verify(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (*Peer, error) {
	switch {
	case f == nil || f.form.read == nil:
		return nil, errNoForwarded
	case f.verifier == nil:
		return nil, errNoVerifier
	}
	if trusted, err := f.proxies.trust(peer, proxy); err != nil {
		return nil, err
	} else if !trusted {
		return nil, ErrNoCertificate
	}
	certs, err := f.read(header)
	if err != nil {
		return nil, err
	}
	return f.verifier.verifyChain(certs[0], certs[1:], time.Now())
}

// Thumbprint returns the x5t#S256 of the certificate whose key the client has proved to have, for tokens that are bound to it:
// from a trusted proxy that of the forwarded certificate and never the proxy's own; from anyone else that of the handshake.
// [ErrNoCertificate] if there is none.
//
// Nobody need vouch for the certificate and it may be self-signed (RFC 8705 section 2.2), so it says nothing about who the client
// is. That the client has the key is the proxy's word. A forwarded one has 16 KiB at most.
func (f *Forwarded) Thumbprint(peer netip.Addr, proxy *tls.ConnectionState, header map[string][]string) (string, error) {
	if f == nil || f.form.read == nil {
		return "", errNoForwarded
	}
	if trusted, err := f.proxies.trust(peer, proxy); err != nil {
		return "", err
	} else if !trusted {
		return Thumbprint(proxy)
	}
	certs, err := f.read(header)
	if err != nil {
		return "", err
	}
	return thumbprint(sha256.Sum256(certs[0].Raw)), nil // of what was parsed: the hash of nothing never comes out
}

// Headers returns the names of the headers that are read, for those who forward requests themselves: they must remove
// these, in every spelling, or the next one behind takes a client's word for the proxy's.
func (f *Forwarded) Headers() []string {
	if f == nil || f.form.read == nil {
		return nil
	}
	if f.form.chainHeader == "" {
		return []string{f.form.header}
	}
	return []string{f.form.header, f.form.chainHeader}
}

// read returns the forwarded certificates, at least one and the leaf first.
func (f *Forwarded) read(header map[string][]string) ([]*x509.Certificate, error) {
	value, err := lookup(header, f.form.header)
	if err != nil {
		return nil, err
	}
	if f.form.absent(value) {
		return nil, ErrNoCertificate
	}
	chain := ""
	if f.form.chainHeader != "" {
		if chain, err = lookup(header, f.form.chainHeader); err != nil {
			return nil, err
		}
	}
	ders, err := f.form.read(value, chain, f.hops)
	if err != nil {
		return nil, err
	}
	return parse(ders)
}

// A form is one Format: its headers and how they are read.
type form struct {
	header, chainHeader string
	absent              func(value string) bool // whether a value says that there is no certificate
	read                func(value, chain string, hops int) (ders [][]byte, err error)
}

var forms = map[Format]form{
	FormatClientCert: {"Client-Cert", "Client-Cert-Chain", absent, readClientCert},
	FormatXFCC:       {"X-Forwarded-Client-Cert", "", absentXFCC, readXFCC},
	FormatPEM:        {"X-SSL-Client-Cert", "", absent, readPEM},
	FormatDER:        {"X-Forwarded-Tls-Client-Cert", "", absent, readDER},
}

// absent reports whether a proxy says by value that there is no certificate. No base64 and no PEM has a "{".
func absent(value string) bool {
	switch value {
	case "", "::", "(null)", "<nil>":
		return true
	default:
		return strings.Contains(value, "{")
	}
}
