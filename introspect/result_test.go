package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/scope"
)

func result(t *testing.T, body string, have ...introspect.Proof) *introspect.Result {
	t.Helper()
	r, err := serving(body).client(t).Introspect(t.Context(), tokenA, have...)
	require.NoError(t, err)
	return r
}

func TestGetters(t *testing.T) {
	r := result(t, active(`"iss":"https://issuer.test"`, `"sub":"alice"`, `"client_id":"shop"`, `"scope":"orders:read  orders:write"`, `"exp":9999999999.5`))
	require.Equal(t, issuerURL, r.Issuer())
	require.Equal(t, "alice", r.Subject())
	require.Equal(t, "shop", r.ClientID())
	require.Equal(t, "orders:read orders:write", r.Scopes().String())
	require.Equal(t, time.Unix(9999999999, 500_000_000), r.Expiry())
}

func TestMissingMembersAreZero(t *testing.T) {
	r := result(t, active(`"username":"alice"`))
	require.Empty(t, r.Subject(), "never a name borrowed")
	require.Empty(t, r.ClientID())
	require.Zero(t, r.Scopes().Len())
	require.True(t, r.Expiry().IsZero())
	require.Equal(t, issuerURL, r.Issuer(), "the endpoint is the issuer")
}

func TestScopesAreReadInBothForms(t *testing.T) {
	for body, want := range map[string]string{
		`"scope":""`:                      "",
		`"scope":"a b"`:                   "a b",
		`"scope":["a","b"]`:               "a b",
		`"scope":["a b"]`:                 "",
		`"scope":[]`:                      "",
		"\"scope\":\"a\\tb\"":             "",
		`"scope":"a","SCOPE":"admin"`:     "a",
		`"scope":"a","\u017fcope":"evil"`: "a",
	} {
		require.Equal(t, want, result(t, active(body)).Scopes().String(), body)
	}
}

func TestNilAndZeroResultsSayNothing(t *testing.T) {
	for _, r := range []*introspect.Result{nil, {}} {
		v := reflect.ValueOf(r)
		for i := range v.NumMethod() {
			switch name := v.Type().Method(i).Name; name {
			case "Confirmation", "Decode":
			default:
				require.True(t, v.Method(i).Call(nil)[0].IsZero(), name)
			}
		}
		require.Empty(t, r.Confirmation(""))
		require.Error(t, r.Decode(&struct{}{}))
	}
}

func TestNilAndZeroClientsDecideNothing(t *testing.T) {
	for _, c := range []*introspect.Client{nil, {}} {
		require.Equal(t, "undecided", ask(t.Context(), c, tokenA).word)
		require.Error(t, c.Forget(t.Context(), tokenA))
	}
}

func TestDecode(t *testing.T) {
	u := serving(active(`"tenant":"acme"`, `"TENANT":"evil"`, `"limits":{"orders":5}`))
	c := u.client(t)
	r, err := c.Introspect(t.Context(), tokenA)
	require.NoError(t, err)
	type custom struct {
		Tenant string         `json:"tenant"`
		Limits map[string]int `json:"limits"`
	}
	var v custom
	require.NoError(t, r.Decode(&v))
	require.Equal(t, custom{"acme", map[string]int{"orders": 5}}, v, "in exact case")

	v.Limits["orders"] = 1000
	other, err := c.Introspect(t.Context(), tokenA)
	require.NoError(t, err)
	var again custom
	require.NoError(t, other.Decode(&again))
	require.Equal(t, 5, again.Limits["orders"], "what was decoded is the caller's own")

	var wrong struct {
		Tenant int `json:"tenant"`
	}
	err = r.Decode(&wrong)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "acme")
	require.Error(t, r.Decode(nil))
}

// What a handler is given, it cannot use to change what another handler reads: a Result is shared by all who send the same token, so
// it has no exported field, and what its methods return is a value.
func TestResultsCannotBeChanged(t *testing.T) {
	r := reflect.TypeFor[introspect.Result]()
	for field := range r.Fields() {
		require.False(t, field.IsExported(), field.Name)
	}
	require.Zero(t, r.NumMethod(), "all methods have a pointer receiver: a nil *Result is safe")
	n := 0
	for m := range reflect.TypeFor[*introspect.Result]().Methods() {
		n++
		for out := range m.Type.Outs() {
			requireImmutable(t, out, m.Name)
		}
		for j := 1; j < m.Type.NumIn(); j++ {
			in := m.Type.In(j)
			require.True(t, in.Kind() == reflect.String || m.Name == "Decode", "%s takes a %s", m.Name, in)
		}
	}
	require.Positive(t, n)
}

func requireImmutable(t *testing.T, typ reflect.Type, where string) {
	t.Helper()
	switch typ.Kind() {
	case reflect.String, reflect.Bool:
	case reflect.Interface:
		require.Equal(t, reflect.TypeFor[error](), typ, where)
	case reflect.Struct:
		require.Contains(t, []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[scope.Set]()}, typ, where)
	default:
		t.Fatalf("%s lends a %s", where, typ)
	}
}

