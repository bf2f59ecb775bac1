package token_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// A token whose claims are wrong is refused although its signature is good, and for the reason that is named here.
func TestClaimsThatRefuse(t *testing.T) {
	for _, tc := range []struct {
		name  string
		edits []claim
		want  token.Reason
	}{
		// exp: a finite JSON number from 0 to the end of the year 9999
		{"no exp at all", []claim{without("exp")}, token.ReasonClaim},
		{"an exp of null is no exp", []claim{with("exp", `null`)}, token.ReasonMalformed},
		{"an exp that is a string is no exp", []claim{with("exp", `"9999999999"`)}, token.ReasonMalformed},
		{"an exp that is a boolean", []claim{with("exp", `true`)}, token.ReasonMalformed},
		{"an exp in an array", []claim{with("exp", `[9999999999]`)}, token.ReasonMalformed},
		{"an exp in an object", []claim{with("exp", `{"$numberLong":"9999999999"}`)}, token.ReasonMalformed},
		{"an exp of 1e19, which wraps an int64", []claim{with("exp", `1e19`)}, token.ReasonMalformed},
		{"a number anywhere that no float64 can hold, which go-jose does not take", []claim{with("d", `[{"e":1e400}]`)}, token.ReasonMalformed},
		{"an exp of 1e400, which is infinite as a float64", []claim{with("exp", `1e400`)}, token.ReasonMalformed},
		{"an exp of NaN", []claim{with("exp", `NaN`)}, token.ReasonMalformed},
		{"an exp of Infinity", []claim{with("exp", `Infinity`)}, token.ReasonMalformed},
		{"an exp with a plus sign", []claim{with("exp", `+9999999999`)}, token.ReasonMalformed},
		{"an exp with a leading zero", []claim{with("exp", `09999999999`)}, token.ReasonMalformed},
		{"an exp in hexadecimal", []claim{with("exp", `0xFFFFFFFFF`)}, token.ReasonMalformed},
		{"a negative exp", []claim{with("exp", `-1`)}, token.ReasonMalformed},
		{"an exp in milliseconds is past the year 9999", []claim{with("exp", `9999999999000`)}, token.ReasonMalformed},
		{"an exp a second past the year 9999", []claim{with("exp", `253402300800`)}, token.ReasonMalformed},
		{"an exp a fraction past the bound", []claim{with("exp", `253402300799.5`)}, token.ReasonMalformed},
		{"an exp of 0", []claim{with("exp", `0`)}, token.ReasonExpired},
		{"an exp of 1", []claim{with("exp", `1`)}, token.ReasonExpired},
		{"an exp of -0, the number zero", []claim{with("exp", `-0`)}, token.ReasonExpired},
		{"a later EXP does not rescue an expired exp", []claim{with("exp", `1`), with("EXP", `9999999999`)}, token.ReasonExpired},
		{"an Exp is no exp", []claim{without("exp"), with("Exp", `9999999999`)}, token.ReasonClaim},
		{"a second exp refuses", []claim{with("exp", `1`), with("+exp", `9999999999`)}, token.ReasonMalformed},
		{"a second exp in an escaped spelling refuses", []claim{with("exp", `1`), with(`\u0065xp`, `9999999999`)}, token.ReasonMalformed},

		// nbf and iat likewise, when present
		{"an nbf of null", []claim{with("nbf", `null`)}, token.ReasonMalformed},
		{"an nbf that is a string", []claim{with("nbf", `"0"`)}, token.ReasonMalformed},
		{"an nbf of 1e19, which wraps to the past", []claim{with("nbf", `1e19`)}, token.ReasonMalformed},
		{"an nbf of 9223372036854775808", []claim{with("nbf", `9223372036854775808`)}, token.ReasonMalformed},
		{"an nbf ahead", []claim{with("nbf", `9999999998`)}, token.ReasonNotYetValid},
		{"an iat of null", []claim{with("iat", `null`)}, token.ReasonMalformed},
		{"an iat that is a string", []claim{with("iat", `"1700000000"`)}, token.ReasonMalformed},
		{"a negative iat", []claim{with("iat", `-1`)}, token.ReasonMalformed},
		{"an iat ahead", []claim{with("iat", `9999999998`)}, token.ReasonNotYetValid},

		// iss: byte by byte
		{"no iss", []claim{without("iss")}, token.ReasonIssuer},
		{"an empty iss", []claim{with("iss", `""`)}, token.ReasonIssuer},
		{"an iss of null", []claim{with("iss", `null`)}, token.ReasonMalformed},
		{"an iss in an array", []claim{with("iss", `["https://issuer.test"]`)}, token.ReasonMalformed},
		{"an iss with a trailing slash", []claim{with("iss", `"https://issuer.test/"`)}, token.ReasonIssuer},
		{"an iss in another case", []claim{with("iss", `"https://Issuer.test"`)}, token.ReasonIssuer},
		{"an iss that continues", []claim{with("iss", `"https://issuer.test.evil.test"`)}, token.ReasonIssuer},
		{"an iss with a default port", []claim{with("iss", `"https://issuer.test:443"`)}, token.ReasonIssuer},
		{"an iss with a blank after it", []claim{with("iss", `"https://issuer.test "`)}, token.ReasonIssuer},
		{"an iss with a NUL after it", []claim{with("iss", `"https://issuer.test\u0000"`)}, token.ReasonIssuer},
		{"an ISS is no iss", []claim{without("iss"), with("ISS", `"https://issuer.test"`)}, token.ReasonIssuer},
		{"two iss", []claim{with("+iss", `"https://issuer.test"`)}, token.ReasonMalformed},

		// aud: a string or an array of strings, byte by byte
		{"no aud", []claim{without("aud")}, token.ReasonAudience},
		{"an aud of null", []claim{with("aud", `null`)}, token.ReasonMalformed},
		{"an empty aud", []claim{with("aud", `""`)}, token.ReasonAudience},
		{"an empty array as aud", []claim{with("aud", `[]`)}, token.ReasonAudience},
		{"another aud", []claim{with("aud", `"https://other.test"`)}, token.ReasonAudience},
		{"an aud that continues", []claim{with("aud", `"https://api.test/v2"`)}, token.ReasonAudience},
		{"an aud that stops short", []claim{with("aud", `"https://api.tes"`)}, token.ReasonAudience},
		{"an aud in another case", []claim{with("aud", `"https://API.test"`)}, token.ReasonAudience},
		{"an aud with a trailing slash", []claim{with("aud", `"https://api.test/"`)}, token.ReasonAudience},
		{"an aud that lists two with a blank", []claim{with("aud", `"https://api.test https://other.test"`)}, token.ReasonAudience},
		{"an aud that lists two with a comma", []claim{with("aud", `"https://api.test,https://other.test"`)}, token.ReasonAudience},
		{"an aud of *", []claim{with("aud", `"*"`)}, token.ReasonAudience},
		{"an aud with a number beside ours", []claim{with("aud", `["https://api.test",1]`)}, token.ReasonMalformed},
		{"an aud with a null beside ours", []claim{with("aud", `["https://api.test",null]`)}, token.ReasonMalformed},
		{"an aud with an array beside ours", []claim{with("aud", `["https://api.test",["x"]]`)}, token.ReasonMalformed},
		{"an aud nested in an array", []claim{with("aud", `[["https://api.test"]]`)}, token.ReasonMalformed},
		{"an aud that is an object", []claim{with("aud", `{"https://api.test":true}`)}, token.ReasonMalformed},
		{"an aud of true", []claim{with("aud", `true`)}, token.ReasonMalformed},

		// what no access token has
		{"events, as in a security event or a logout token", []claim{with("events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`)}, token.ReasonType},
		{"at_hash, as in an ID token", []claim{with("at_hash", `"MTIzNDU2Nzg5MDEyMzQ1Ng"`)}, token.ReasonType},
		{"c_hash, as in an ID token", []claim{with("c_hash", `"MTIzNDU2Nzg5MDEyMzQ1Ng"`)}, token.ReasonType},
		{"an at_hash of null is there as well", []claim{with("at_hash", `null`)}, token.ReasonType},

		// the wrong type
		{"a sub that is a number", []claim{with("sub", `5`)}, token.ReasonMalformed},
		{"a sub of null", []claim{with("sub", `null`)}, token.ReasonMalformed},
		{"a sub that is an object", []claim{with("sub", `{"s3cr3t":"s3cr3t"}`)}, token.ReasonMalformed},
		{"a client_id that is an array", []claim{with("client_id", `["shop"]`)}, token.ReasonMalformed},
		{"an azp that is a number", []claim{with("azp", `5`)}, token.ReasonMalformed},
		{"a jti that is a number", []claim{with("jti", `5`)}, token.ReasonMalformed},
		{"a scope that is a number", []claim{with("scope", `5`)}, token.ReasonMalformed},
		{"a scope of null", []claim{with("scope", `null`)}, token.ReasonMalformed},
		{"a scope that is an object", []claim{with("scope", `{"admin":true}`)}, token.ReasonMalformed},
		{"an scp with a number among its scopes", []claim{with("scp", `["admin",5]`)}, token.ReasonMalformed},

		// one reading only
		{"a duplicate in a claim that nobody reads", []claim{with("tenant", `{"id":1,"id":2}`)}, token.ReasonMalformed},
		{"a duplicate claim that nobody reads", []claim{with("tenant", `1`), with("+tenant", `2`)}, token.ReasonMalformed},
		{"a duplicate in an array of objects", []claim{with("x", `[[{"a":1,"\u0061":2}]]`)}, token.ReasonMalformed},
		{"invalid UTF-8 in a claim that nobody reads", []claim{with("name", "\"\xff\xfe\"")}, token.ReasonMalformed},
		{"an overlong slash", []claim{with("name", "\"\xc0\xaf\"")}, token.ReasonMalformed},
		{"a surrogate in UTF-8", []claim{with("name", "\"\xed\xa0\x80\"")}, token.ReasonMalformed},
		{"a lone surrogate in an escape", []claim{with("name", `"\ud800"`)}, token.ReasonMalformed},
		{"a control character in a string", []claim{with("name", "\"a\nb\"")}, token.ReasonMalformed},
		{"a depth of 33", []claim{with("x", strings.Repeat("[", 32)+strings.Repeat("]", 32))}, token.ReasonMalformed},
		{"a depth of thousands", []claim{with("x", strings.Repeat("[", 4000)+strings.Repeat("]", 4000))}, token.ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := &keys{}
			raw := signed(tc.edits...)
			c, err := verifier(t, source, plain()).Verify(t.Context(), raw)
			requireRefused(t, c, err, tc.want, raw)
		})
	}
}

// Early refusals must not cost a look-up that a stranger could cause at will.
func TestWhatIsPlainlyNotForUsAsksForNoKey(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit claim
		want token.Reason
	}{
		{"another issuer", with("iss", `"https://evil.test"`), token.ReasonIssuer},
		{"another audience", with("aud", `"https://other.test"`), token.ReasonAudience},
		{"expired", with("exp", `1`), token.ReasonExpired},
		{"never expires", without("exp"), token.ReasonClaim},
		{"a claim of the wrong type", with("sub", `[]`), token.ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := &keys{}
			raw := signed(tc.edit)
			c, err := verifier(t, source, plain()).Verify(t.Context(), raw)
			requireRefused(t, c, err, tc.want, raw)
			require.Zero(t, source.asked)
		})
	}
}

