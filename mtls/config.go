package mtls

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// Trust is what certificates are judged by, as data. It is copied wherever it is given; later changes have no effect.
type Trust struct {
	// Roots may vouch for any name that Allow admits, but for SPIFFE IDs only if there are no Bundles.
	Roots []*x509.Certificate

	// Bundles are, by SPIFFE trust domain, the authorities that may vouch for SPIFFE IDs of that domain, and for nothing else. As soon as
	// there is one, a SPIFFE ID of a domain without a bundle is vouched for by nobody: not by the Roots and not by another domain's.
	// A certificate that a bundle and the Roots vouch for goes by its SPIFFE ID, if a rule admits that.
	Bundles map[string][]*x509.Certificate

	// CRLs are complete certificate revocation lists. As soon as there is one, every certificate of a chain but the root needs a
	// current list of its issuer: without, revocation is undecided. A list is its issuer's if the names are equal, the issuer may
	// sign lists, and the signature is good. Among several lists of an issuer the newest counts, and a list that is older than
	// the one in use does not replace it.
	//
	// A list of an authority that is not among Roots and Bundles is that of an intermediate one; it is verified when a chain leads
	// over it, and until then counts for nothing. A list with an issuing distribution point (RFC 5280 section 5.2.5) counts for the
	// certificates that name one of its URIs.
	//
	// A list is refused if it is a delta, says nowhere when it is to be replaced, holds a critical extension that is not known, or is about
	// some certificates or reasons only or those of another issuer.
	CRLs []*x509.RevocationList

	_ struct{}
}

// Config is what must be thought about.
type Config struct {
	Trust Trust // required: at least one root or bundle; no pool of the system's is ever used
	Allow Rule  // required: which certificates to admit, and by which name
	_     struct{}
}

// Options tunes a [Verifier]. Nil and zero fields mean the defaults.
type Options struct {
	// InsecureStaleCRLs goes on with a list that was to be replaced before now. Whoever holds the key of a certificate that has been
	// revoked since, and can keep new lists from arriving, stays admitted until the certificate expires.
	InsecureStaleCRLs bool

	// OnReload is called by Watch, in its goroutine, whenever it has replaced the trust or what is wrong with a file has changed. A panic in
	// it is contained.
	OnReload func(Status)

	_ struct{}
}

// New makes a Verifier. It does no I/O and starts no goroutine. All mistakes are returned together: no root and no bundle (nil would mean
// every public authority), a root or bundle that is no authority or whose key is weak, an empty bundle, a trust domain that is none, a list
// that is refused or that the authority of its name did not sign, no Allow, a malformed rule, a rule for names that nobody may vouch for.
//
// Certificates of the trust may be expired; they then vouch for nothing.
func New(c Config, opts *Options) (*Verifier, error) {
	if opts == nil {
		opts = &Options{}
	}
	v := &Verifier{allow: c.Allow, stale: opts.InsecureStaleCRLs, onReload: opts.OnReload}
	var mistake error
	if c.Allow == nil {
		mistake = errors.New("mtls: Config.Allow is nil: no certificate would be admitted")
	} else {
		mistake = c.Allow.Err()
	}
	t, err := compile(c.Trust.parts(), c.Allow, nil)
	if err = errors.Join(mistake, err); err != nil {
		return nil, err
	}
	v.trust.Store(t)
	return v, nil
}

// mistakes collects what is wrong with a configuration.
type mistakes []error

func (m *mistakes) addf(format string, args ...any) {
	*m = append(*m, fmt.Errorf("mtls: "+format, args...))
}
