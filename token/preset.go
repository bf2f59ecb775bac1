package token

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Preset names an issuer product whose tokens do not follow RFC 9068 and are not all alike. [Preset.Policy] returns what is known
// about them as a [Policy], which can be looked at and edited before it goes to [NewVerifier].
//
// A preset says how to read a product's access tokens and keeps out what else the product signs with the same keys, as far as
// the tokens tell. It does not make an issuer trustworthy, and it does not know which of its clients are yours: see ClientIDs,
// RequiredClaims and ScopesAllowed.
type Preset string

// The presets. Unless they say otherwise, they demand sub, exp and iat, and an audience of yours in aud.
const (
	// Okta reads access tokens of an Okta custom authorization server: the issuer has a path, as in
	// https://example.okta.com/oauth2/default. The client is cid and demanded, which ID tokens lack; scopes are the array scp. An
	// org authorization server (no path) signs access tokens that are meant for Okta alone: such an issuer is a mistake.
	Okta Preset = "okta"

	// Auth0 reads access tokens in Auth0's own profile and in its RFC 9068 profile. The issuer ends in a slash. A client, azp or
	// client_id, is demanded, which ID tokens lack. Scopes are the union of scope and of the array permissions, which is there when
	// "Add Permissions in the Access Token" is on; then it says what the user may do at all, not what this client asked for.
	Auth0 Preset = "auth0"

	// EntraV1 reads version 1.0 access tokens of Microsoft Entra ID for an application that acts for a user. The issuer is
	// https://sts.windows.net/{tenant id}/ and ends in a slash. It demands ver 1.0, a client (appid) and scp, which ID tokens and
	// app-only tokens lack. The roles claim, the user's own, grants nothing here. Nothing is proved about where the user comes from:
	// guests of the tenant have its issuer too.
	EntraV1 Preset = "entra-v1"

	// EntraV2 is EntraV1 for version 2.0, which an API gets when its manifest sets requestedAccessTokenVersion to 2. The issuer is
	// https://login.microsoftonline.com/{tenant id}/v2.0, the audience the API's client ID, the client azp.
	EntraV2 Preset = "entra-v2"

	// EntraApp reads access tokens of Microsoft Entra ID, of either version, for an application that acts for itself. Such
	// tokens have no scope; the array roles says what was granted. It demands idtyp "app", an optional claim that must be switched
	// on for the API ("optionalClaims" in its manifest): without it nothing in a token says reliably that no user is behind it.
	// Any application of the tenant can get a token without roles, so routes must ask for one, or ClientIDs must be set.
	EntraApp Preset = "entra-app"

	// Keycloak reads access tokens of a Keycloak realm. The issuer is https://host/realms/{realm}. It demands the claim typ "Bearer",
	// which is "ID", "Refresh" or "Logout" in the realm's other tokens ("DPoP" in access tokens bound by DPoP), and azp. Scopes are
	// scope; realm and client roles are nested and are read with Claims.Decode. Keycloak puts an API into aud only if an audience
	// mapper says so.
	Keycloak Preset = "keycloak"

	// Cognito reads access tokens of an Amazon Cognito user pool. They have no aud: the audiences given to Policy are the app client
	// IDs whose tokens to accept, compared with client_id, and aud is not looked at. It demands token_use "access", which is "id" in
	// ID tokens. A token so proves which app client got it, not that it was meant for this service: any API that accepts the same
	// app client can use it here. For a pool that writes aud (resource binding), set Audiences, and InsecureAnyAudience to false.
	Cognito Preset = "cognito"

	// Hydra reads JWT access tokens of Ory Hydra. It demands client_id and jti; ID tokens lack client_id. Scopes are the union of
	// the array scp and the string scope, of which the configuration of Hydra chooses one or both.
	Hydra Preset = "hydra"

	// Kubernetes reads projected service account tokens. The issuer is the cluster's (--service-account-issuer). It demands the
	// claims kubernetes.io and sub (system:serviceaccount:{namespace}:{name}). There are no scopes and no client. It does not prove
	// that the pod still exists, as the TokenReview API would, nor which cluster it is if several share an issuer name. Tokens of
	// Secrets have neither exp nor aud and are refused.
	Kubernetes Preset = "kubernetes"

	// GitHubActions reads the OIDC tokens of GitHub Actions jobs. The issuer is https://token.actions.githubusercontent.com, or that
	// of an Enterprise Server. It demands sub, repository and repository_owner. There are no scopes. Every workflow of everybody on
	// GitHub can get such a token, for any audience: it proves nothing until RequiredClaims, or the route, says whose repository it
	// must be. repository_owner_id and repository_id are safe against renames.
	GitHubActions Preset = "github-actions"

	// SPIFFE reads JWT-SVIDs, as of SPIRE with jwt_issuer set: iss is optional in a JWT-SVID, but here it picks the policy. It
	// demands sub and exp; iat is optional, and the algorithms are those of the specification, without EdDSA. There are no scopes and no client. The key set
	// must be that of one trust domain; that sub is a SPIFFE ID of that domain is the issuer's word, and which workload it must be
	// is for the caller to check.
	SPIFFE Preset = "spiffe"
)

type presetData struct {
	preset Preset
	policy Policy
	wrong  func(issuer string) string // what is wrong with an issuer, or ""
}

