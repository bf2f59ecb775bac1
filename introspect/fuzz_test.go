package introspect_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

// Whatever is active by us is active by encoding/json too, with the same sub, and is no document that two readers could read in two
// ways.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		active(), inactive, active(`"cnf":{"jkt":"x"}`, `"scope":["a"]`, `"exp":1e9`, `"sub":"\u0061"`), `{"active":true,"active":false}`,
		`{"Active":true}`, `{"active":"true"}`, `{"active":false,"exp":1795450306}`, `{"active":true,"aud":[1]}`, "{\"\\u0061ctive\":true}", ``,
		`{"active":false,"x":1e999}`, active(`"x":1e999`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		verdict, r := introspect.ReadAnswer(bytes.Clone(data))
		require.Equal(t, verdict == "active", r != nil)
		if verdict == "" {
			return
		}
		var oracle map[string]any // in exact case
		reader := json.NewDecoder(bytes.NewReader(data))
		reader.UseNumber() // a number that no float64 can hold is one all the same
		require.NoError(t, reader.Decode(&oracle))
		require.Equal(t, verdict == "active", oracle["active"])
		if r == nil {
			return
		}
		sub, _ := oracle["sub"].(string)
		require.Equal(t, sub, r.Subject())
		_, bound := oracle["cnf"]
		if cnf, ok := oracle["cnf"].(map[string]any); bound {
			require.True(t, ok)
			jkt, _ := cnf["jkt"].(string)
			require.Equal(t, jkt, r.Confirmation("jkt"))
		}
		var decoded map[string]json.RawMessage
		require.NoError(t, r.Decode(&decoded))
	})
}

// Nothing opens but what was sealed, under its own name and secret.
func FuzzStoreValue(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 32)
	const name = "perimeter:introspect:v:x"
	good := introspect.Seal(key, name, []byte(active()))
	f.Add(good, name, []byte(active()))
	f.Add(good[:len(good)-1], name, []byte{})
	f.Add([]byte{}, "", []byte{})
	f.Fuzz(func(t *testing.T, value []byte, other string, payload []byte) {
		if opened, ok := introspect.Open(key, name, value); ok { // the seed, sealed by whichever process
			require.Equal(t, active(), string(opened))
		}
		sealed := introspect.Seal(key, other, payload)
		opened, ok := introspect.Open(key, other, sealed)
		require.True(t, ok)
		require.True(t, bytes.Equal(payload, opened))
		_, ok = introspect.Open(key, other+"x", sealed)
		require.False(t, ok)
		_, ok = introspect.Open(bytes.Repeat([]byte{8}, 32), other, sealed)
		require.False(t, ok)
	})
}

// A signed answer says what it is in its header, as encoding/json reads it.
func FuzzSignedType(f *testing.F) {
	for _, header := range []string{signedHeader, `{"typ":"at+jwt"}`, `{"TYP":"token-introspection+jwt"}`, `{"typ":"application/token-introspection+jwt"}`} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if !introspect.IsSignedType(b64(header) + ".e30.x") {
			return
		}
		var oracle map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(header), &oracle))
		var typ string
		require.NoError(t, json.Unmarshal(oracle["typ"], &typ))
		require.Equal(t, "token-introspection+jwt", strings.TrimPrefix(strings.ToLower(typ), "application/"))
	})
}

// Of what a signer returns, only two positive numbers that fit are taken, and they come out as they went in.
func FuzzRawSignature(f *testing.F) {
	good, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), big.NewInt(2)})
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[1:])
	f.Fuzz(func(t *testing.T, der []byte) {
		raw, err := introspect.RawSignature(der, 32)
		if err != nil {
			return
		}
		require.Len(t, raw, 64)
		again, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
		require.NoError(t, err)
		back, err := introspect.RawSignature(again, 32)
		require.NoError(t, err)
		require.Equal(t, raw, back)
	})
}
