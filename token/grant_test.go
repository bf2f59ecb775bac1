package token_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

func TestScopes(t *testing.T) {
	type list = []string
	for _, tc := range []struct {
		name                    string
		scopes, grants, ceiling list // of the policy
		edits                   []claim
		want                    list
	}{
		{name: "a string", want: list{"orders:read", "orders:write"}},
		{name: "an empty string, as Keycloak sends", edits: []claim{with("scope", `""`)}},
		{name: "blanks", edits: []claim{with("scope", `"  a   b "`)}, want: list{"a", "b"}},
		{name: "none at all", edits: []claim{without("scope")}},
		{name: "an array, as Okta and Hydra send", edits: []claim{without("scope"), with("scp", `["a","b"]`)}, want: list{"a", "b"}},
		{name: "a string under scp, as Entra ID sends", edits: []claim{without("scope"), with("scp", `"a b"`)}, want: list{"a", "b"}},
		{name: "the union of both", edits: []claim{with("scope", `"a"`), with("scp", `["b"]`)}, want: list{"a", "b"}},
		{name: "an element with a blank grants nothing", edits: []claim{with("scope", `["admin write","b"]`)}, want: list{"b"}},
		{name: "a tab separates nothing", edits: []claim{with("scope", `"admin\twrite b"`)}, want: list{"b"}},
		{name: "a comma separates nothing", edits: []claim{with("scope", `"read,admin"`)}, want: list{"read,admin"}},
		{name: "SCOPE grants nothing", edits: []claim{with("scope", `"read"`), with("SCOPE", `"admin"`)}, want: list{"read"}},
		{name: "a long s grants nothing", edits: []claim{with("scope", `"read"`), with("\u017fcope", `"admin"`)}, want: list{"read"}},
		{name: "only the claims of the policy", scopes: list{"permissions"}, edits: []claim{with("permissions", `["p"]`)}, want: list{"p"}},
		{name: "grants of a token without scopes", grants: list{"roles"}, edits: []claim{without("scope"), with("roles", `["r"]`)}, want: list{"r"}},
		{name: "no grants of a token with scopes", grants: list{"roles"}, edits: []claim{with("roles", `["r"]`)}, want: list{"orders:read", "orders:write"}},
		{name: "no grants of a token with an empty scope", grants: list{"roles"}, edits: []claim{with("scope", `""`), with("roles", `["r"]`)}},
		{name: "no grants unless the policy names them", edits: []claim{without("scope"), with("roles", `["r"]`)}},
		{name: "a ceiling", ceiling: list{"orders:read", "more"}, want: list{"orders:read"}},
		{name: "a ceiling over grants", grants: list{"roles"}, ceiling: list{"r"}, edits: []claim{without("scope"), with("roles", `["r","admin"]`)}, want: list{"r"}},
		{name: "a ceiling that nothing reaches", ceiling: list{"other"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain()
			p.ScopeClaims, p.GrantClaims, p.ScopesAllowed = tc.scopes, tc.grants, tc.ceiling
			c, err := verifier(t, &keys{}, p).Verify(t.Context(), signed(tc.edits...))
			require.NoError(t, err)
			var got list
			for s := range c.Scopes().Tokens() {
				got = append(got, s)
			}
			require.ElementsMatch(t, tc.want, got)
		})
	}
}

func TestGrantsOfTheWrongTypeRefuseEvenWhereTheyAreNotNeeded(t *testing.T) {
	p := plain()
	p.GrantClaims = []string{"roles"}
	raw := signed(with("roles", `{"admin":true}`))
	c, err := verifier(t, &keys{}, p).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonMalformed, raw)
}