var presets = []presetData{
	{Okta, Policy{
		RequiredClaims: demand("cid"), ClientIDClaims: []string{"cid"}, ScopeClaims: []string{"scp"},
	}, unless(func(iss string) bool { return strings.Contains(iss, "/oauth2/") }, "a custom authorization server's issuer has /oauth2/ and a name in its path")},
	{Auth0, Policy{
		RequiredClaims: demand(), ClientIDClaims: []string{"azp", "client_id"}, ScopeClaims: []string{"scope", "permissions"},
	}, unless(endsInSlash, "it ends in a slash")},
	{EntraV1, Policy{
		RequiredClaims: demand("scp", "ver=1.0"), ClientIDClaims: []string{"appid"}, ScopeClaims: []string{"scp"},
	}, unless(isEntraV1, "it is https://sts.windows.net/{tenant id}/, with the slash")},
	{EntraV2, Policy{
		RequiredClaims: demand("scp", "ver=2.0"), ClientIDClaims: []string{"azp"}, ScopeClaims: []string{"scp"},
	}, unless(isEntraV2, "it is https://login.microsoftonline.com/{tenant id}/v2.0")},
	{EntraApp, Policy{
		RequiredClaims: demand("idtyp=app"), ClientIDClaims: []string{"azp", "appid"}, ScopeClaims: []string{"scp"}, GrantClaims: []string{"roles"},
	}, unless(func(iss string) bool { return isEntraV1(iss) || isEntraV2(iss) }, "it is https://sts.windows.net/{tenant id}/ or https://login.microsoftonline.com/{tenant id}/v2.0")},
	{Keycloak, Policy{
		RequiredClaims: demand("jti", "typ=Bearer"), ClientIDClaims: []string{"azp"}, ScopeClaims: []string{"scope"},
	}, unless(func(iss string) bool { return strings.Contains(iss, "/realms/") && !endsInSlash(iss) }, "it ends in /realms/{realm}")},
	{Cognito, Policy{
		RequiredClaims: demand("token_use=access"), ClientIDClaims: []string{"client_id"}, ScopeClaims: []string{"scope"}, InsecureAnyAudience: true,
	}, unless(func(iss string) bool { return !endsInSlash(iss) }, "it does not end in a slash")},
	{Hydra, Policy{
		RequiredClaims: demand("jti"), ClientIDClaims: []string{"client_id"}, ScopeClaims: []string{"scope", "scp"},
	}, anyIssuer},
	{Kubernetes, Policy{
		RequiredClaims: demand("kubernetes.io"),
	}, anyIssuer},
	{GitHubActions, Policy{
		RequiredClaims: demand("repository", "repository_owner"),
	}, unless(func(iss string) bool { return !endsInSlash(iss) }, "it does not end in a slash")},
	{SPIFFE, Policy{
		RequiredClaims: map[string]string{"sub": "", "exp": ""},
		Algorithms:     []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"},
	}, anyIssuer},
}

// demand makes RequiredClaims of the claims that every preset demands and of some more, each a name or name=value.
func demand(more ...string) map[string]string {
	all := map[string]string{"sub": "", "exp": "", "iat": ""}
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		all[name] = value
	}
	return all
}

func anyIssuer(string) string { return "" }

func unless(right func(issuer string) bool, otherwise string) func(string) string {
	return func(issuer string) string {
		if right(issuer) {
			return ""
		}
		return otherwise
	}
}

func endsInSlash(issuer string) bool { return strings.HasSuffix(issuer, "/") }

// National clouds have hosts of their own, and "common" or "organizations" in place of a tenant is nobody's issuer.
func isEntraV1(issuer string) bool {
	return strings.HasPrefix(issuer, "https://sts.") && endsInSlash(issuer) && namesATenant(issuer)
}

func isEntraV2(issuer string) bool {
	return strings.HasSuffix(strings.TrimSuffix(issuer, "/"), "/v2.0") && namesATenant(issuer)
}

func namesATenant(issuer string) bool {
	return !slices.ContainsFunc(strings.Split(issuer, "/"), func(segment string) bool {
		return segment == "common" || segment == "organizations" || segment == "consumers" || strings.HasPrefix(segment, "{")
	})
}

// Policy returns the preset's policy for an issuer and the names this service answers to. An unknown preset, an issuer that the
// product cannot have and a missing audience are mistakes, reported together. The policy is the caller's own.
func (p Preset) Policy(issuer string, audiences ...string) (Policy, error) {
	i := slices.IndexFunc(presets, func(d presetData) bool { return d.preset == p })
	if i < 0 {
		return Policy{}, fmt.Errorf("token: there is no preset %q", string(p))
	}
	var m mistakes
	if wrong := presets[i].wrong(issuer); wrong != "" {
		m.addf("preset %s: %q is not its issuer: %s", p, issuer, wrong)
	}
	if len(audiences) == 0 {
		m.addf("preset %s: no audience", p)
	}
	if err := errors.Join(m...); err != nil {
		return Policy{}, err
	}
	policy := presets[i].policy.clone()
	policy.Issuer = issuer
	if policy.InsecureAnyAudience {
		policy.ClientIDs = slices.Clone(audiences)
	} else {
		policy.Audiences = slices.Clone(audiences)
	}
	return policy, nil
}

// clone copies what presets use of a policy.
func (p Policy) clone() Policy {
	p.RequiredClaims = maps.Clone(p.RequiredClaims)
	p.Algorithms = slices.Clone(p.Algorithms)
	p.ClientIDClaims = slices.Clone(p.ClientIDClaims)
	p.ScopeClaims = slices.Clone(p.ScopeClaims)
	p.GrantClaims = slices.Clone(p.GrantClaims)
	return p
}

// Presets yields every preset, in the order of their constants.
func Presets() iter.Seq[Preset] {
	return func(yield func(Preset) bool) {
		for _, d := range presets {
			if !yield(d.preset) {
				return
			}
		}
	}
}
