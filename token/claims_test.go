package token_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

func verified(tb testing.TB, edits ...claim) *token.Claims {
	tb.Helper()
	c, err := verifier(tb, &keys{}, plain()).Verify(tb.Context(), signed(edits...))
	require.NoError(tb, err)
	return c
}

func TestGetters(t *testing.T) {
	c := verified(t, with("aud", `["https://other.test","https://api.test"]`), with("nbf", `1600000000.5`))
	require.Equal(t, issuerURL, c.Issuer())
	require.Equal(t, secret+"-subject", c.Subject())
	require.Equal(t, secret+"-client", c.ClientID())
	require.Equal(t, secret+"-id", c.ID())
	require.Equal(t, issuer.KeyID("ES256"), c.KeyID())
	require.Equal(t, "ES256", c.Algorithm())
	require.Equal(t, []string{"https://other.test", audience}, slices.Collect(c.Audiences()))
	require.True(t, c.HasAudience("https://other.test"))
	require.False(t, c.HasAudience("https://api"))
	require.True(t, c.Scopes().Has("orders:read"))
	require.Equal(t, time.Unix(9999999999, 0), c.Expiry())
	require.Equal(t, time.Unix(1700000000, 0), c.IssuedAt())
}

// A policy's audiences are shared with claims, but no token is said to name one that it does not.
func TestATokenNamesItsOwnAudiencesOnly(t *testing.T) {
	p := plain()
	p.Audiences = []string{"first", audience, "last"}
	v, err := token.NewVerifier(&keys{}, p, &token.Options{Cache: newCache(t, 10, 1<<20)})
	require.NoError(t, err)
	for _, tc := range []struct {
		aud  string
		want []string
	}{
		{`"first"`, []string{"first"}},
		{`"` + audience + `"`, []string{audience}},
		{`"l\u0061st"`, []string{"last"}},
		{`["last"]`, []string{"last"}},
		{`["first","` + audience + `"]`, []string{"first", audience}},
		{`["last","` + audience + `","first"]`, []string{"last", audience, "first"}},
		{`["first","` + audience + `","l\u0061st"]`, []string{"first", audience, "last"}},
		{`["","first","x\u0061"]`, []string{"", "first", "xa"}},
	} {
		raw := signed(with("aud", tc.aud))
		for range 3 { // new, kept, remembered
			c, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, tc.want, slices.Collect(c.Audiences()), tc.aud)
			for _, name := range []string{"first", audience, "last"} {
				require.Equal(t, slices.Contains(tc.want, name), c.HasAudience(name), tc.aud)
			}
		}
	}
}

func TestMissingClaimsAreZero(t *testing.T) {
	c := verified(t, without("sub"), without("client_id"), without("jti"), without("iat"), without("scope"))
	require.Empty(t, c.Subject())
	require.Empty(t, c.ClientID())
	require.Empty(t, c.ID())
	require.True(t, c.IssuedAt().IsZero())
	require.Zero(t, c.Scopes().Len())
}

func TestNilAndZeroClaimsSayNothing(t *testing.T) {
	for _, c := range []*token.Claims{nil, {}} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			name := v.Type().Method(i).Name
			switch name {
			case "HasAudience", "Confirmation", "Decode", "Audiences":
				continue
			}
			require.True(t, v.Method(i).Call(nil)[0].IsZero(), name)
		}
		require.False(t, c.HasAudience(""))
		require.Empty(t, c.Confirmation(""))
		require.Empty(t, slices.Collect(c.Audiences()))
		require.Error(t, c.Decode(&struct{}{}))
	}
}

func TestDecode(t *testing.T) {
	c := verified(t, with("tenant", `"acme"`), with("TENANT", `"evil"`), with("limits", `{"orders":5}`))
	var v struct {
		Tenant string         `json:"tenant"`
		Limits map[string]int `json:"limits"`
	}
	require.NoError(t, c.Decode(&v))
	require.Equal(t, "acme", v.Tenant, "in exact case")
	require.Equal(t, map[string]int{"orders": 5}, v.Limits)

	v.Limits["orders"] = 1000
	var again struct {
		Limits map[string]int `json:"limits"`
	}
	require.NoError(t, c.Decode(&again))
	require.Equal(t, 5, again.Limits["orders"], "what was decoded is the caller's own")

	var wrong struct {
		Tenant int `json:"tenant"`
	}
	err := c.Decode(&wrong)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "acme")
	require.Error(t, c.Decode(nil))
	require.Error(t, c.Decode(v), "not a pointer")
}

