package mtls

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Rule says which certificates to admit, and by which name. nil admits none, and so does a rule that is malformed; [New] says what
// is wrong with it. Only this package makes rules.
type Rule interface {
	// String returns the rule as it is written in Go.
	String() string

	// name returns the name by which the rule admits a certificate with these names.
	name(n *names) (name string, kind Kind, ok bool)
	// Err says what is wrong with the rule itself, and is nil for one that is well formed.
	Err() error
	// single calls visit for each rule that AnyOf joins, or for the rule itself.
	single(visit func(kind Kind, trustDomain, text string))
}

// URI admits a certificate with this uniform resource identifier among its subject alternative names, byte for byte. A URI of the
// scheme spiffe is a mistake here: SPIFFE IDs have rules of their own.
func URI(exact string) Rule {
	r := exactRule{kind: KindURI, want: exact, get: func(n *names) []string { return n.uris }}
	scheme, _, ok := strings.Cut(exact, ":")
	switch {
	case !ok || scheme == "" || !printable(exact):
		r.err = errors.New("is no absolute URI")
	case isSPIFFE(exact):
		r.err = errors.New("is for SPIFFE to admit")
	}
	return r
}

// DNS admits a certificate with this DNS name among its subject alternative names. Letters are compared without regard to ASCII case
// (RFC 5280 section 7.2), and the peer's name is in lower case; nothing else is folded. There are no wildcards: a certificate for
// *.example.com is not one of host.example.com, which is as good as any other host there and names nobody.
func DNS(name string) Rule {
	r := exactRule{kind: KindDNS, want: lowerASCII(name), get: func(n *names) []string { return n.dns }, fold: true}
	if !isHost(name) {
		r.err = errors.New("is no DNS name")
	}
	return r
}

// Email admits a certificate with this address among its subject alternative names, byte for byte.
func Email(address string) Rule {
	r := exactRule{kind: KindEmail, want: address, get: func(n *names) []string { return n.emails }}
	if local, host, ok := strings.Cut(address, "@"); !ok || local == "" || !isHost(host) || !printable(address) {
		r.err = errors.New("is no address")
	}
	return r
}

// CommonName admits a certificate whose subject has this common name, and only one, byte for byte. A common name has no type:
// whoever may obtain a certificate for a host, a person or a department of that name from one of the roots is admitted. Prefer
// any other rule.
func CommonName(name string) Rule {
	r := exactRule{kind: KindCommonName, want: name, get: func(n *names) []string { return []string{n.commonName} }}
	if !plainText(name) {
		r.err = errors.New("is no plain text")
	}
	return r
}

// exactRule admits one value of a kind.
type exactRule struct {
	kind Kind
	want string
	get  func(*names) []string
	fold bool
	err  error
}

var constructors = map[Kind]string{
	KindURI: "URI", KindDNS: "DNS", KindEmail: "Email", KindCommonName: "CommonName",
}

func (r exactRule) String() string { return constructors[r.kind] + "(" + strconv.Quote(r.want) + ")" }

func (r exactRule) name(n *names) (string, Kind, bool) {
	if r.err != nil {
		return "", "", false
	}
	found := slices.ContainsFunc(r.get(n), func(have string) bool {
		return len(have) == len(r.want) && (have == r.want || r.fold && lowerASCII(have) == r.want) // a leaf may have many names
	})
	if !found {
		return "", "", false
	}
	return r.want, r.kind, true
}

func (r exactRule) Err() error {
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("mtls: %v: %w", r, r.err)
}

func (r exactRule) single(visit func(Kind, string, string)) { visit(r.kind, "", r.String()) }

// SPIFFE admits the workloads of a trust domain whose path one of the patterns matches; without patterns, all of them. The peer's
// name is the whole SPIFFE ID.
//
// A pattern is a path that begins with a slash. In it, a segment * stands for exactly one segment; as the last segment, for one
// or more. So /ns/prod/* admits /ns/prod/orders and /ns/prod/sa/orders, not /ns/prod and not /ns/production/orders; /ns/*/sa/orders
// admits the workload in any namespace. Other segments are compared byte by byte.
//
// A certificate is an X.509-SVID only if it has exactly one URI among its subject alternative names, whatever other names there
// are, and if that is a SPIFFE ID with a path and of at most 2048 bytes; its key usage is present, and for signing but not for
// certificates or lists (X509-SVID sections 2, 4.3, 5.2).
func SPIFFE(trustDomain string, paths ...string) Rule {
	r := spiffeRule{domain: trustDomain, text: slices.Clone(paths)}
	if !isTrustDomain(trustDomain) {
		r.err = errors.New("is no trust domain: lower-case letters, digits, dots, dashes and underscores, without scheme and path")
		return r
	}
	for _, path := range paths {
		p, err := parsePathPattern(path)
		r.patterns, r.err = append(r.patterns, p), errors.Join(r.err, err)
	}
	return r
}

type spiffeRule struct {
	domain   string
	text     []string
	patterns []pathPattern
	err      error
}

func (r spiffeRule) String() string {
	args := []string{strconv.Quote(r.domain)}
	for _, path := range r.text {
		args = append(args, strconv.Quote(path))
	}
	return "SPIFFE(" + strings.Join(args, ", ") + ")"
}

func (r spiffeRule) name(n *names) (string, Kind, bool) {
	if r.err != nil || n.spiffe.domain == "" || n.spiffe.domain != r.domain {
		return "", "", false
	}
	matches := func(p pathPattern) bool { return p.matches(n.spiffe.path) }
	if len(r.patterns) > 0 && !slices.ContainsFunc(r.patterns, matches) {
		return "", "", false
	}
	return n.spiffe.id, KindSPIFFE, true
}

func (r spiffeRule) Err() error {
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("mtls: %v: %w", r, r.err)
}

func (r spiffeRule) single(visit func(Kind, string, string)) { visit(KindSPIFFE, r.domain, r.String()) }

// AnyOf admits what one of the rules admits. The first of them, in this order, names the peer.
func AnyOf(first Rule, more ...Rule) Rule { return anyOf(append([]Rule{first}, more...)) }

type anyOf []Rule

func (r anyOf) String() string {
	args := make([]string, len(r))
	for i, one := range r {
		args[i] = "nil"
		if one != nil {
			args[i] = one.String()
		}
	}
	return "AnyOf(" + strings.Join(args, ", ") + ")"
}

func (r anyOf) name(n *names) (string, Kind, bool) {
	for _, one := range r {
		if one == nil {
			continue
		}
		if name, kind, ok := one.name(n); ok {
			return name, kind, true
		}
	}
	return "", "", false
}

func (r anyOf) Err() (err error) {
	for i, one := range r {
		if one == nil {
			err = errors.Join(err, fmt.Errorf("mtls: AnyOf: rule %d is nil", i))
			continue
		}
		err = errors.Join(err, one.Err())
	}
	return err
}

func (r anyOf) single(visit func(Kind, string, string)) {
	for _, one := range r {
		if one != nil {
			one.single(visit)
		}
	}
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// isHost reports whether s is a host name: labels of letters, digits, dashes and underscores.
func isHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := strings.ContainsFunc(label, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", r)
		})
		if label == "" || len(label) > 63 || bad {
			return false
		}
	}
	return true
}
