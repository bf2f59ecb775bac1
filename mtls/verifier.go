package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// Trust is what certificates are judged by, as data.
type Trust struct {
	Roots   []*x509.Certificate            // who may vouch for any name that Allow admits
	Bundles map[string][]*x509.Certificate // by SPIFFE trust domain: who may vouch for SPIFFE IDs of that domain, and for nothing else
	CRLs    []*x509.RevocationList
	_       struct{}
}

// Files names the files that a Trust is read from.
type Files struct {
	Roots   []string          // PEM
	Bundles map[string]string // by trust domain: PEM, or a SPIFFE bundle document (JSON)
	CRLs    []string          // PEM or DER
	_       struct{}
}

// Read reads all the files. All mistakes are returned together.
func (f Files) Read() (Trust, error) { return Trust{}, nil }

// Config is what must be thought about.
type Config struct {
	Trust Trust // required: at least one root or bundle
	Allow Rule  // required
	_     struct{}
}

// Options tune a Verifier.
type Options struct {
	InsecureStaleCRLs bool
	OnReload          func(Status)
	_                 struct{}
}

// Verifier verifies client certificates.
type Verifier struct{}

// New makes a Verifier.
func New(c Config, opts *Options) (*Verifier, error) { return nil, errors.New("not yet") }

// Verify returns whom the client certificate of a TLS connection proves.
func (v *Verifier) Verify(state *tls.ConnectionState) (*Peer, error) { return nil, errors.New("not yet") }

// verifyChain is Verify for a leaf and what came with it. now is the time to judge by.
func (v *Verifier) verifyChain(leaf *x509.Certificate, intermediates []*x509.Certificate, now time.Time) (*Peer, error) {
	return nil, errors.New("not yet")
}

// TLSConfig returns a copy of base that asks clients for certificates.
func (v *Verifier) TLSConfig(base *tls.Config, ask ClientAuth) *tls.Config { return nil }

// ClientAuth says what a handshake asks of a client.
type ClientAuth int

const (
	Require    ClientAuth = iota // a handshake without a certificate that Verify accepts fails
	Offer                        // a certificate may be absent; one that is presented must be one that Verify accepts
	Possession                   // any certificate or none: only that the client has its key is proved (RFC 8705 section 6.2)
)

// SetTrust replaces the trust, at once and for all requests that begin after.
func (v *Verifier) SetTrust(t Trust) error { return nil }

// Watch looks at the files every interval until ctx ends, and replaces the trust when one has changed.
func (v *Verifier) Watch(ctx context.Context, f Files, interval time.Duration) error { return nil }

// Status says what is trusted now.
func (v *Verifier) Status() Status { return Status{} }

// Status is a copy.
type Status struct{}

// Thumbprint returns the x5t#S256 of the certificate whose key the client of a TLS connection has proved to have; whoever
// vouches for it. ErrNoCertificate if there is none.
func Thumbprint(state *tls.ConnectionState) (string, error) { return "", ErrNoCertificate }