// vandal writes to what it is given and keeps it, against the advice of encoding/json.
type vandal struct{ kept []byte }

func (v *vandal) UnmarshalJSON(raw []byte) error {
	clear(raw)
	v.kept = raw
	return nil
}

func TestADecoderOfTheCallersOwnCannotReachTheClaims(t *testing.T) {
	c := verified(t)
	var v struct {
		Subject  vandal `json:"sub"`
		Audience vandal `json:"aud"`
	}
	require.NoError(t, c.Decode(&v))
	require.NotEmpty(t, v.Subject.kept)
	require.Equal(t, payload(), string(c.Payload()))
}

func TestAPayloadIsACopy(t *testing.T) {
	c := verified(t)
	before := c.Payload()
	require.Equal(t, payload(), string(before))
	clear(before)
	require.Equal(t, payload(), string(c.Payload()))
	require.NoError(t, c.Decode(&struct{}{}))
}

// What a handler is given, it cannot use to change what another handler reads: Claims have no exported field, and what their
// methods return is a value, or made anew.
func TestClaimsCannotBeChanged(t *testing.T) {
	claims := reflect.TypeFor[token.Claims]()
	for field := range claims.Fields() {
		require.False(t, field.IsExported(), field.Name)
	}
	fresh := map[string]bool{"Payload": true} // a copy: held by TestAPayloadIsACopy
	seq := reflect.TypeFor[iter.Seq[string]]()
	pointer := reflect.TypeFor[*token.Claims]()
	require.Zero(t, claims.NumMethod(), "all methods have a pointer receiver: a nil *Claims is safe")
	for m := range pointer.Methods() {
		for out := range m.Type.Outs() {
			if !fresh[m.Name] && out != seq {
				requireImmutable(t, out, m.Name)
			}
		}
		for j := 1; j < m.Type.NumIn(); j++ {
			in := m.Type.In(j)
			require.True(t, in.Kind() == reflect.String || m.Name == "Decode", "%s takes a %s", m.Name, in)
		}
	}
}

// requireImmutable holds that a value of this type gives no access to memory that is shared.
func requireImmutable(t *testing.T, typ reflect.Type, where string) {
	t.Helper()
	switch typ.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
	case reflect.Interface:
		require.Equal(t, reflect.TypeFor[error](), typ, where)
	case reflect.Struct:
		require.Contains(t, []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[scope.Set]()}, typ, where)
		for field := range typ.Fields() {
			require.False(t, field.IsExported(), "%s: %s", where, field.Name)
		}
	default:
		t.Fatalf("%s lends a %s", where, typ)
	}
}

func TestIteratorsLendNothing(t *testing.T) {
	c := verified(t)
	for a := range c.Audiences() {
		require.Equal(t, audience, a)
	}
	for range c.Audiences() {
		break // an iterator can be left
	}
	require.Equal(t, []string{audience}, slices.Collect(c.Audiences()))
}

func TestReasonOf(t *testing.T) {
	_, refused := verifier(t, &keys{}, plain()).Verify(t.Context(), signed(with("exp", `1`)))
	require.Equal(t, token.Reason(""), token.ReasonOf(nil))
	require.Equal(t, token.ReasonExpired, token.ReasonOf(refused))
	require.Equal(t, token.ReasonExpired, token.ReasonOf(fmt.Errorf("in context: %w", refused)))
	require.ErrorIs(t, fmt.Errorf("in context: %w", refused), token.ErrRefused)
	require.Equal(t, token.ReasonUndecided, token.ReasonOf(context.DeadlineExceeded))
	require.EqualError(t, refused, "token: refused: expired (exp)")
}
