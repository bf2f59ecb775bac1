package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/fuzzkey"
	"github.com/perimeter-go/perimeter/token"
)

// fuzzKeys are the same in a fuzzing process and its workers, or an input that one of them found would say nothing to the
// others. They protect nothing.
var fuzzKeys = func() map[string]crypto.Signer {
	private := fuzzkey.RSA()
	p256, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(strings.Repeat("\x01", 32)))
	if err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{
		"R": private, "P": private, "E": p256,
		"D": ed25519.NewKeyFromSeed([]byte(strings.Repeat("\x02", 32))),
	}
}()

type fuzzSource struct{}

func (fuzzSource) PublicKeys(_ context.Context, _, alg string) ([]crypto.PublicKey, error) {
	if strings.HasPrefix(alg, "Ed") {
		alg = "D"
	}
	if k, ok := fuzzKeys[alg[:1]]; ok {
		return []crypto.PublicKey{k.Public()}, nil
	}
	return nil, nil
}

// fuzzPolicy reads as much as a policy can, and demands as little.
func fuzzPolicy() token.Policy {
	p := plain()
	p.GrantClaims = []string{"roles"}
	return p
}

var everyAlgorithm = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// seal signs by go-jose, so that what is accepted was not made by our own idea of a token.
func seal(tb testing.TB, alg jose.SignatureAlgorithm, key crypto.Signer, payload string) string {
	tb.Helper()
	opts := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", "k1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	require.NoError(tb, err)
	sealed, err := signer.Sign([]byte(payload))
	require.NoError(tb, err)
	raw, err := sealed.CompactSerialize()
	require.NoError(tb, err)
	return raw
}

// requireOracleAgrees holds that go-jose, asked in the usual way, accepts what we accepted and reads the same in it.
func requireOracleAgrees(t *testing.T, raw string, c *token.Claims) {
	t.Helper()
	if c.Algorithm() == "Ed25519" {
		return // the newer name of EdDSA (RFC 9864), which go-jose does not know
	}
	parsed, err := josejwt.ParseSigned(raw, everyAlgorithm)
	require.NoError(t, err, "%q", raw)
	key := fuzzKeys["D"]
	if c.Algorithm() != "EdDSA" {
		key = fuzzKeys[c.Algorithm()[:1]]
	}
	var theirs josejwt.Claims
	require.NoError(t, parsed.Claims(key.Public(), &theirs), "%q", raw)
	expected := josejwt.Expected{Issuer: issuerURL, AnyAudience: josejwt.Audience{audience}}
	require.NoError(t, theirs.ValidateWithLeeway(expected, 31*time.Second)) // it drops the fractions of a second

	require.Equal(t, theirs.Issuer, c.Issuer())
	require.Equal(t, theirs.Subject, c.Subject())
	require.Equal(t, theirs.ID, c.ID())
	require.Equal(t, []string(theirs.Audience), slices.Collect(c.Audiences()))
	require.NotNil(t, theirs.Expiry)
	require.Equal(t, theirs.Expiry.Time().Unix(), c.Expiry().Unix())
	if theirs.IssuedAt != nil {
		require.Equal(t, theirs.IssuedAt.Time().Unix(), c.IssuedAt().Unix())
	}
	require.Len(t, parsed.Headers, 1)
	require.Equal(t, parsed.Headers[0].Algorithm, c.Algorithm())
	require.Equal(t, parsed.Headers[0].KeyID, c.KeyID())
	var all map[string]json.RawMessage // a number that no float64 can hold is one all the same
	require.NoError(t, c.Decode(&all))
	for _, banned := range []string{"events", "at_hash", "c_hash", "cnf"} {
		require.NotContains(t, all, banned)
	}
}

// Whatever text is accepted, go-jose accepts it too; whatever is refused, is refused for a reason that is named.
func FuzzVerify(f *testing.F) {
	for _, alg := range everyAlgorithm {
		key, ok := fuzzKeys[string(alg)[:1]]
		if alg == jose.EdDSA {
			key, ok = fuzzKeys["D"], true
		}
		if !ok || alg == jose.ES384 || alg == jose.ES512 {
			continue // there is one elliptic key, of P-256
		}
		f.Add(seal(f, alg, key, payload()))
		f.Add(seal(f, alg, key, payload(with("aud", `["x","https://api.test"]`), with("cnf", `{"jkt":"x"}`))))
	}
	good := seal(f, jose.EdDSA, fuzzKeys["D"], payload())
	for _, seed := range []string{"", "..", "a.b.c", good + "=", good + ".", strings.ToUpper(good), good[:len(good)-2], `{"payload":""}`} {
		f.Add(seed)
	}
	v := verifier(f, fuzzSource{}, fuzzPolicy())
	mux, err := token.NewMux(v)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := v.Verify(t.Context(), raw)
		byMux, errMux := mux.Verify(t.Context(), raw)
		require.Equal(t, err == nil, errMux == nil, "a mux of one is that one")
		if err != nil {
			requireNamed(t, c, err)
			return
		}
		require.Equal(t, c.Payload(), byMux.Payload())
		requireOracleAgrees(t, raw, c)
	})
}

func requireNamed(t *testing.T, c *token.Claims, err error) {
	t.Helper()
	require.Nil(t, c)
	require.ErrorIs(t, err, token.ErrRefused)
	require.NotContains(t, []token.Reason{"", token.ReasonUndecided}, token.ReasonOf(err))
}

// Random text never carries a good signature, so here every header and payload gets one: what is left to refuse is what they
// say. The property: whatever is accepted, go-jose accepts with the same reading; every refusal has a reason of its own.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(edHeader), []byte(payload()))
	f.Add([]byte(`{"alg":"Ed25519"}`), []byte(payload(with("exp", `9999999999.5`), with("nbf", `1e9`))))
	f.Add([]byte(`{"alg":"EdDSA","typ":"JWT","x5t":"x","cty":"y"}`), []byte(payload(with("scope", `["a","b"]`), with("scp", `"c"`))))
	f.Add([]byte(`{"alg":"EdDSA","crit":["exp"],"exp":1}`), []byte(payload(with("aud", `["a",1]`))))
	f.Add([]byte(`{"alg":"EdDSA","alg":"none"}`), []byte(payload(with("exp", `1`), with("EXP", `9999999999`))))
	f.Add([]byte("{\"alg\":\"EdDSA\",\"x\":\"\xff\"}"), []byte(payload(with("x", "\"\xff\""))))
	f.Add([]byte(`{"alg":"EdDSA","nonce":5,"b64":true}`), []byte(payload(with("cnf", `{"jkt":5}`), with("roles", `["r"]`), without("scope"))))
	f.Add([]byte(`{"alg":"EdDSA","x":1e999}`), []byte(payload(with("x", `1e999`))))
	m := minter{fuzzKeys["D"].(ed25519.PrivateKey)}
	v := verifier(f, fuzzSource{}, fuzzPolicy())
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		raw := m.sign(string(header), string(payload))
		c, err := v.Verify(t.Context(), raw)
		if err != nil {
			requireNamed(t, c, err)
			return
		}
		require.Equal(t, payload, c.Payload())
		requireOracleAgrees(t, raw, c)
	})
}
