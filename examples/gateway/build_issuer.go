package main

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// defaultLeeway is what an issuer without a leeway gets (token.Policy).
const defaultLeeway = 30 * time.Second

// What is remembered of verified tokens, for all issuers together (token.Cache).
const (
	rememberedTokens = 100_000
	rememberedBytes  = 64 << 20
)

// A trusted issuer is one whose tokens are accepted, with its keys.
type trusted struct {
	issuer   string
	keys     *jwks.Cache
	verifier *token.Verifier
	teller   *introspector // nil: it cannot be asked about tokens
}

// trust makes the verifier of one issuer, and its introspector. It asks for nothing yet.
func (i *issuerConfig) trust(remembered *token.Cache, shared *sharedStore, counts *metrics, log *slog.Logger) (trusted, error) {
	policy := i.policy(newMistakes())
	keys, err := i.newCache(counts.refreshes(i.issuer, log))
	if err != nil {
		return trusted{}, err
	}
	t := trusted{issuer: i.issuer, keys: keys}
	if t.verifier, err = token.NewVerifier(keys, policy, &token.Options{Cache: remembered}); err == nil && i.introspection != nil {
		t.teller, err = i.introspector(keys, shared, counts.events(i.issuer), log)
	}
	return t, err
}

func (i *issuerConfig) leewayOrDefault() time.Duration {
	if i.leeway == 0 {
		return defaultLeeway
	}
	return i.leeway
}

// newCache tells of each fetch; told may be nil.
func (i *issuerConfig) newCache(told func(jwks.Refresh)) (*jwks.Cache, error) {
	if i.kept != nil {
		return i.kept, nil
	}
	opts := i.keyOptions(newMistakes())
	opts.OnRefresh = told
	if i.jwksURL != "" {
		return jwks.New(i.jwksURL, opts)
	}
	return jwks.NewFromIssuer(i.issuer, opts)
}

// keyLog logs each fetch that fails, and the first good one after it.
func keyLog(log *slog.Logger) func(jwks.Refresh) {
	var well atomic.Bool // false at first: the first success is news as well
	return func(r jwks.Refresh) {
		switch before := well.Swap(r.Err == nil); {
		case r.Err != nil:
			log.Warn("keys not fetched", "error", r.Err.Error(), "usable", r.Status.Usable)
		case !before:
			log.Info("keys fetched", "keys", r.Status.Keys)
		}
	}
}

// keyOptions takes the members one by one, so that a mistake is found at the one that makes it.
func (i *issuerConfig) keyOptions(m *mistakes) *jwks.Options {
	opts := &jwks.Options{InsecureAllowHTTP: i.insecureAllowHTTP, Snapshot: i.keys.snapshot}
	for _, member := range []struct {
		name  string
		value time.Duration
		field *time.Duration
	}{
		{"max_age", i.keys.maxAge, &opts.MaxAge},
		{"min_interval", i.keys.minInterval, &opts.MinInterval},
		{"max_stale", i.keys.maxStale, &opts.MaxStale},
		{"timeout", i.keys.timeout, &opts.Timeout},
	} {
		*member.field = member.value
		if _, err := jwks.New("https://keys.invalid", opts); err != nil {
			m.addAll(i.path+".keys."+member.name, err)
			*member.field = 0
		}
	}
	return opts
}

// policy takes the members one by one, as keyOptions does. What is given narrows or replaces what the preset or the profile
// says; the claims that those demand stay demanded.
func (i *issuerConfig) policy(m *mistakes) token.Policy {
	p := i.basePolicy(m)
	for _, member := range []struct {
		name  string
		given bool
		set   func(*token.Policy)
	}{
		{"client_ids", len(i.clientIDs) > 0, func(p *token.Policy) { p.ClientIDs = i.clientIDs }},
		{"type", i.typ != "", func(p *token.Policy) { p.Type = i.typ }},
		{"algorithms", len(i.algorithms) > 0, func(p *token.Policy) { p.Algorithms = i.algorithms }},
		{"scope_claims", len(i.scopeClaims) > 0, func(p *token.Policy) { p.ScopeClaims = i.scopeClaims }},
		{"grant_claims", len(i.grantClaims) > 0, func(p *token.Policy) { p.GrantClaims = i.grantClaims }},
		{"required_claims", len(i.requiredClaims) > 0, func(p *token.Policy) { p.RequiredClaims = i.demands(*p, m) }},
		{"scopes_allowed", len(i.scopesAllowed) > 0, func(p *token.Policy) { p.ScopesAllowed = i.scopesAllowed }},
		{"leeway", true, func(p *token.Policy) { p.Leeway = i.leeway }},
		{"max_lifetime", true, func(p *token.Policy) { p.MaxLifetime = i.maxLifetime }},
	} {
		if !member.given {
			continue
		}
		next := p
		member.set(&next)
		if _, err := token.NewVerifier(noKeys{}, next, nil); err != nil {
			m.addWhole(i.path+"."+member.name, err)
			continue
		}
		p = next
	}
	return p
}