func TestBoundTokensNeedEveryProof(t *testing.T) {
	const x5t, jkt, nobody = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	cert, key := introspect.Proof{Method: "x5t#S256", Thumbprint: x5t}, introspect.Proof{Method: "jkt", Thumbprint: jkt}
	list := func(p ...introspect.Proof) []introspect.Proof { return p }
	for name, row := range map[string]struct {
		cnf  string
		have []introspect.Proof
		want string
	}{
		"not bound, no proof":              {``, nil, "active"},
		"not bound, a proof":               {``, list(cert), "active"},
		"a certificate, proved":            {`{"x5t#S256":"` + x5t + `"}`, list(cert), "active"},
		"a certificate, among others":      {`{"x5t#S256":"` + x5t + `"}`, list(key, cert), "active"},
		"a certificate, not proved":        {`{"x5t#S256":"` + x5t + `"}`, nil, "proof"},
		"a certificate, another":           {`{"x5t#S256":"` + x5t + `"}`, list(introspect.Proof{Method: "x5t#S256", Thumbprint: jkt}), "proof"},
		"a certificate, by another way":    {`{"x5t#S256":"` + x5t + `"}`, list(introspect.Proof{Method: "jkt", Thumbprint: x5t}), "proof"},
		"a key, proved":                    {`{"jkt":"` + jkt + `"}`, list(key), "active"},
		"a key, not proved":                {`{"jkt":"` + jkt + `"}`, list(cert), "proof"},
		"both, both proved":                {`{"jkt":"` + jkt + `","x5t#S256":"` + x5t + `"}`, list(cert, key), "active"},
		"both, one proved":                 {`{"jkt":"` + jkt + `","x5t#S256":"` + x5t + `"}`, list(key), "proof"},
		"an unknown member":                {`{"kid":"k1"}`, list(introspect.Proof{Method: "kid", Thumbprint: "k1"}), "proof"},
		"an unknown member beside one":     {`{"jkt":"` + jkt + `","jwk":{}}`, list(key), "proof"},
		"an empty cnf":                     {`{}`, list(key), "proof"},
		"an empty thumbprint":              {`{"jkt":""}`, list(introspect.Proof{Method: "jkt"}), "proof"},
		"the SHA-256 of nothing":           {`{"x5t#S256":"` + nobody + `"}`, list(introspect.Proof{Method: "x5t#S256", Thumbprint: nobody}), "proof"},
		"a thumbprint that is no string":   {`{"jkt":1}`, list(key), "undecided"},
		"null":                             {`null`, nil, "undecided"},
		"in another case":                  {`{"JKT":"` + jkt + `"}`, list(key), "proof"},
		"token_type bearer rescues it not": {`{"jkt":"` + jkt + `"},"token_type":"Bearer"`, nil, "proof"},
	} {
		t.Run(name, func(t *testing.T) {
			body := active()
			if row.cnf != "" {
				body = active(`"cnf":` + row.cnf)
			}
			c := serving(body).client(t)
			require.Equal(t, row.want, ask(t.Context(), c, tokenA, row.have...).word)
			require.Equal(t, row.want, ask(t.Context(), c, tokenA, row.have...).word, "remembered")
			var later []introspect.Proof // what stands in Thumbprint is then not looked at
			for _, p := range row.have {
				later = append(later, introspect.Proof{Method: p.Method, Thumbprint: jkt, Find: func() (string, error) { return p.Thumbprint, nil }})
			}
			require.Equal(t, row.want, ask(t.Context(), c, tokenA, later...).word, "found later")
		})
	}
	errFind := errors.New("cannot be found")
	broken := introspect.Proof{Method: "jkt", Thumbprint: jkt, Find: func() (string, error) { return jkt, errFind }}
	_, err := serving(active(`"cnf":{"jkt":"`+jkt+`"}`)).client(t).Introspect(t.Context(), tokenA, broken)
	require.ErrorIs(t, err, errFind)
	for _, body := range []string{active(), inactive, active(`"cnf":{"x5t#S256":"` + x5t + `"}`), active(`"cnf":{"jkt":"` + jkt + `","zzz":"x"}`)} {
		_, err := serving(body).client(t).Introspect(t.Context(), tokenA, broken)
		require.NotErrorIs(t, err, errFind)
	}
	r := result(t, active(`"cnf":{"jkt":"`+jkt+`"}`), key)
	require.Equal(t, jkt, r.Confirmation("jkt"))
	require.Empty(t, r.Confirmation("x5t#S256"))
}

func TestReasonOf(t *testing.T) {
	_, refused := serving(inactive).client(t).Introspect(t.Context(), tokenA)
	require.Equal(t, introspect.Reason(""), introspect.ReasonOf(nil))
	require.Equal(t, introspect.ReasonInactive, introspect.ReasonOf(fmt.Errorf("in context: %w", refused)))
	require.ErrorIs(t, fmt.Errorf("in context: %w", refused), introspect.ErrRefused)
	require.Equal(t, introspect.ReasonUndecided, introspect.ReasonOf(context.DeadlineExceeded))
	require.EqualError(t, refused, "introspect: refused: inactive (active)")
}
