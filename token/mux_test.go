package token_test

import (
	"crypto"
	"crypto/ed25519"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/token"
)

const otherURL = "https://other.test"

func TestAMuxChoosesByIssuer(t *testing.T) {
	other := localissuer.New(otherURL)
	ours, theirs := &keys{}, &keys{find: func(kid, alg string) ([]crypto.PublicKey, error) { return other.PublicKeys(t.Context(), kid, alg) }}
	mux, err := token.NewMux(
		verifier(t, ours, plain()),
		verifier(t, theirs, token.Policy{Issuer: otherURL, Audiences: []string{"theirs"}, ScopeClaims: []string{"rights"}}),
	)
	require.NoError(t, err)

	c, err := mux.Verify(t.Context(), signed())
	require.NoError(t, err)
	require.Equal(t, issuerURL, c.Issuer())
	require.Equal(t, "orders:read orders:write", c.Scopes().String(), "read by our policy")
	require.Equal(t, 0, theirs.asked)

	c, err = mux.Verify(t.Context(), other.AccessToken("theirs", map[string]any{"rights": "a b"}))
	require.NoError(t, err)
	require.Equal(t, otherURL, c.Issuer())
	require.Equal(t, "a b", c.Scopes().String(), "read by their policy")
	require.Equal(t, 1, ours.asked)
}

func TestAMuxRefuses(t *testing.T) {
	other := localissuer.New(otherURL)
	stranger := localissuer.New("https://stranger.test")
	foreign := payload(with("iss", `"`+otherURL+`"`))
	for _, tc := range []struct {
		name, raw string
		want      token.Reason
		asked     int
	}{
		{"an issuer that nobody configured", stranger.AccessToken(audience), token.ReasonIssuer, 0},
		{"an issuer with a slash too many", signed(with("iss", `"https://issuer.test/"`)), token.ReasonIssuer, 0},
		{"no issuer", signed(without("iss")), token.ReasonIssuer, 0},
		{"an issuer of null", signed(with("iss", `null`)), token.ReasonIssuer, 0},
		{"two issuers", signed(with("+iss", `"https://issuer.test"`)), token.ReasonMalformed, 0},
		{"one issuer in another's name", issuer.Sign("ES256", nil, []byte(foreign)), token.ReasonUnknownKey, 1},
		{"one issuer in another's name and kid", issuer.Sign("ES256", map[string]any{"kid": other.KeyID("ES256")}, []byte(foreign)), token.ReasonSignature, 1},
		{"another in ours and without kid", other.Sign("ES256", map[string]any{"kid": nil}, []byte(payload())), token.ReasonSignature, 1},
		{"an algorithm outside that issuer's policy", issuer.Sign("EdDSA", nil, []byte(payload())), token.ReasonAlgorithm, 0},
		{"another kind of token", issuer.Sign("ES256", map[string]any{"typ": "dpop+jwt"}, []byte(payload())), token.ReasonType, 0},
		{"an audience of another issuer's policy", signed(with("aud", `"theirs"`)), token.ReasonAudience, 0},
		{"a bound token without its proof", signed(with("cnf", `{"jkt":"`+proofKey+`"}`)), token.ReasonProof, 1},
		{"garbage", "a.b.c", token.ReasonMalformed, 0},
		{"an opaque token", "s3cr3t", token.ReasonMalformed, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := &keys{}, &keys{find: func(kid, alg string) ([]crypto.PublicKey, error) { return other.PublicKeys(t.Context(), kid, alg) }}
			p := plain()
			p.Algorithms = []string{"ES256"}
			mux, err := token.NewMux(verifier(t, ours, p), verifier(t, theirs, token.Policy{Issuer: otherURL, Audiences: []string{audience, "theirs"}}))
			require.NoError(t, err)
			c, err := mux.Verify(t.Context(), tc.raw)
			requireRefused(t, c, err, tc.want, tc.raw)
			require.Equal(t, tc.asked, ours.asked+theirs.asked)
		})
	}
}

