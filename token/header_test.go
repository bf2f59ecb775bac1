package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// Every row is signed over the very header, by a key that the source would return: none may be asked for.
func TestHeadersThatRefuse(t *testing.T) {
	m := newMinter(t)
	for _, tc := range []struct {
		name, header string
		want         token.Reason
	}{
		{"no alg", `{"kid":"k1"}`, token.ReasonAlgorithm},
		{"alg none", `{"alg":"none"}`, token.ReasonAlgorithm},
		{"alg None", `{"alg":"None"}`, token.ReasonAlgorithm},
		{"alg NONE", `{"alg":"NONE"}`, token.ReasonAlgorithm},
		{"alg nOnE", `{"alg":"nOnE"}`, token.ReasonAlgorithm},
		{"alg null", `{"alg":null}`, token.ReasonAlgorithm},
		{"alg true", `{"alg":true}`, token.ReasonAlgorithm},
		{"alg 0", `{"alg":0}`, token.ReasonAlgorithm},
		{"alg in an array", `{"alg":["EdDSA"]}`, token.ReasonAlgorithm},
		{"alg empty", `{"alg":""}`, token.ReasonAlgorithm},
		{"alg with a blank after it", `{"alg":"EdDSA "}`, token.ReasonAlgorithm},
		{"alg with a blank before it", `{"alg":" EdDSA"}`, token.ReasonAlgorithm},
		{"alg with a NUL after it", `{"alg":"EdDSA\u0000"}`, token.ReasonAlgorithm},
		{"alg in another case", `{"alg":"eddsa"}`, token.ReasonAlgorithm},
		{"Alg is no alg", `{"Alg":"EdDSA"}`, token.ReasonAlgorithm},
		{"HS256", `{"alg":"HS256","kid":"k1"}`, token.ReasonAlgorithm},
		{"HS512", `{"alg":"HS512","kid":"k1"}`, token.ReasonAlgorithm},
		{"a key management algorithm", `{"alg":"RSA-OAEP"}`, token.ReasonAlgorithm},
		{"an algorithm that is not supported", `{"alg":"ES256K"}`, token.ReasonAlgorithm},
		{"another curve of EdDSA", `{"alg":"Ed448"}`, token.ReasonAlgorithm},
		{"an algorithm outside the policy", `{"alg":"RS256"}`, token.ReasonAlgorithm},
		{"two alg", `{"alg":"EdDSA","alg":"EdDSA"}`, token.ReasonMalformed},
		{"two alg, one in an escaped spelling", `{"alg":"EdDSA","\u0061lg":"none"}`, token.ReasonMalformed},

		{"an empty crit", `{"alg":"EdDSA","crit":[]}`, token.ReasonHeader},
		{"a crit of null", `{"alg":"EdDSA","crit":null}`, token.ReasonHeader},
		{"a crit with a name we know", `{"alg":"EdDSA","crit":["exp"],"exp":9999999999}`, token.ReasonHeader},
		{"a crit with b64", `{"alg":"EdDSA","crit":["b64"],"b64":false}`, token.ReasonHeader},
		{"a crit with a duplicate", `{"alg":"EdDSA","crit":["x","x"],"x":1}`, token.ReasonHeader},
		{"two crit", `{"alg":"EdDSA","crit":["x"],"crit":[]}`, token.ReasonMalformed},
		{"b64 false without crit", `{"alg":"EdDSA","b64":false}`, token.ReasonHeader},
		{"b64 true", `{"alg":"EdDSA","b64":true}`, token.ReasonHeader},
		{"zip", `{"alg":"EdDSA","zip":"DEF"}`, token.ReasonHeader},
		{"enc", `{"alg":"EdDSA","enc":"A256GCM"}`, token.ReasonHeader},
		{"p2c", `{"alg":"EdDSA","p2c":2147483647}`, token.ReasonHeader},
		{"a key in jwk", `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`, token.ReasonHeader},
		{"a jwk of null", `{"alg":"EdDSA","jwk":null}`, token.ReasonHeader},
		{"a certificate in x5c", `{"alg":"EdDSA","x5c":["MIIB"]}`, token.ReasonHeader},
		{"an empty x5c", `{"alg":"EdDSA","x5c":[]}`, token.ReasonHeader},
		{"a jku", `{"alg":"EdDSA","jku":"https://evil.test/jwks"}`, token.ReasonHeader},
		{"a jku of null", `{"alg":"EdDSA","jku":null}`, token.ReasonMalformed},
		{"a jku in an array", `{"alg":"EdDSA","jku":["https://issuer.test/jwks"]}`, token.ReasonMalformed},
		{"an x5u", `{"alg":"EdDSA","x5u":"https://evil.test/cert"}`, token.ReasonHeader},

		{"a kid that is a number", `{"alg":"EdDSA","kid":1}`, token.ReasonMalformed},
		{"a kid of null", `{"alg":"EdDSA","kid":null}`, token.ReasonMalformed},
		{"a kid of 257 bytes", `{"alg":"EdDSA","kid":"` + strings.Repeat("k", 257) + `"}`, token.ReasonMalformed},
		{"a typ that is a number", `{"alg":"EdDSA","typ":1}`, token.ReasonMalformed},
		{"a typ of null", `{"alg":"EdDSA","typ":null}`, token.ReasonMalformed},
		{"a typ in an array", `{"alg":"EdDSA","typ":["at+jwt"]}`, token.ReasonMalformed},

		{"a header that is an array", `["alg","EdDSA"]`, token.ReasonMalformed},
		{"a header of null", `null`, token.ReasonMalformed},
		{"a header with something after it", `{"alg":"EdDSA"}{}`, token.ReasonMalformed},
		{"a header with invalid UTF-8", "{\"alg\":\"EdDSA\",\"x\":\"\xff\"}", token.ReasonMalformed},
		{"a header with a duplicate deep inside", `{"alg":"EdDSA","x":{"a":1,"a":1}}`, token.ReasonMalformed},
		{"a header 33 deep", `{"alg":"EdDSA","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, token.ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plain()
			p.Algorithms = []string{"EdDSA"}
			source := m.source()
			raw := m.sign(tc.header, payload())
			c, err := verifier(t, source, p).Verify(t.Context(), raw)
			requireRefused(t, c, err, tc.want, raw)
			require.Zero(t, source.asked)
		})
	}
}

func TestHeadersThatPass(t *testing.T) {
	m := newMinter(t)
	p := plain()
	p.KeySetURLs = []string{"https://issuer.test/jwks"}
	for _, tc := range []struct{ name, header string }{
		{"alg alone", `{"alg":"EdDSA"}`},
		{"the newer name of the algorithm", `{"alg":"Ed25519"}`},
		{"a jku of the policy, as SAP XSUAA sends", `{"alg":"EdDSA","jku":"https://issuer.test/jwks"}`},
		{"x5t, as Entra ID and GitHub send", `{"alg":"EdDSA","x5t":"eBZ_cn3sXYAd0ch4THBKHIgOwOE"}`},
		{"a kid of 256 bytes", `{"alg":"EdDSA","kid":"` + strings.Repeat("k", 256) + `"}`},
		{"members that nobody knows", `{"alg":"EdDSA","x":{"y":[1,null]}}`},
		{"an escaped spelling of the same header", `{"\u0061lg":"\u0045dDSA"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := verifier(t, m.source(), p).Verify(t.Context(), m.sign(tc.header, payload()))
			require.NoError(t, err)
		})
	}
}

