package conformance_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/jwks"
)

// example is a token of an RFC. The line breaks of the printed page are not in it.
type example struct {
	name, key, token string
	payload          string
	refused          jws.Kind // 0: accepted
}

func runExamples(t *testing.T, examples []example) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			err := verify(t, asSet([]byte(e.key)), e.token)
			if e.refused != 0 {
				var refusal *jws.Error
				require.ErrorAs(t, err, &refusal)
				require.Equal(t, e.refused.String(), refusal.Kind.String())
				return
			}
			require.NoError(t, err)
			m, err := jws.Parse(e.token, maxBytes)
			require.NoError(t, err)
			require.Equal(t, e.payload, m.Payload())
			segments := strings.Split(e.token, ".")
			require.Error(t, verify(t, asSet([]byte(e.key)), segments[0]+"."+b64([]byte(e.payload+" "))+"."+segments[2]))
		})
	}
}

// From RFC 7515, appendix A: keys, tokens and what they say.
const (
	joePayload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
	joe        = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

	a1Key = `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	a1    = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

	a2Key = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR` +
		`T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg` +
		`665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`
	a2Signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYN" +
		"X4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6Bf" +
		"I7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	a2 = "eyJhbGciOiJSUzI1NiJ9." + joe + "." + a2Signature

	a3Key       = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	a3Signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	a3          = "eyJhbGciOiJFUzI1NiJ9." + joe + "." + a3Signature

	a4Key = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",` +
		`"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
	a4 = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt" +
		"AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

	a5 = "eyJhbGciOiJub25lIn0." + joe + "."
	a6 = `{"payload":"` + joe + `","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{"kid":"2010-12-29"},"signature":"` + a2Signature + `"},` +
		`{"protected":"eyJhbGciOiJFUzI1NiJ9","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":"` + a3Signature + `"}]}`
	a7 = `{"payload":"` + joe + `","protected":"eyJhbGciOiJFUzI1NiJ9","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":"` + a3Signature + `"}`
)

func TestRFC7515(t *testing.T) {
	runExamples(t, []example{
		{"A.1 HS256 is symmetric", a1Key, a1, "", jws.KindAlgorithm},
		{"A.2 RS256", a2Key, a2, joePayload, 0},
		{"A.3 ES256", a3Key, a3, joePayload, 0},
		{"A.4 ES512", a4Key, a4, "Payload", 0},
		{"A.5 is not secured; its empty third part is no signature", a2Key, a5, "", jws.KindMalformed},
		{"A.5 with a signature is still not secured", a2Key, a5 + a2Signature, "", jws.KindAlgorithm},
		{"A.6 general JSON serialisation", a2Key, a6, "", jws.KindMalformed},
		{"A.7 flattened JSON serialisation", a3Key, a7, "", jws.KindMalformed},
	})
}

// Appendix E: a header that says it must be understood, and an unsecured payload.
func TestRFC7515HeaderThatMustBeRejected(t *testing.T) {
	const negative = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA."
	require.Error(t, verify(t, asSet([]byte(a2Key)), negative))
	require.Error(t, verify(t, asSet([]byte(a2Key)), negative+a2Signature))
}

// From RFC 7520, sections 3 and 4.
const (
	frodoPayload = "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, " +
		"there\u2019s no knowing where you might be swept off to."
	frodo = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBk" +
		"b24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

	bilboRSA = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVT` +
		`eT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYp` +
		`Pe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7` +
		`h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}`
	bilboEC = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",` +
		`"x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",` +
		`"y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
	bilboOct = `{"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}`

	headerRS256 = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	headerPS384 = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	headerES512 = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	headerHS256 = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"

	signatureRS256 = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4J" +
		"IwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjl" +
		"uPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
	signaturePS384 = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXU" +
		"vdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDz" +
		"T0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
	signatureES512 = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kv" +
		"AD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
	signatureHS256 = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"

	severalRS256 = "MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_THJTC" +
		"glNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPU" +
		"qBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w"
	severalES512 = "ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNCrqcI3Jkl2U5IX3utNhODH6v7" +
		"xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD"
	several = `{"payload":"` + frodo + `","signatures":[` +
		`{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{"kid":"bilbo.baggins@hobbiton.example"},"signature":"` + severalRS256 + `"},` +
		`{"header":{"alg":"ES512","kid":"bilbo.baggins@hobbiton.example"},"signature":"` + severalES512 + `"},` +
		`{"protected":"` + headerHS256 + `","signature":"` + signatureHS256 + `"}]}`
)

// general and flattened are the other two serialisations, which section 4 prints for each example.
func general(header, signature string) string {
	return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, frodo, header, signature)
}

