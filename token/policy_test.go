package token_test

import (
	"context"
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

func TestMistakesInAPolicy(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*token.Policy)
		want string
	}{
		{"no issuer", func(p *token.Policy) { p.Issuer = "" }, "token: Policy.Issuer is empty"},
		{"a blank after the issuer", func(p *token.Policy) { p.Issuer = "https://issuer.test " }, `token: Policy.Issuer "https://issuer.test " has white space around it`},
		{"no audience", func(p *token.Policy) { p.Audiences = nil }, "token: Policy.Audiences is empty: a token meant for any other service of the issuer would pass"},
		{"an empty audience", func(p *token.Policy) { p.Audiences = []string{"api", ""} }, "token: Policy.Audiences[1] is empty"},
		{"a line break after an audience", func(p *token.Policy) { p.Audiences = []string{"api\n"} }, `token: Policy.Audiences[0] "api\n" has white space around it`},
		{"any audience and some", func(p *token.Policy) { p.InsecureAnyAudience = true }, "token: Policy.Audiences and Policy.InsecureAnyAudience contradict each other"},
		{"an empty client", func(p *token.Policy) { p.ClientIDs = []string{""} }, "token: Policy.ClientIDs[0] is empty"},
		{"an empty key set URL", func(p *token.Policy) { p.KeySetURLs = []string{""} }, "token: Policy.KeySetURLs[0] is empty"},
		{"no signature", func(p *token.Policy) { p.Algorithms = []string{"none"} }, `token: Policy.Algorithms[0]: "none" means no signature at all`},
		{"no signature in capitals", func(p *token.Policy) { p.Algorithms = []string{"RS256", "None"} }, `token: Policy.Algorithms[1]: "None" means no signature at all`},
		{"a symmetric algorithm", func(p *token.Policy) { p.Algorithms = []string{"HS256"} }, `token: Policy.Algorithms[0]: "HS256" is symmetric: who can check a token could make one`},
		{"an algorithm in lower case", func(p *token.Policy) { p.Algorithms = []string{"rs256"} }, `token: Policy.Algorithms[0]: "rs256" is not one of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519`},
		{"an empty algorithm", func(p *token.Policy) { p.Algorithms = []string{""} }, `token: Policy.Algorithms[0]: "" is not one of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519`},
		{"a type with parameters", func(p *token.Policy) { p.Type = "at+jwt; charset=utf-8" }, `token: Policy.Type "at+jwt; charset=utf-8" is no media type`},
		{"a type of a prefix alone", func(p *token.Policy) { p.Type = "application/" }, `token: Policy.Type "application/" is no media type`},
		{"a claim without a name", func(p *token.Policy) { p.RequiredClaims = map[string]string{"": "x"} }, "token: Policy.RequiredClaims has an empty claim name"},
		{"an iss that contradicts the issuer", func(p *token.Policy) { p.RequiredClaims = map[string]string{"iss": "x"} }, `token: Policy.RequiredClaims["iss"] has a value: it is Policy.Issuer that says which`},
		{"an aud that contradicts the audiences", func(p *token.Policy) { p.RequiredClaims = map[string]string{"aud": "x"} }, `token: Policy.RequiredClaims["aud"] has a value: it is Policy.Audiences that says which`},
		{"an exp that is a string", func(p *token.Policy) { p.RequiredClaims = map[string]string{"exp": "1"} }, `token: Policy.RequiredClaims["exp"] has a value, but the claim is never a string`},
		{"a cnf that is a string", func(p *token.Policy) { p.RequiredClaims = map[string]string{"cnf": "x"} }, `token: Policy.RequiredClaims["cnf"] has a value, but the claim is never a string`},
		{"a scope to be had exactly", func(p *token.Policy) { p.RequiredClaims = map[string]string{"scope": "admin"} }, `token: Policy.RequiredClaims["scope"] has a value, but the claim is a list: ask for the scope where it is needed`},
		{"a grant to be had exactly", func(p *token.Policy) {
			p.GrantClaims, p.RequiredClaims = []string{"roles"}, map[string]string{"roles": "admin"}
		}, `token: Policy.RequiredClaims["roles"] has a value, but the claim is a list: ask for the scope where it is needed`},
		{"a scope claim without a name", func(p *token.Policy) { p.ScopeClaims = []string{""} }, "token: Policy.ScopeClaims[0] is empty"},
		{"a client claim without a name", func(p *token.Policy) { p.ClientIDClaims = []string{"azp", ""} }, "token: Policy.ClientIDClaims[1] is empty"},
		{"a grant claim without a name", func(p *token.Policy) { p.GrantClaims = []string{""} }, "token: Policy.GrantClaims[0] is empty"},
		{"the subject as a client", func(p *token.Policy) { p.ClientIDClaims = []string{"sub"} }, `token: Policy.ClientIDClaims[0]: "sub" has a meaning of its own`},
		{"the audience as a scope", func(p *token.Policy) { p.ScopeClaims = []string{"aud"} }, `token: Policy.ScopeClaims[0]: "aud" has a meaning of its own`},
		{"a grant claim that is a scope claim by default", func(p *token.Policy) { p.GrantClaims = []string{"scp"} }, `token: Policy.GrantClaims: "scp" is a scope claim already`},
		{"a negative leeway", func(p *token.Policy) { p.Leeway = -time.Second }, "token: Policy.Leeway is negative: -1s"},
		{"a leeway of hours", func(p *token.Policy) { p.Leeway = 2*time.Minute + 1 }, "token: Policy.Leeway is 2m0.000000001s, more than 2m0s"},
		{"a negative lifetime", func(p *token.Policy) { p.MaxLifetime = -1 }, "token: Policy.MaxLifetime is negative: -1ns"},
		{"a negative age", func(p *token.Policy) { p.MaxAge = -1 }, "token: Policy.MaxAge is negative: -1ns"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain()
			tc.edit(&p)
			v, err := token.NewVerifier(&keys{}, p, nil)
			require.EqualError(t, err, tc.want)
			require.Nil(t, v)
		})
	}
}

