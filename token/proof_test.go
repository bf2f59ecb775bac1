package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

const (
	certificate = "wFoDGxAScwB2jsJDl5rF-ezpAzCKeAo4ZeAcSYZtxn4"
	proofKey    = "hDb6OuT20lzASibmvazbTr68Oz0lwry6WxdRG3TchrU"
	ofNothing   = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
)

func TestABoundTokenNeedsItsProof(t *testing.T) {
	cert := token.Proof{Method: "x5t#S256", Thumbprint: certificate}
	jkt := token.Proof{Method: "jkt", Thumbprint: proofKey}
	type proofs = []token.Proof
	for _, tc := range []struct {
		name, cnf string
		have      proofs
		want      token.Reason
	}{
		{"a certificate that was shown", `{"x5t#S256":"` + certificate + `"}`, proofs{cert}, ""},
		{"a key that signed a proof", `{"jkt":"` + proofKey + `"}`, proofs{jkt}, ""},
		{"one proof of several", `{"jkt":"` + proofKey + `"}`, proofs{cert, {"jkt", "other"}, jkt}, ""},
		{"bound twice, proved twice", `{"x5t#S256":"` + certificate + `","jkt":"` + proofKey + `"}`, proofs{jkt, cert}, ""},
		{"nothing was proved: no downgrade to bearer", `{"x5t#S256":"` + certificate + `"}`, nil, token.ReasonProof},
		{"no proof of the key", `{"jkt":"` + proofKey + `"}`, nil, token.ReasonProof},
		{"another certificate", `{"x5t#S256":"` + certificate + `"}`, proofs{{"x5t#S256", proofKey}}, token.ReasonProof},
		{"the right thumbprint under another method", `{"x5t#S256":"` + certificate + `"}`, proofs{{"jkt", certificate}}, token.ReasonProof},
		{"bound twice, proved once", `{"x5t#S256":"` + certificate + `","jkt":"` + proofKey + `"}`, proofs{jkt}, token.ReasonProof},
		{"a thumbprint in another case", `{"jkt":"HDB6OuT20lzASibmvazbTr68Oz0lwry6WxdRG3TchrU"}`, proofs{jkt}, token.ReasonProof},
		{"a prefix of the thumbprint", `{"jkt":"hDb6"}`, proofs{jkt}, token.ReasonProof},
		{"an empty thumbprint and an empty proof", `{"jkt":""}`, proofs{{"jkt", ""}}, token.ReasonProof},
		{"the thumbprint of nothing", `{"x5t#S256":"` + ofNothing + `"}`, proofs{{"x5t#S256", ofNothing}}, token.ReasonProof},
		{"an empty cnf, of which nobody knows what it asks", `{}`, proofs{cert, jkt}, token.ReasonProof},
		{"an unknown member", `{"kid":"k1"}`, proofs{{"kid", "k1"}}, token.ReasonProof},
		{"a whole key", `{"jwk":{"kty":"EC"}}`, proofs{jkt}, token.ReasonProof},
		{"an unknown member beside a proved one", `{"jkt":"` + proofKey + `","jwe":"x"}`, proofs{jkt}, token.ReasonProof},
		{"an unknown member with an empty name", `{"":""}`, proofs{{"", ""}}, token.ReasonProof},
		{"a method in another case is unknown", `{"JKT":"` + proofKey + `"}`, proofs{jkt, {"JKT", proofKey}}, token.ReasonProof},
		{"a cnf of null", `null`, proofs{cert, jkt}, token.ReasonMalformed},
		{"a cnf that is a string", `"` + proofKey + `"`, proofs{jkt}, token.ReasonMalformed},
		{"a cnf that is an array", `[{"jkt":"` + proofKey + `"}]`, proofs{jkt}, token.ReasonMalformed},
		{"a cnf of false", `false`, nil, token.ReasonMalformed},
		{"a thumbprint that is a number", `{"jkt":5}`, proofs{jkt}, token.ReasonMalformed},
		{"a thumbprint of null", `{"jkt":null}`, nil, token.ReasonMalformed},
		{"a thumbprint in an array", `{"jkt":["` + proofKey + `"]}`, proofs{jkt}, token.ReasonMalformed},
		{"two thumbprints", `{"jkt":"x","jkt":"` + proofKey + `"}`, proofs{jkt}, token.ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := signed(with("cnf", tc.cnf))
			c, err := verifier(t, &keys{}, plain()).Verify(t.Context(), raw, tc.have...)
			if tc.want == "" {
				require.NoError(t, err)
				require.Equal(t, strings.Contains(tc.cnf, proofKey), c.Confirmation("jkt") == proofKey)
				return
			}
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

func TestConfirmation(t *testing.T) {
	v := verifier(t, &keys{}, plain())
	bound := signed(with("cnf", `{"jkt":"`+proofKey+`"}`))
	c, err := v.Verify(t.Context(), bound, token.Proof{Method: "jkt", Thumbprint: proofKey})
	require.NoError(t, err)
	require.Equal(t, proofKey, c.Confirmation("jkt"))
	require.Empty(t, c.Confirmation("x5t#S256"))

	bearer, err := v.Verify(t.Context(), signed(), token.Proof{Method: "jkt", Thumbprint: proofKey})
	require.NoError(t, err, "a proof does not spoil a bearer token")
	require.Empty(t, bearer.Confirmation("jkt"), "nor does it bind one")

	_, err = v.Verify(t.Context(), bound)
	require.Equal(t, token.ReasonProof, token.ReasonOf(err), "every call needs its own proof")
}

func TestAPolicyCanDemandThatTokensAreBound(t *testing.T) {
	p := plain()
	p.RequiredClaims = map[string]string{"cnf": ""}
	v := verifier(t, &keys{}, p)
	raw := signed()
	c, err := v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonClaim, raw)
	_, err = v.Verify(t.Context(), signed(with("cnf", `{"jkt":"`+proofKey+`"}`)), token.Proof{Method: "jkt", Thumbprint: proofKey})
	require.NoError(t, err)
}