// A stranger's token may end anywhere, also within its issuer.
func TestAMuxRefusesALongPayloadThatIsCutOffInItsIssuer(t *testing.T) {
	mux, err := token.NewMux(verifier(t, &keys{}, plain()))
	require.NoError(t, err)
	m := minter{fuzzKeys["D"].(ed25519.PrivateKey)}
	padding := `{"x":"` + strings.Repeat("a", 3<<10) + `",`
	for _, end := range []string{`"iss":"` + issuerURL, `"iss":"`, `"iss":"\`, `"iss":`, `"iss"`, `"iss`, `"`, ``, `"iss":["`, `"\u0069ss":"x`} {
		raw := m.sign(edHeader, padding+end)
		c, err := mux.Verify(t.Context(), raw)
		require.Nil(t, c)
		require.ErrorIs(t, err, token.ErrRefused, end)
	}
}

// How far a Mux goes for an issuer. What it goes past is claims that a verifier alone takes.
func TestAMuxLooksForAnIssuerOnlySoFar(t *testing.T) {
	m := newMinter(t)
	v := verifier(t, m.source(), plain())
	mux, err := token.NewMux(v, verifier(t, only(), token.Policy{Issuer: otherURL, Audiences: []string{audience}}))
	require.NoError(t, err)
	rest := payload()[1:]
	list := func(element string, n int) string { return `"x":[` + element + strings.Repeat(","+element, n-1) + `],` }
	text := func(n int) string { return `"x":"` + strings.Repeat("x", n) + `",` }
	upToIss := len(`{"x":"","iss":"` + issuerURL + `",`)
	inSixKiB := (6<<10-len(b64([]byte(edHeader)))-1)/4*3 - upToIss
	for _, tc := range []struct {
		name, before string
		found        bool
	}{
		{"a hundred groups of forty letters", list(`"`+strings.Repeat("g", 40)+`"`, 100), true},
		{"252 elements of one claim", list(`1`, 252), true},
		{"253 elements of one claim", list(`1`, 253), false},
		{"126 empty arrays", list(`[]`, 126), true},
		{"127 empty arrays", list(`[]`, 127), false},
		{"64 claims", strings.Repeat(`"%":1,`, 64), true},
		{"65 claims", strings.Repeat(`"%":1,`, 65), false},
		{"an issuer that ends right in the first 6 KiB", text(inSixKiB), true},
		{"an issuer that ends right behind the first 6 KiB", text(inSixKiB + 1), false},
		{"an object that names an issuer", `"act":{"iss":"` + otherURL + `"},`, true},
		{"a text that names an issuer", `"x":"\",\"iss\":\"` + otherURL + `",`, true},
		{"names that are nearly that of the issuer", `"is":1,"Iss":1,"iss ":1,"\u0069\u0073\u0053":1,"iss\u0000":1,`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.before
			for i := 0; strings.Contains(before, "%"); i++ {
				before = strings.Replace(before, "%", "a"+strconv.Itoa(i), 1)
			}
			for _, after := range []string{"", `,"z":"` + strings.Repeat("z", 3<<10) + `"`} {
				raw := m.sign(edHeader, "{"+before+rest[:len(rest)-1]+after+"}")
				_, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
				c, err := mux.Verify(t.Context(), raw)
				if tc.found {
					require.NoError(t, err)
					require.Equal(t, issuerURL, c.Issuer())
					continue
				}
				requireRefused(t, c, err, token.ReasonMalformed, raw)
				require.EqualError(t, err, "token: refused: malformed (iss)")
			}
		})
	}
}

// A second iss, wherever it stands, never gets past: the verifier that the first one chose reads everything.
func TestAMuxRefusesASecondIssuerBehindTheOneThatItFinds(t *testing.T) {
	m := newMinter(t)
	mux, err := token.NewMux(verifier(t, m.source(), plain()), verifier(t, m.source(), token.Policy{Issuer: otherURL, Audiences: []string{audience}}))
	require.NoError(t, err)
	for _, padding := range []string{"", strings.Repeat("x", 3<<10), strings.Repeat("x", 7<<10)} {
		for _, name := range []string{"iss", `\u0069ss`} {
			for _, value := range []string{issuerURL, otherURL} {
				first, x, second := `"iss":"`+issuerURL+`",`, `"x":"`+padding+`",`, `"`+name+`":"`+value+`",`
				rest := payload(without("iss"))[1:]
				for _, p := range []string{first + x + second, second + x + first, x + first + second, first + second + x} {
					raw := m.sign(edHeader, "{"+p+rest)
					c, err := mux.Verify(t.Context(), raw)
					requireRefused(t, c, err, token.ReasonMalformed, raw)
				}
			}
		}
	}
}

func TestAMuxHandsOnTheProofs(t *testing.T) {
	mux, err := token.NewMux(verifier(t, &keys{}, plain()))
	require.NoError(t, err)
	c, err := mux.Verify(t.Context(), signed(with("cnf", `{"jkt":"`+proofKey+`"}`)), token.Proof{Method: "jkt", Thumbprint: proofKey})
	require.NoError(t, err)
	require.NotEmpty(t, c.Confirmation("jkt"))
}

func TestMistakesInAMux(t *testing.T) {
	_, err := token.NewMux()
	require.EqualError(t, err, "token: a Mux needs a Verifier")

	v := verifier(t, &keys{}, plain())
	_, err = token.NewMux(v, nil, &token.Verifier{}, verifier(t, &keys{}, plain()))
	require.EqualError(t, err, `token: Verifier 1 is nil or was not made by NewVerifier
token: Verifier 2 is nil or was not made by NewVerifier
token: Verifier 3 is another one of issuer "https://issuer.test"`)
}

func TestZeroValuesDecideNothing(t *testing.T) {
	var (
		v    token.Verifier
		m    token.Mux
		nilV *token.Verifier
		nilM *token.Mux
	)
	raw := signed()
	for _, verify := range []func() (*token.Claims, error){
		func() (*token.Claims, error) { return v.Verify(t.Context(), raw) },
		func() (*token.Claims, error) { return m.Verify(t.Context(), raw) },
		func() (*token.Claims, error) { return nilV.Verify(t.Context(), raw) },
		func() (*token.Claims, error) { return nilM.Verify(t.Context(), raw) },
	} {
		c, err := verify()
		require.Nil(t, c)
		require.Error(t, err)
		require.NotErrorIs(t, err, token.ErrRefused, "a service that was put together wrongly is no client's fault")
		require.Equal(t, token.ReasonUndecided, token.ReasonOf(err))
	}
}

// To look for the issuer in a long payload is as much as a Mux reads of what may be a stranger's.
func TestAMuxReadsALongPayloadAfterItsSignature(t *testing.T) {
	source := &keys{}
	policy := plain()
	for n := range 30 { // more than most policies read
		policy.ClientIDClaims = append(policy.ClientIDClaims, "client"+strconv.Itoa(n))
	}
	v := verifier(t, source, policy)
	mux := muxOf(t, v)
	ofSize := func(size int) string {
		text := payload(with("exp", `1`))
		text = text[:len(text)-1] + `,"x":"`
		return text + strings.Repeat("x", size-len(text)-2) + `"}`
	}
	const long = 4<<10 + 1
	genuine := issuer.Sign("ES256", nil, []byte(ofSize(long)))
	forged := genuine[:len(genuine)-8] + "AAAAAAAA"
	short := issuer.Sign("ES256", nil, []byte(ofSize(long-1)))
	behind := func(size int) string { // an expired token with a header of so many bytes, as it is sent, and a wrong signature
		header := `{"alg":"ES256","kid":"` + issuer.KeyID("ES256") + `","typ":"at+jwt","x":"`
		header += strings.Repeat("x", size*3/4-len(header)-len(`"}`)) + `"}`
		require.Len(t, b64([]byte(header)), size)
		return b64([]byte(header)) + short[strings.IndexByte(short, '.'):len(short)-8] + "AAAAAAAA"
	}
	for _, tc := range []struct {
		name  string
		by    verify
		raw   string
		want  token.Reason
		asked int
	}{
		{"one that is not long, behind a header that is", mux.Verify, behind(514), token.ReasonSignature, 1},
		{"one that is not long, behind a header that is not", mux.Verify, behind(512), token.ReasonExpired, 0},
		{"one that is not long, behind a header that is, by the verifier alone", v.Verify, behind(514), token.ReasonExpired, 0},
		{"a long payload", mux.Verify, genuine, token.ReasonExpired, 1},
		{"a forged one", mux.Verify, forged, token.ReasonSignature, 1},
		{"a forged one, by the verifier alone", v.Verify, forged, token.ReasonExpired, 0},
		{"one that is not long", mux.Verify, short[:len(short)-8] + "AAAAAAAA", token.ReasonExpired, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source.asked = 0
			c, err := tc.by(t.Context(), tc.raw)
			requireRefused(t, c, err, tc.want, tc.raw)
			require.Equal(t, tc.asked, source.asked)
		})
	}
}
