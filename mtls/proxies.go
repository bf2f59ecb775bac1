package mtls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// proxies are those who may forward certificates. The zero value is nobody.
type proxies struct {
	ranges   []netip.Prefix // none: at any address
	verifier *Verifier      // nil: without a certificate of their own
}

func newProxies(c ForwardedConfig) proxies {
	return proxies{slices.Clone(c.TrustedProxies), c.Proxy}
}

// trust reports whether the connection from peer is one of the proxies'. An error means that this could not be decided.
func (p *proxies) trust(peer netip.Addr, state *tls.ConnectionState) (bool, error) {
	if len(p.ranges) == 0 && p.verifier == nil {
		return false, nil
	}
	if len(p.ranges) > 0 && !p.contain(peer) {
		return false, nil
	}
	if p.verifier == nil {
		return true, nil
	}
	if state == nil {
		return false, nil
	}
	_, err := p.verifier.Verify(state)
	if errors.Is(err, ErrNoCertificate) || errors.Is(err, ErrRefused) {
		return false, nil
	}
	return err == nil, err
}

// contain compares addresses as IPv4 where they are that. One with a zone is in no range: who is reached by it depends on the
// interface.
func (p *proxies) contain(peer netip.Addr) bool {
	addr := peer.Unmap() // which forgets a zone
	return peer.Zone() == "" && slices.ContainsFunc(p.ranges, func(r netip.Prefix) bool { return r.Contains(addr) })
}

// proxyMistakes judges who may forward.
func (c *ForwardedConfig) proxyMistakes() error {
	if len(c.TrustedProxies) == 0 && c.Proxy == nil {
		return errors.New("mtls: TrustedProxies or Proxy is required: anyone can write a header")
	}
	var errs []error
	if c.Proxy != nil && c.Proxy.current() == nil {
		errs = append(errs, errors.New("mtls: Proxy: a Verifier that New did not make"))
	}
	for i, r := range c.TrustedProxies {
		complain := func(why string) { errs = append(errs, fmt.Errorf("mtls: TrustedProxies[%d]: %s %s", i, r, why)) }
		switch {
		case !r.IsValid():
			complain("is no range of addresses")
		case r.Addr().Is4In6():
			complain("is an IPv4 range in IPv6 form: write it as IPv4")
		case r != r.Masked():
			complain("has host bits: the range is " + r.Masked().String())
		case r.Bits() == 0 && c.Proxy == nil:
			complain("is everybody")
		}
	}
	return errors.Join(errs...)
}
