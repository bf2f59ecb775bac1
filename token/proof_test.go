package token_test

import (
	"errors"
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
		{"one proof of several", `{"jkt":"` + proofKey + `"}`, proofs{cert, {Method: "jkt", Thumbprint: "other"}, jkt}, ""},
		{"bound twice, proved twice", `{"x5t#S256":"` + certificate + `","jkt":"` + proofKey + `"}`, proofs{jkt, cert}, ""},
		{"nothing was proved: no downgrade to bearer", `{"x5t#S256":"` + certificate + `"}`, nil, token.ReasonProof},
		{"no proof of the key", `{"jkt":"` + proofKey + `"}`, nil, token.ReasonProof},
		{"another certificate", `{"x5t#S256":"` + certificate + `"}`, proofs{{Method: "x5t#S256", Thumbprint: proofKey}}, token.ReasonProof},
		{"the right thumbprint under another method", `{"x5t#S256":"` + certificate + `"}`, proofs{{Method: "jkt", Thumbprint: certificate}}, token.ReasonProof},
		{"bound twice, proved once", `{"x5t#S256":"` + certificate + `","jkt":"` + proofKey + `"}`, proofs{jkt}, token.ReasonProof},
		{"a thumbprint in another case", `{"jkt":"HDB6OuT20lzASibmvazbTr68Oz0lwry6WxdRG3TchrU"}`, proofs{jkt}, token.ReasonProof},
		{"a prefix of the thumbprint", `{"jkt":"hDb6"}`, proofs{jkt}, token.ReasonProof},
		{"an empty thumbprint and an empty proof", `{"jkt":""}`, proofs{{Method: "jkt", Thumbprint: ""}}, token.ReasonProof},
		{"the thumbprint of nothing", `{"x5t#S256":"` + ofNothing + `"}`, proofs{{Method: "x5t#S256", Thumbprint: ofNothing}}, token.ReasonProof},
		{"an empty cnf, of which nobody knows what it asks", `{}`, proofs{cert, jkt}, token.ReasonProof},
		{"an unknown member", `{"kid":"k1"}`, proofs{{Method: "kid", Thumbprint: "k1"}}, token.ReasonProof},
		{"a whole key", `{"jwk":{"kty":"EC"}}`, proofs{jkt}, token.ReasonProof},
		{"an unknown member beside a proved one", `{"jkt":"` + proofKey + `","jwe":"x"}`, proofs{jkt}, token.ReasonProof},
		{"an unknown member with an empty name", `{"":""}`, proofs{{Method: "", Thumbprint: ""}}, token.ReasonProof},
		{"a method in another case is unknown", `{"JKT":"` + proofKey + `"}`, proofs{jkt, {Method: "JKT", Thumbprint: proofKey}}, token.ReasonProof},
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
			for _, have := range []proofs{tc.have, foundLater(tc.have)} {
				c, err := verifier(t, &keys{}, plain()).Verify(t.Context(), raw, have...)
				if tc.want == "" {
					require.NoError(t, err)
					require.Equal(t, strings.Contains(tc.cnf, proofKey), c.Confirmation("jkt") == proofKey)
					continue
				}
				requireRefused(t, c, err, tc.want, raw)
			}
		})
	}
}

// foundLater are the same proofs, each found when it is asked for. What stands in Thumbprint is not looked at.
func foundLater(have []token.Proof) []token.Proof {
	later := make([]token.Proof, len(have))
	for i, p := range have {
		later[i] = token.Proof{Method: p.Method, Thumbprint: proofKey, Find: func() (string, error) { return p.Thumbprint, nil }}
	}
	return later
}

func TestAProofIsFoundForATokenThatIsGoodInAllElse(t *testing.T) {
	errFind := errors.New("cannot be found")
	bound := with("cnf", `{"jkt":"`+proofKey+`"}`)
	cache, err := token.NewCache(100, 1<<20)
	require.NoError(t, err)
	for name, options := range map[string]*token.Options{"": nil, "with a Cache": {Cache: cache}} {
		v, err := token.NewVerifier(&keys{}, plain(), options)
		require.NoError(t, err)
		good, free := signed(bound), signed()
		for _, tc := range []struct {
			name, raw string
			err       error // of Find
			asked     int
			want      error
		}{
			{"bound", good, nil, 1, nil},
			{"bound, again", good, nil, 1, nil},
			{"bound, a third time", good, nil, 1, nil},
			{"it cannot be found", good, errFind, 1, errFind},
			{"bound by another method", signed(with("cnf", `{"x5t#S256":"`+certificate+`"}`)), errFind, 0, token.ErrRefused},
			{"bound to something unknown too", signed(with("cnf", `{"jkt":"`+proofKey+`","zzz":"x"}`)), errFind, 0, token.ErrRefused},
			{"bound by another method too", signed(with("cnf", `{"jkt":"`+proofKey+`","x5t#S256":"`+certificate+`"}`)), errFind, 0, token.ErrRefused},
			{"bound to nothing", free, errFind, 0, nil},
			{"bound to nothing, again", free, errFind, 0, nil},
			{"expired", signed(bound, with("exp", "1")), errFind, 0, token.ErrRefused},
			{"of another audience", signed(bound, with("aud", `"https://other.test"`)), errFind, 0, token.ErrRefused},
			{"its signature is wrong", good[:len(good)-6] + "AAAAAA", errFind, 0, token.ErrRefused},
			{"it is none", "x", errFind, 0, token.ErrRefused},
		} {
			asked := 0
			_, err := v.Verify(t.Context(), tc.raw, token.Proof{Method: "jkt", Find: func() (string, error) {
				asked++
				return proofKey, tc.err
			}})
			require.ErrorIs(t, err, tc.want, "%s %s", tc.name, name)
			require.Equal(t, tc.asked, asked, "%s %s", tc.name, name)
		}
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
