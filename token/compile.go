package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/scope"
)

const (
	defaultLeeway = 30 * time.Second
	maxLeeway     = 2 * time.Minute
	maxBytes      = 16 << 10
	maxSlow       = 8 << 10 // where SHA-512 takes long beside the check of the signature
)

// policy is a Policy that has been checked and copied, in the form that verification reads.
type policy struct {
	issuer      string
	audiences   []string
	anyAudience bool
	algorithms  []string // canonical
	typ         string   // canonical; "" accepts what is not plainly something else
	required    []requirement

	clientIDs      []string
	clientAt       []int // the places of the claims that name the client
	clientRequired bool

	scopeAt, grantAt []int
	ceiling          scope.Set
	hasCeiling       bool

	keySetURLs                  []string
	maxLifetime, maxAge, leeway time.Duration

	reads *reads
}

// requirement is one of Policy.RequiredClaims.
type requirement struct {
	name, value string
	at          int
}

// Claims with a meaning of their own, which no list of claims may give another.
var reservedClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"}

// mistakes collects what is wrong with a configuration.
type mistakes []error

func (m *mistakes) addf(format string, args ...any) {
	*m = append(*m, fmt.Errorf("token: "+format, args...))
}

// compile checks all of p and reports all mistakes joined.
func compile(p Policy) (*policy, error) {
	var m mistakes
	m.checkIdentity(p)
	m.checkAlgorithms(p.Algorithms)
	m.checkType(p.Type)
	m.checkRequired(p)
	m.checkClaimNames(p)
	m.checkDurations(p)
	ceiling, err := scope.FromList(p.ScopesAllowed)
	if err != nil {
		m.addf("Policy.ScopesAllowed: %w", err)
	}
	if len(m) > 0 {
		return nil, errors.Join(m...)
	}
	claims := newReads()
	c := &policy{
		issuer:         p.Issuer,
		audiences:      slices.Clone(p.Audiences),
		anyAudience:    p.InsecureAnyAudience,
		algorithms:     canonicalAlgorithms(p.Algorithms),
		typ:            canonicalType(p.Type),
		required:       requirements(p.RequiredClaims, claims),
		clientIDs:      slices.Clone(p.ClientIDs),
		clientAt:       claims.add(orDefault(p.ClientIDClaims, "client_id", "azp", "cid", "appid")...),
		clientRequired: len(p.ClientIDClaims) > 0 || len(p.ClientIDs) > 0,
		scopeAt:        claims.add(orDefault(p.ScopeClaims, "scope", "scp")...),
		grantAt:        claims.add(p.GrantClaims...),
		ceiling:        ceiling,
		hasCeiling:     len(p.ScopesAllowed) > 0,
		keySetURLs:     slices.Clone(p.KeySetURLs),
		maxLifetime:    p.MaxLifetime,
		maxAge:         p.MaxAge,
		leeway:         p.Leeway,
		reads:          claims,
	}
	if c.leeway == 0 {
		c.leeway = defaultLeeway
	}
	return c, nil
}

func orDefault(list []string, otherwise ...string) []string {
	if len(list) == 0 {
		return otherwise
	}
	return slices.Clone(list)
}

// requirements are sorted, so that the first one missed is always the same.
func requirements(claims map[string]string, r *reads) []requirement {
	var all []requirement
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		all = append(all, requirement{name, claims[name], r.add(name)[0]})
	}
	return all
}

func (m *mistakes) checkIdentity(p Policy) {
	if p.Issuer == "" {
		m.addf("Policy.Issuer is empty")
	} else if strings.TrimSpace(p.Issuer) != p.Issuer {
		m.addf("Policy.Issuer %q has white space around it", p.Issuer)
	}
	switch {
	case len(p.Audiences) == 0 && !p.InsecureAnyAudience:
		m.addf("Policy.Audiences is empty: a token meant for any other service of the issuer would pass")
	case len(p.Audiences) > 0 && p.InsecureAnyAudience:
		m.addf("Policy.Audiences and Policy.InsecureAnyAudience contradict each other")
	}
	m.checkList("Audiences", p.Audiences)
	m.checkList("ClientIDs", p.ClientIDs)
	m.checkList("KeySetURLs", p.KeySetURLs)
}

