package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ErrUnavailable is what PublicKeys cannot tell: every error of it that is not the caller's own context matches. The token
// that the keys were for is neither good nor bad.
var ErrUnavailable = errors.New("jwks: the keys cannot be had now")

var (
	errUnknown = fmt.Errorf("%w: an unknown key id, and no recent fetch to tell", ErrUnavailable)
	errCrowded = fmt.Errorf("%w: too many callers wait", ErrUnavailable)
	errNotMade = fmt.Errorf("%w: the Cache was not made by its constructor", ErrUnavailable)
	errSlow    = fmt.Errorf("%w: the fetch takes longer than a caller waits", ErrUnavailable)
)

// Why a fetch failed: the values of FetchError.Class.
const (
	classTimeout   = "timeout"   // no complete answer within Timeout
	classDNS       = "dns"       // the host does not resolve
	classConnect   = "connect"   // no connection
	classTLS       = "tls"       // no trusted connection
	classAddress   = "address"   // the host leads to a forbidden address
	classTransport = "transport" // any other failure to get an answer
	classStatus    = "status"    // an answer that is not 200
	classRedirect  = "redirect"  // a redirect
	classType      = "type"      // a Content-Type that is no JSON
	classSize      = "size"      // more than 1 MiB
	classDocument  = "document"  // no key set, or one of more than 100 entries
	classNoKeys    = "no_keys"   // a key set without a usable key
	classDiscovery = "discovery" // no discovery document
	classIssuer    = "issuer"    // a discovery document of another issuer
	classURL       = "url"       // a jwks_uri that breaks the URL rules
	classPanic     = "panic"     // the RoundTripper panicked
)

// FetchError says why a fetch failed. It holds nothing that the other side sent, and no address but those configured.
type FetchError struct {
	// Class is one of timeout, dns, connect, tls, address, transport, status, redirect, type, size, document, no_keys,
	// discovery, issuer, url, panic.
	Class string
	// StatusCode is that of the answer, for the classes status and redirect; otherwise 0.
	StatusCode int
	// Discovery is set if the failure was in fetching the discovery document.
	Discovery bool

	_ struct{}
}

// Error names the class and the status.
func (e *FetchError) Error() string {
	what := "the key set"
	if e.Discovery {
		what = "the discovery document"
	}
	if e.StatusCode != 0 {
		return fmt.Sprintf("jwks: fetching %s failed: %s %d", what, e.Class, e.StatusCode)
	}
	return fmt.Sprintf("jwks: fetching %s failed: %s", what, e.Class)
}

func failed(class string) *FetchError { return &FetchError{Class: class} }

// classify names a transport's error. The text is not passed on: it may quote what the other side sent.
func classify(err error) *FetchError {
	var (
		dns       *net.DNSError
		op        *net.OpError
		timeout   net.Error
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.Is(err, errForbiddenAddress):
		return failed(classAddress)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed(classTimeout)
	case errors.As(err, &dns):
		return failed(classDNS)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &untrusted), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid),
		errors.As(err, &record), errors.As(err, &alert):
		return failed(classTLS)
	case errors.As(err, &op):
		return failed(classConnect)
	default:
		return failed(classTransport)
	}
}
