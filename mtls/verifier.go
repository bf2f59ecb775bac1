package mtls

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// Verifier verifies client certificates. It is safe for concurrent use. Only [New] makes one that accepts anything.
type Verifier struct {
	allow    Rule
	stale    bool
	onReload func(Status)

	trust atomic.Pointer[trust]

	mu         sync.Mutex                       // of whoever replaces the trust
	fileErrors atomic.Pointer[map[string]error] // of Watch
	hookPanics atomic.Int64
}

func (v *Verifier) current() *trust {
	if v == nil {
		return nil
	}
	return v.trust.Load()
}

// Verify returns whom the client certificate of a TLS connection proves, now. It is to be asked for every request, not once for a connection.
//
// ErrNoCertificate means that the client has presented none, or has not yet proved that the key is its own: the handshake is not
// complete. An error that is ErrRefused means that the certificate is not good, and [ReasonOf] says why; any other that revocation could
// not be decided. A certificate of more than 16 KiB is [ReasonMalformed]. The chains that crypto/tls has found do not matter.
func (v *Verifier) Verify(state *tls.ConnectionState) (*Peer, error) {
	if v.current() == nil {
		return nil, errNotMade
	}
	if state == nil || !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return nil, ErrNoCertificate
	}
	return v.verifyChain(state.PeerCertificates[0], state.PeerCertificates[1:], time.Now())
}

// SetTrust replaces the trust, at once and for all requests that begin after. It is checked as New checks it; after an error the
// old trust stays whole. Beside [Verifier.Watch], which replaces it again with the next change of a file, it is of no use.
func (v *Verifier) SetTrust(t Trust) error {
	if v.current() == nil {
		return errNotMade
	}
	p := t.parts()
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.replace(p)
}

// replace needs v.mu.
func (v *Verifier) replace(p parts) error {
	t, err := compile(p, v.allow, v.trust.Load())
	if err != nil {
		return err
	}
	v.trust.Store(t)
	return nil
}