func (m *mistakes) checkList(field string, list []string) {
	for i, v := range list {
		if v == "" {
			m.addf("Policy.%s[%d] is empty", field, i)
		} else if strings.TrimSpace(v) != v {
			m.addf("Policy.%s[%d] %q has white space around it", field, i, v)
		}
	}
}

func (m *mistakes) checkAlgorithms(list []string) {
	for i, alg := range list {
		switch {
		case strings.EqualFold(alg, "none"):
			m.addf("Policy.Algorithms[%d]: %q means no signature at all", i, alg)
		case strings.HasPrefix(strings.ToUpper(alg), "HS"):
			m.addf("Policy.Algorithms[%d]: %q is symmetric: who can check a token could make one", i, alg)
		case !jws.Supported(alg):
			m.addf("Policy.Algorithms[%d]: %q is not one of %s", i, alg, strings.Join(jws.Algorithms(), " "))
		}
	}
}

func (m *mistakes) checkType(typ string) {
	if typ == "" {
		return
	}
	illegal := strings.ContainsFunc(typ, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<=>?@[\]{}`, r) })
	if illegal || canonicalType(typ) == "" {
		m.addf("Policy.Type %q is no media type", typ)
	}
}

func (m *mistakes) checkRequired(p Policy) {
	for _, name := range slices.Sorted(maps.Keys(p.RequiredClaims)) {
		value := p.RequiredClaims[name]
		switch {
		case name == "":
			m.addf("Policy.RequiredClaims has an empty claim name")
		case value == "":
		case name == "iss":
			m.addf("Policy.RequiredClaims[%q] has a value: it is Policy.Issuer that says which", name)
		case name == "aud":
			m.addf("Policy.RequiredClaims[%q] has a value: it is Policy.Audiences that says which", name)
		case slices.Contains([]string{"exp", "nbf", "iat", "cnf"}, name):
			m.addf("Policy.RequiredClaims[%q] has a value, but the claim is never a string", name)
		case slices.Contains(orDefault(p.ScopeClaims, "scope", "scp"), name) || slices.Contains(p.GrantClaims, name):
			m.addf("Policy.RequiredClaims[%q] has a value, but the claim is a list: ask for the scope where it is needed", name)
		}
	}
}

func (m *mistakes) checkClaimNames(p Policy) {
	for _, l := range []struct {
		field string
		names []string
	}{{"ClientIDClaims", p.ClientIDClaims}, {"ScopeClaims", p.ScopeClaims}, {"GrantClaims", p.GrantClaims}} {
		for i, name := range l.names {
			if name == "" {
				m.addf("Policy.%s[%d] is empty", l.field, i)
			}
			if slices.Contains(reservedClaims, name) {
				m.addf("Policy.%s[%d]: %q has a meaning of its own", l.field, i, name)
			}
		}
	}
	for _, name := range p.GrantClaims {
		if slices.Contains(orDefault(p.ScopeClaims, "scope", "scp"), name) {
			m.addf("Policy.GrantClaims: %q is a scope claim already", name)
		}
	}
}

func (m *mistakes) checkDurations(p Policy) {
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"MaxLifetime", p.MaxLifetime}, {"MaxAge", p.MaxAge}, {"Leeway", p.Leeway}} {
		if d.value < 0 {
			m.addf("Policy.%s is negative: %s", d.field, d.value)
		}
	}
	if p.Leeway > maxLeeway {
		m.addf("Policy.Leeway is %s, more than %s", p.Leeway, maxLeeway)
	}
}

// canonicalAlgorithms is the list of algorithms under one name each.
func canonicalAlgorithms(list []string) []string {
	if len(list) == 0 {
		list = jws.Algorithms()
	}
	var all []string
	for _, alg := range list {
		all = append(all, canonicalAlgorithm(alg))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// canonicalAlgorithm folds the two names of one algorithm (RFC 9864 section 2.2) into one.
func canonicalAlgorithm(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}