func TestAScopeOutsideTheGrammarIsNoCeiling(t *testing.T) {
	for _, bad := range []string{"", "a b", "a\"b", "é"} {
		p := plain()
		p.ScopesAllowed = []string{"orders:read", bad}
		_, err := token.NewVerifier(&keys{}, p, nil)
		require.ErrorContains(t, err, "token: Policy.ScopesAllowed: ")
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	_, err := token.NewVerifier(nil, token.Policy{
		Algorithms: []string{"HS256", "none"}, Leeway: time.Hour, ClientIDs: []string{""}, ScopesAllowed: []string{"a b"},
	}, &token.Options{MaxBytes: -1})
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 9)
	for _, line := range lines {
		require.True(t, strings.HasPrefix(line, "token: "), line)
	}
}

type sourceFunc func(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)

func (f sourceFunc) PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	return f(ctx, kid, alg)
}

func TestANilKeySourceIsAMistake(t *testing.T) {
	for name, source := range map[string]token.KeySource{"nil": nil, "a nil pointer": (*keys)(nil), "a nil function": sourceFunc(nil)} {
		_, err := token.NewVerifier(source, plain(), nil)
		require.EqualError(t, err, "token: the key source is nil", name)
	}
}

func TestMaxBytesCanOnlyBeLowered(t *testing.T) {
	for _, size := range []int{-1, 16<<10 + 1} {
		_, err := token.NewVerifier(&keys{}, plain(), &token.Options{MaxBytes: size})
		require.ErrorContains(t, err, "token: Options.MaxBytes is ")
	}
	for _, size := range []int{0, 1, 16 << 10} {
		_, err := token.NewVerifier(&keys{}, plain(), &token.Options{MaxBytes: size})
		require.NoError(t, err)
	}
}

func TestNewVerifierCopiesThePolicy(t *testing.T) {
	p := plain()
	p.Algorithms = []string{"ES256"}
	p.RequiredClaims = map[string]string{"sub": ""}
	p.ClientIDs = []string{secret + "-client"}
	p.ScopeClaims = []string{"scope"}
	p.GrantClaims = []string{"roles"}
	p.ScopesAllowed = []string{"orders:read"}
	p.KeySetURLs = []string{"https://issuer.test/jwks"}
	v := verifier(t, &keys{}, p)
	p.Audiences[0], p.Algorithms[0], p.ClientIDs[0], p.ScopeClaims[0], p.ScopesAllowed[0] = "x", "RS256", "x", "x", "x"
	p.GrantClaims[0], p.KeySetURLs[0] = "x", "x"
	p.RequiredClaims["sub"], p.RequiredClaims["nowhere"] = "x", ""
	header := map[string]any{"jku": "https://issuer.test/jwks"}
	for _, edits := range [][]claim{nil, {without("scope"), with("roles", `["orders:read"]`)}} {
		c, err := v.Verify(t.Context(), issuer.Sign("ES256", header, []byte(payload(edits...))))
		require.NoError(t, err)
		require.Equal(t, "orders:read", c.Scopes().String())
	}
}

func TestAccessTokenPolicy(t *testing.T) {
	names := []string{"api", audience}
	p := token.AccessTokenPolicy(issuerURL, names...)
	names[1] = "x"
	v := verifier(t, &keys{}, p)
	c, err := v.Verify(t.Context(), issuer.AccessToken(audience))
	require.NoError(t, err)
	require.Equal(t, "client-1", c.ClientID())

	for name, want := range map[string]token.Reason{
		"sub": token.ReasonClaim, "client_id": token.ReasonClaim, "iat": token.ReasonClaim, "jti": token.ReasonClaim,
		"exp": token.ReasonClaim, "iss": token.ReasonIssuer, "aud": token.ReasonAudience,
	} {
		raw := issuer.AccessToken(audience, map[string]any{name: nil})
		c, err := v.Verify(t.Context(), raw)
		requireRefused(t, c, err, want, raw)
	}
	raw := issuer.Sign("ES256", map[string]any{"typ": "JWT"}, []byte(payload()))
	c, err = v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonType, raw)
}

