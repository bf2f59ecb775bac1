package mtls

import "crypto/x509"

// Read is what Verify and Thumbprint see in a header from a trusted proxy: the leaf, and what came with it.
func (f *Forwarded) Read(header map[string][]string) ([]*x509.Certificate, error) {
	return f.read(header)
}
