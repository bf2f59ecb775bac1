package jws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

type claims struct {
	Expiry json.RawMessage `json:"exp"`
	Scope  string          `json:"scope"`
	Tenant *struct {
		Name string `json:"name"`
	} `json:"tenant"`
	Roles []string `json:"roles"`
	Level int      `json:"level"`
	Since time.Time
}

func TestDecode(t *testing.T) {
	var c claims
	require.NoError(t, jws.Decode([]byte(`{"exp":1,"scope":"read","tenant":{"name":"acme"},"roles":["a","b"],"level":3}`), &c))
	require.Equal(t, "1", string(c.Expiry))
	require.Equal(t, "read", c.Scope)
	require.Equal(t, "acme", c.Tenant.Name)
	require.Equal(t, []string{"a", "b"}, c.Roles)
	require.Equal(t, 3, c.Level)
}

func TestDecodeMatchesNamesExactly(t *testing.T) {
	for _, data := range []string{
		`{"exp":1,"EXP":9999999999,"scope":"read","SCOPE":"admin"}`,
		`{"exp":1,"Exp":9999999999,"scope":"read","\u017fcope":"admin"}`,
		`{"EXP":9999999999,"exp":1,"Scope":"admin","scope":"read"}`,
	} {
		var c claims
		require.NoError(t, jws.Decode([]byte(data), &c))
		require.Equal(t, "1", string(c.Expiry))
		require.Equal(t, "read", c.Scope)
	}
	var c claims
	require.NoError(t, jws.Decode([]byte(`{"SCOPE":"admin","Tenant":{"Name":"x"}}`), &c))
	require.Equal(t, claims{}, c)
}

func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing": ``, "an array": `[]`, "null": `null`, "text after": `{}{}`,
		"a member twice":              `{"scope":"read","scope":"admin"}`,
		"a member twice, one escaped": `{"scope":"read","sc\u006fpe":"admin"}`,
		"a member twice below":        `{"tenant":{"name":"a","name":"b"}}`,
		"invalid UTF-8":               "{\"scope\":\"\xff\"}",
		"half a surrogate pair":       `{"scope":"\ud800"}`,
		"33 levels":                   `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := claims{Scope: "before"}
			requireKind(t, jws.KindMalformed, jws.Decode([]byte(data), &c))
			require.Equal(t, claims{Scope: "before"}, c, "nothing is written before all is checked")
		})
	}
}

func TestDecodeSaysWhatDoesNotFitAndQuotesNothing(t *testing.T) {
	for data, want := range map[string]string{
		`{"scope":31337}`:            "number for a string",
		`{"roles":"31337"}`:          "string for a []string",
		`{"level":31337e30}`:         "number for a int",
		`{"level":3133731337313373}`: "",
		`{"tenant":["31337"]}`:       "array for a struct",
		`{"Since":"31337"}`:          "does not fit its Go type",
	} {
		var c claims
		err := jws.Decode([]byte(data), &c)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "31337")
	}
	require.ErrorContains(t, jws.Decode([]byte(`{"scope":"31337"}`), nil), "nil")
	require.ErrorContains(t, jws.Decode([]byte(`{"scope":"31337"}`), claims{}), "non-pointer")
}
