package jwks

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// checkURL applies the rules of every place that keys are fetched from, all broken ones joined: absolute, https unless http is
// allowed, a host that is no forbidden address, no user and no fragment. The messages call it what; they never
// quote it, for it may come from a discovery document.
func checkURL(what, raw string, insecureHTTP bool) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("jwks: %s is not a URL", what)
	}
	var errs []error
	fail := func(why string) { errs = append(errs, fmt.Errorf("jwks: %s %s", what, why)) }
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && insecureHTTP:
	case u.Scheme == "http":
		fail("is not https (InsecureAllowHTTP is for work on one machine)")
	default:
		fail("is not an https URL")
	}
	if u.Hostname() == "" {
		fail("names no host")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && forbidden(addr) {
		fail("leads to a link-local or metadata address")
	}
	if u.User != nil {
		fail("holds a user name or password")
	}
	if strings.Contains(raw, "#") {
		fail("has a fragment")
	}
	return errors.Join(errs...)
}

// checkIssuer applies RFC 8414 section 2 as well: an issuer has no query.
func checkIssuer(issuer string, insecureHTTP bool) error {
	err := checkURL("the issuer", issuer, insecureHTTP)
	if strings.Contains(issuer, "?") {
		err = errors.Join(err, errors.New("jwks: the issuer has a query"))
	}
	return err
}