func flattened(header, signature string) string {
	return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, frodo, header, signature)
}

func TestRFC7520(t *testing.T) {
	runExamples(t, []example{
		{"4.1 RS256", bilboRSA, headerRS256 + "." + frodo + "." + signatureRS256, frodoPayload, 0},
		{"4.1 general", bilboRSA, general(headerRS256, signatureRS256), "", jws.KindMalformed},
		{"4.1 flattened", bilboRSA, flattened(headerRS256, signatureRS256), "", jws.KindMalformed},
		{"4.2 PS384", bilboRSA, headerPS384 + "." + frodo + "." + signaturePS384, frodoPayload, 0},
		{"4.2 general", bilboRSA, general(headerPS384, signaturePS384), "", jws.KindMalformed},
		{"4.2 flattened", bilboRSA, flattened(headerPS384, signaturePS384), "", jws.KindMalformed},
		{"4.3 ES512", bilboEC, headerES512 + "." + frodo + "." + signatureES512, frodoPayload, 0},
		{"4.3 general", bilboEC, general(headerES512, signatureES512), "", jws.KindMalformed},
		{"4.3 flattened", bilboEC, flattened(headerES512, signatureES512), "", jws.KindMalformed},
		{"4.4 HS256", bilboOct, headerHS256 + "." + frodo + "." + signatureHS256, "", jws.KindAlgorithm},
		{"4.4 general", bilboOct, general(headerHS256, signatureHS256), "", jws.KindMalformed},
		{"4.4 flattened", bilboOct, flattened(headerHS256, signatureHS256), "", jws.KindMalformed},
		{"4.5 HS256 with detached content", bilboOct, headerHS256 + ".." + signatureHS256, "", jws.KindAlgorithm},
		{"4.5's way with RS256: the content is not guessed", bilboRSA, headerRS256 + ".." + signatureRS256, "", jws.KindSignature},
		{"4.8 several signatures", bilboRSA, several, "", jws.KindMalformed},
		{"4.8's first signature alone is a token without kid", bilboRSA, "eyJhbGciOiJSUzI1NiJ9." + frodo + "." + severalRS256, frodoPayload, 0},
		{"4.8's second signature has no protected header", bilboEC, "." + frodo + "." + severalES512, "", jws.KindMalformed},
	})
}

// From RFC 8037, appendix A.
const (
	edKey      = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	edPrivate  = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	edToken    = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	x25519Key  = `{"kty":"OKP","crv":"X25519","kid":"Bob","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`
	edKeyBytes = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func TestRFC8037(t *testing.T) {
	runExamples(t, []example{
		{"A.4 and A.5 Ed25519", edKey, edToken, "Example of Ed25519 signing", 0},
		{"beside A.6's key for agreement, which does not sign", edKey + "," + x25519Key, edToken, "Example of Ed25519 signing", 0},
	})
	for _, alg := range []string{"EdDSA", "Ed25519"} { // RFC 9864 names the same thing
		set, err := jwks.Parse(asSet([]byte(edKey)))
		require.NoError(t, err)
		keys, err := set.PublicKeys(t.Context(), "", alg)
		require.NoError(t, err)
		require.Len(t, keys, 1)
		require.Equal(t, ed25519.PublicKey(unhex(t, edKeyBytes)), keys[0], "A.2")
	}
	for name, key := range map[string]string{"A.1 a private key is not published": edPrivate, "A.6 X25519 does not sign": x25519Key} {
		require.Error(t, verify(t, asSet([]byte(key)), edToken), name)
	}
}