func TestRequiredClaims(t *testing.T) {
	for _, tc := range []struct {
		name, value string // of the policy
		edits       []claim
		want        token.Reason
	}{
		{"present", "", []claim{with("tenant", `"acme"`)}, ""},
		{"present as a number", "", []claim{with("tenant", `0`)}, ""},
		{"present as false", "", []claim{with("tenant", `false`)}, ""},
		{"present as an empty object", "", []claim{with("tenant", `{}`)}, ""},
		{"missing", "", nil, token.ReasonClaim},
		{"null is not present", "", []claim{with("tenant", `null`)}, token.ReasonClaim},
		{"an empty string is not present", "", []claim{with("tenant", `""`)}, token.ReasonClaim},
		{"another case is another claim", "", []claim{with("Tenant", `"acme"`)}, token.ReasonClaim},
		{"equal", "acme", []claim{with("tenant", `"acme"`)}, ""},
		{"equal in an escaped spelling", "acme", []claim{with("tenant", `"\u0061cme"`)}, ""},
		{"missing where a value is asked for", "acme", nil, token.ReasonClaim},
		{"another value", "acme", []claim{with("tenant", `"s3cr3t"`)}, token.ReasonClaim},
		{"another case", "acme", []claim{with("tenant", `"Acme"`)}, token.ReasonClaim},
		{"more than the value", "acme", []claim{with("tenant", `"acme2"`)}, token.ReasonClaim},
		{"the value in an array", "acme", []claim{with("tenant", `["acme"]`)}, token.ReasonClaim},
		{"true is not the string", "true", []claim{with("tenant", `true`)}, token.ReasonClaim},
		{"1 is not the string", "1", []claim{with("tenant", `1`)}, token.ReasonClaim},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain()
			p.RequiredClaims = map[string]string{"tenant": tc.value}
			raw := signed(tc.edits...)
			c, err := verifier(t, &keys{}, p).Verify(t.Context(), raw)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

func TestClients(t *testing.T) {
	for _, tc := range []struct {
		name        string
		ids, claims []string // of the policy
		edits       []claim
		client      string
		want        token.Reason
	}{
		{"by default the first of four", nil, nil, []claim{with("azp", `"b"`)}, secret + "-client", ""},
		{"azp without client_id", nil, nil, []claim{without("client_id"), with("azp", `"b"`), with("appid", `"d"`)}, "b", ""},
		{"cid", nil, nil, []claim{without("client_id"), with("cid", `"c"`)}, "c", ""},
		{"appid", nil, nil, []claim{without("client_id"), with("appid", `"d"`)}, "d", ""},
		{"none is needed by default", nil, nil, []claim{without("client_id")}, "", ""},
		{"an empty one is none", nil, nil, []claim{with("client_id", `""`), with("azp", `"b"`)}, "b", ""},
		{"never the subject", nil, nil, []claim{without("client_id"), with("sub", `"a"`)}, "", ""},
		{"claims that are named must be there", nil, []string{"azp"}, nil, "", token.ReasonClient},
		{"and not empty", nil, []string{"azp"}, []claim{with("azp", `""`)}, "", token.ReasonClient},
		{"one of them is enough", nil, []string{"azp", "client_id"}, nil, secret + "-client", ""},
		{"a client of ours", []string{"a", "b"}, nil, []claim{with("client_id", `"b"`)}, "b", ""},
		{"a client of somebody else", []string{"a", "b"}, nil, nil, "", token.ReasonClient},
		{"a client in another case", []string{"a"}, nil, []claim{with("client_id", `"A"`)}, "", token.ReasonClient},
		{"no client where ours are named", []string{"a"}, nil, []claim{without("client_id")}, "", token.ReasonClient},
		{"ours stands in a later claim only", []string{"a"}, nil, []claim{with("azp", `"a"`)}, "", token.ReasonClient},
		{"a client_id of the wrong type where another claim is named", nil, []string{"azp"}, []claim{with("azp", `"b"`), with("client_id", `5`)}, "", token.ReasonMalformed},
		{"a later claim of the wrong type", nil, nil, []claim{with("appid", `["d"]`)}, "", token.ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain()
			p.ClientIDs, p.ClientIDClaims = tc.ids, tc.claims
			raw := signed(tc.edits...)
			c, err := verifier(t, &keys{}, p).Verify(t.Context(), raw)
			if tc.want == "" {
				require.NoError(t, err)
				require.Equal(t, tc.client, c.ClientID())
				return
			}
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

func TestAnyAudience(t *testing.T) {
	p := token.Policy{Issuer: issuerURL, InsecureAnyAudience: true, ClientIDs: []string{secret + "-client"}}
	v := verifier(t, &keys{}, p)
	for _, aud := range []string{``, `"x"`, `[]`, `["x","y"]`} {
		_, err := v.Verify(t.Context(), signed(with("aud", aud)))
		require.NoError(t, err)
	}
	raw := signed(with("aud", `["x",5]`))
	c, err := v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonMalformed, raw)
	raw = signed(with("client_id", `"other"`), with("aud", ``))
	c, err = v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonClient, raw)
}