// checkElements finds the elements of lists that are wrong in themselves.
func (i *issuerConfig) checkElements(m *mistakes) {
	for _, list := range []struct {
		name     string
		elements []string
		why      string
		set      func(p *token.Policy, one []string)
	}{
		{"audiences", i.audiences, "has white space around it", func(p *token.Policy, one []string) { p.Audiences = one }},
		{"client_ids", i.clientIDs, "has white space around it", func(p *token.Policy, one []string) { p.ClientIDs = one }},
		{"algorithms", i.algorithms, "is not supported: asymmetric algorithms only", func(p *token.Policy, one []string) { p.Algorithms = one }},
		{"scope_claims", i.scopeClaims, "has a meaning of its own", func(p *token.Policy, one []string) { p.ScopeClaims = one }},
		{"grant_claims", i.grantClaims, "has a meaning of its own", func(p *token.Policy, one []string) { p.ScopeClaims = one }},
		{"scopes_allowed", i.scopesAllowed, noScope, func(p *token.Policy, one []string) { p.ScopesAllowed = one }},
	} {
		for n, element := range list.elements {
			p := token.Policy{Issuer: "issuer", Audiences: []string{"audience"}}
			list.set(&p, []string{element})
			if _, err := token.NewVerifier(noKeys{}, p, nil); err != nil {
				m.addf(fmt.Sprintf("%s.%s[%d]", i.path, list.name, n), "%q %s", element, list.why)
			}
		}
	}
}

// basePolicy is what the preset or the profile says about the issuer, or the default. After a mistake it is a policy that
// serves to try the other members on.
func (i *issuerConfig) basePolicy(m *mistakes) token.Policy {
	if len(i.audiences) == 0 && !i.clientsAreAudience() {
		m.missing(i.path+".audiences", "required: the names under which this service is the audience of a token")
		return token.Policy{Issuer: "issuer", Audiences: []string{"audience"}}
	}
	var p token.Policy
	var err error
	switch {
	case i.preset != "":
		p, err = i.presetPolicy(m)
	case i.accessTokenProfile:
		p = token.AccessTokenPolicy(i.issuer, i.audiences...)
	default:
		p = token.Policy{Issuer: i.issuer, Audiences: i.audiences}
	}
	if err == nil {
		if _, err = token.NewVerifier(noKeys{}, p, nil); err != nil && i.issuer != "" {
			m.addWhole(i.path+".audiences", err)
		}
	}
	if err != nil {
		return token.Policy{Issuer: "issuer", Audiences: []string{"audience"}}
	}
	return p
}

func (i *issuerConfig) presetPolicy(m *mistakes) (token.Policy, error) {
	preset, names := token.Preset(i.preset), i.audiences
	if i.clientsAreAudience() {
		names = i.clientIDs
	}
	if known := slices.Sorted(token.Presets()); !slices.Contains(known, preset) {
		list := strings.Trim(strings.ReplaceAll(fmt.Sprint(known), " ", ", "), "[]")
		m.addf(i.path+".preset", "%q is none of %s", i.preset, list)
	}
	p, err := preset.Policy(i.issuer, names...)
	if p.InsecureAnyAudience && len(i.audiences) > 0 && len(i.clientIDs) > 0 {
		m.addf(i.path+".client_ids", "contradicts audiences, which are the client ids of this preset: its tokens name no audience")
	}
	if i.issuer != "" {
		m.addAll(i.path+".preset", err)
	}
	return p, err
}

// clientsAreAudience reports an issuer whose tokens name no audience, so that the clients stand for it.
func (i *issuerConfig) clientsAreAudience() bool {
	return token.Preset(i.preset) == token.Cognito && len(i.audiences) == 0 && len(i.clientIDs) > 0
}

func (i *issuerConfig) demands(p token.Policy, m *mistakes) map[string]string {
	all := map[string]string{}
	maps.Copy(all, i.requiredClaims)
	for name, value := range p.RequiredClaims {
		if given, twice := all[name]; twice && value != "" && given != "" && given != value {
			m.addf(memberPath(i.path+".required_claims", name), "contradicts the preset, which demands %q", value)
		}
		if all[name] == "" {
			all[name] = value
		}
	}
	return all
}

// noKeys stands in for the keys while a policy is only tried.
type noKeys struct{}

func (noKeys) PublicKeys(context.Context, string, string) ([]crypto.PublicKey, error) {
	return nil, nil
}