func TestTheKeySetURLIsComparedByteByByte(t *testing.T) {
	m := newMinter(t)
	p := plain()
	p.KeySetURLs = []string{"https://issuer.test/jwks"}
	for _, jku := range []string{"https://issuer.test/jwks/", "https://issuer.test/JWKS", "https://issuer.test/jwks#", "https://issuer.test:443/jwks"} {
		raw := m.sign(`{"alg":"EdDSA","jku":"`+jku+`"}`, payload())
		c, err := verifier(t, m.source(), p).Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonHeader, raw)
	}
}

func TestType(t *testing.T) {
	m := newMinter(t)
	const absent = ""
	for _, tc := range []struct {
		policy, typ string
		pass        bool
	}{
		{"at+jwt", `"at+jwt"`, true},
		{"at+jwt", `"AT+JWT"`, true},
		{"at+jwt", `"application/at+jwt"`, true},
		{"at+jwt", `"Application/AT+jwt"`, true},
		{"application/at+jwt", `"at+jwt"`, true},
		{"at+jwt", absent, false},
		{"at+jwt", `""`, false},
		{"at+jwt", `"JWT"`, false},
		{"at+jwt", `"at"`, false},
		{"at+jwt", `"at+jwt "`, false},
		{"at+jwt", `"at+jwt; charset=utf-8"`, false},
		{"at+jwt", `"text/at+jwt"`, false},
		{"at+jwt", `"application/application/at+jwt"`, false},
		{"at+jwt", `"dpop+jwt"`, false},
		{"JWT", `"jwt"`, true},
		{"JWT", absent, false},

		{"", absent, true},
		{"", `"JWT"`, true},
		{"", `"jwt"`, true},
		{"", `"JOSE"`, true},
		{"", `"at+jwt"`, true},
		{"", `"application/at+jwt"`, true},
		{"", `"dpop+jwt"`, false},
		{"", `"DPoP+JWT"`, false},
		{"", `"application/dpop+jwt"`, false},
		{"", `"logout+jwt"`, false},
		{"", `"secevent+jwt"`, false},
		{"", `"token-introspection+jwt"`, false},
		{"", `"statuslist+jwt"`, false},
		{"", `"oauth-authz-req+jwt"`, false},
		{"", `"client-authentication+jwt"`, false},
		{"", `"application/okta-internal-at+jwt"`, false},
		{"", `"dpop+jwt "`, false},
		{"", `"dpop+jwt; v=1"`, false},

		{"secevent+jwt", `"secevent+jwt"`, true},
		{"secevent+jwt", `"SecEvent+JWT"`, true},
		{"secevent+jwt", `"` + "\u017f" + `ecevent+jwt"`, false}, // a long s folds to s in Unicode
		{"secevent+jwt", `"JWT"`, false},
	} {
		t.Run(tc.policy+" takes "+tc.typ, func(t *testing.T) {
			header := `{"alg":"EdDSA"}`
			if tc.typ != absent {
				header = `{"alg":"EdDSA","typ":` + tc.typ + `}`
			}
			p := plain()
			p.Type = tc.policy
			source := m.source()
			raw := m.sign(header, payload())
			c, err := verifier(t, source, p).Verify(t.Context(), raw)
			if tc.pass {
				require.NoError(t, err)
				return
			}
			requireRefused(t, c, err, token.ReasonType, raw)
			require.Zero(t, source.asked)
		})
	}
}

func TestAPolicyForAnotherKindTakesThatKind(t *testing.T) {
	m := newMinter(t)
	p := plain()
	p.Type = "secevent+jwt"
	raw := m.sign(`{"alg":"EdDSA","typ":"secevent+jwt"}`, payload(with("events", `{"urn:x":{}}`)))
	_, err := verifier(t, m.source(), p).Verify(t.Context(), raw)
	require.NoError(t, err)

	p.Type = "at+jwt"
	raw = m.sign(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(with("at_hash", `"x"`)))
	c, err := verifier(t, m.source(), p).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonType, raw)
}