// What a stranger writes into a token of full size must not cost more than to scan it.
func TestAStrangersListsAreNotRead(t *testing.T) {
	long := "[" + strings.Repeat(`"x",`, 2000) + `"x"]`
	many := strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(&many, `"%x":0,`, i)
	}
	v := verifier(t, &keys{}, plain())
	for name, edit := range map[string]claim{"scope": with("scope", long), "cnf": with("cnf", "{"+many.String()+`"jkt":"x"}`)} {
		t.Run(name, func(t *testing.T) {
			same := signed(with("iss", `"https://evil.test"`), claim{"+other", edit.raw})
			raw := signed(with("iss", `"https://evil.test"`), edit)
			allocs := func(raw string) float64 {
				return testing.AllocsPerRun(10, func() { _, _ = v.Verify(t.Context(), raw) })
			}
			require.InDelta(t, allocs(same), allocs(raw), 5, "as if the claim had no meaning")
		})
	}
}

func TestPayloadsThatAreNoClaims(t *testing.T) {
	for _, tc := range []struct{ name, payload string }{
		{"nothing", ``},
		{"blanks", `  `},
		{"null", `null`},
		{"a string", `"` + issuerURL + `"`},
		{"a number", `1`},
		{"an array of claims", `[` + payload() + `]`},
		{"two objects", payload() + payload()},
		{"something after the object", payload() + ` x`},
		{"a NUL after the object", payload() + "\x00"},
		{"a byte order mark before it", "\ufeff" + payload()},
		{"an object that does not end", payload()[:len(payload())-1]},
		{"a trailing comma", payload()[:len(payload())-1] + `,}`},
		{"a comment", `/**/` + payload()},
		{"single quotes", strings.ReplaceAll(payload(), `"`, `'`)},
		{"an empty object", `{}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := &keys{}
			raw := issuer.Sign("ES256", nil, []byte(tc.payload))
			c, err := verifier(t, source, plain()).Verify(t.Context(), raw)
			want := token.ReasonMalformed
			if tc.payload == `{}` {
				want = token.ReasonIssuer
			}
			requireRefused(t, c, err, want, raw)
			require.Zero(t, source.asked)
		})
	}
}

func TestClaimsThatPass(t *testing.T) {
	for _, tc := range []struct {
		name  string
		edits []claim
	}{
		{"the baseline", nil},
		{"an aud in an array among others", []claim{with("aud", `["https://other.test","https://api.test"]`)}},
		{"an exp with a fraction", []claim{with("exp", `9999999999.25`)}},
		{"an exp in scientific notation", []claim{with("exp", `9.9e9`)}},
		{"the last exp there is", []claim{with("exp", `253402300799`)}},
		{"no sub, jti, client_id, scope", []claim{without("sub"), without("jti"), without("client_id"), without("scope")}},
		{"an iss in an escaped spelling is the same string", []claim{with("iss", `"https:\/\/issuer.te\u0073t"`)}},
		{"a nonce, which older Keycloak puts into access tokens", []claim{with("nonce", `"n-0S6_WzA2Mj"`)}},
		{"claims of every type that nobody reads", []claim{with("a", `null`), with("b", `[1,{"c":[true]}]`), with("d", `1e300`)}},
		{"a member with the empty name", []claim{with("", `1`)}},
		{"a depth of 32", []claim{with("x", strings.Repeat("[", 31)+strings.Repeat("]", 31))}},
		{"a pair of surrogates", []claim{with("name", `"\ud83d\ude00"`)}},
		{"events in another case", []claim{with("Events", `{}`)}},
		{"an nbf in the past", []claim{with("nbf", `1700000000`)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := signed(tc.edits...)
			c, err := verifier(t, &keys{}, plain()).Verify(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, issuerURL, c.Issuer())
		})
	}
}

// What takes long to read is read after the signature, and then as strictly.
func TestAnAudienceOfEscapesAndALongDateAreReadAfterTheSignature(t *testing.T) {
	escaped := func(text string, escapes int) string { // the first letters as escapes
		var sb strings.Builder
		for _, c := range []byte(text[:escapes]) {
			fmt.Fprintf(&sb, `\u%04x`, c)
		}
		return `"` + sb.String() + text[escapes:] + `"`
	}
	date := func(seconds string, size int) string { return seconds + "." + strings.Repeat("0", size-len(seconds)-1) }
	const other, early, late = "https://other.test", "1", "9999999998"
	for _, tc := range []struct {
		name  string
		edits []claim
		want  token.Reason // "" is a good one
		asked int
	}{
		{"a good aud of 8 escapes", []claim{with("aud", escaped(audience, 8))}, "", 1},
		{"a good aud of 9 escapes", []claim{with("aud", escaped(audience, 9))}, "", 1},
		{"a good aud of 9 escapes among others", []claim{with("aud", `["`+other+`",`+escaped(audience, 9)+`]`)}, "", 1},
		{"another aud of 8 escapes", []claim{with("aud", escaped(other, 8))}, token.ReasonAudience, 0},
		{"another aud of 9 escapes", []claim{with("aud", escaped(other, 9))}, token.ReasonAudience, 1},
		{"an aud of the wrong type with 9 escapes", []claim{with("aud", `{"x":`+escaped(audience, 9)+`}`)}, token.ReasonMalformed, 1},
		{"a good aud of 9 escapes, twice", []claim{with("aud", escaped(audience, 9)), with("+aud", escaped(audience, 9))}, token.ReasonMalformed, 0},
		{"a good exp of 20 bytes", []claim{with("exp", date("9999999999", 20))}, "", 1},
		{"a good exp of 21 bytes", []claim{with("exp", date("9999999999", 21))}, "", 1},
		{"an exp of 20 bytes that is over", []claim{with("exp", date(early, 20))}, token.ReasonExpired, 0},
		{"an exp of 21 bytes that is over", []claim{with("exp", date(early, 21))}, token.ReasonExpired, 1},
		{"an exp of the wrong type in 20 bytes", []claim{with("exp", `"999999999999999999"`)}, token.ReasonMalformed, 0},
		{"an exp of the wrong type in 21 bytes", []claim{with("exp", `"9999999999999999999"`)}, token.ReasonMalformed, 1},
		{"a good nbf of 21 bytes", []claim{with("nbf", date(early, 21))}, "", 1},
		{"an nbf of 21 bytes that is to come", []claim{with("nbf", date(late, 21))}, token.ReasonNotYetValid, 1},
		{"an nbf of the wrong type in 20 bytes", []claim{with("nbf", `"999999999999999999"`)}, token.ReasonMalformed, 0},
		{"an nbf of the wrong type in 21 bytes", []claim{with("nbf", `"9999999999999999999"`)}, token.ReasonMalformed, 1},
		{"a good iat of 21 bytes", []claim{with("iat", date(early, 21))}, "", 1},
		{"an iat of 21 bytes that is to come", []claim{with("iat", date(late, 21))}, token.ReasonNotYetValid, 1},
		{"an iat of the wrong type in 20 bytes", []claim{with("iat", `"999999999999999999"`)}, token.ReasonMalformed, 0},
		{"an iat of the wrong type in 21 bytes", []claim{with("iat", `"9999999999999999999"`)}, token.ReasonMalformed, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, pad := range []int{0, 2 << 10} { // a short payload, and one of which only the start is read
				source := &keys{}
				raw := signed(append(slices.Clone(tc.edits), with("pad", `"`+strings.Repeat("x", pad)+`"`))...)
				v := verifier(t, source, plain())
				c, err := v.Verify(t.Context(), raw)
				switch {
				case tc.want == "":
					require.NoError(t, err)
					require.True(t, c.HasAudience(audience))
					require.False(t, c.Expiry().IsZero())
				case pad > 0 && tc.name == "a good aud of 9 escapes, twice": // the second stands behind what is read
					requireRefused(t, c, err, tc.want, raw)
					continue
				default:
					requireRefused(t, c, err, tc.want, raw)
				}
				require.Equal(t, tc.asked, source.asked, "%d", pad)
				c, err = v.Verify(t.Context(), raw[:len(raw)-8]+"AAAAAAAA")
				want := token.ReasonSignature
				if tc.asked == 0 {
					want = tc.want
				}
				requireRefused(t, c, err, want, "")
			}
		})
	}
}
