package mtls

import "crypto/x509"

// A Rule says which certificates to admit, and by which name. nil admits none.
type Rule interface {
	String() string
	// name returns the name by which the rule admits the certificate.
	name(leaf *x509.Certificate) (name string, kind Kind, ok bool)
	// mistake says what is wrong with the rule itself.
	mistake() error
}

// URI, SPIFFE, DNS, Email, CommonName and AnyOf make rules.
func URI(exact string) Rule                        { return nil }
func SPIFFE(trustDomain string, paths ...string) Rule { return nil }
func DNS(name string) Rule                         { return nil }
func Email(address string) Rule                    { return nil }
func CommonName(name string) Rule                  { return nil }
func AnyOf(first Rule, more ...Rule) Rule          { return nil }
