package introspect_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func authenticating(a introspect.Auth) func(*introspect.Config, *introspect.Options) {
	return func(c *introspect.Config, _ *introspect.Options) { c.Auth = a }
}

func TestCredentialsAreFormEncodedBeforeBasic(t *testing.T) {
	for name, row := range map[string]struct{ id, secret, want string }{
		"plain":            {"gateway", "secret", "gateway:secret"},
		"a colon in each":  {"urn:gateway", "a:b", "urn%3Agateway:a%3Ab"},
		"a blank and plus": {"my gateway", "a+b %", "my+gateway:a%2Bb+%25"},
		"beyond ASCII":     {"gateway", "pässwörd", "gateway:p%C3%A4ssw%C3%B6rd"},
		"reserved":         {"g", `!"#$&'()*,/;=?@[\]`, "g:%21%22%23%24%26%27%28%29%2A%2C%2F%3B%3D%3F%40%5B%5C%5D"},
	} {
		t.Run(name, func(t *testing.T) {
			u := serving(active())
			c := u.client(t, authenticating(introspect.Auth{Method: "client_secret_basic", ClientID: row.id, Secret: always(row.secret)}))
			require.Equal(t, "active", ask(t.Context(), c, tokenA).word)
			r, form := u.lastRequest()
			encoded, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
			require.True(t, ok)
			pair, err := base64.StdEncoding.DecodeString(encoded)
			require.NoError(t, err)
			require.Equal(t, row.want, string(pair))
			require.NotContains(t, form, "client_secret")
			require.NotContains(t, form, "client_id")
		})
	}
}

func TestClientSecretPost(t *testing.T) {
	u := serving(active())
	c := u.client(t, authenticating(introspect.Auth{Method: "client_secret_post", ClientID: "my gateway", Secret: always("a&b=c")}))
	require.Equal(t, "active", ask(t.Context(), c, tokenA).word)
	r, form := u.lastRequest()
	require.Empty(t, r.Header.Get("Authorization"))
	require.Equal(t, url.Values{
		"token": {tokenA}, "token_type_hint": {"access_token"}, "client_id": {"my gateway"}, "client_secret": {"a&b=c"},
	}, form)
}

func TestBearer(t *testing.T) {
	u := serving(active())
	c := u.client(t, authenticating(introspect.Auth{Method: "bearer", Secret: always("our-own")}))
	require.Equal(t, "active", ask(t.Context(), c, tokenA).word)
	r, _ := u.lastRequest()
	require.Equal(t, "Bearer our-own", r.Header.Get("Authorization"))
}

func TestPrivateKeyJWT(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ec := func(curve elliptic.Curve) crypto.Signer {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		return k
	}
	for name, row := range map[string]struct {
		key       crypto.Signer
		algorithm string
		want      string
	}{
		"RSA":                   {rsaKey, "", "RS256"},
		"RSA, RS512":            {rsaKey, "RS512", "RS512"},
		"RSA, PS256":            {rsaKey, "PS256", "PS256"},
		"RSA, PS384":            {rsaKey, "PS384", "PS384"},
		"P-256":                 {ec(elliptic.P256()), "", "ES256"},
		"P-384":                 {ec(elliptic.P384()), "ES384", "ES384"},
		"P-521":                 {ec(elliptic.P521()), "", "ES512"},
		"Ed25519":               {edKey, "", "EdDSA"},
		"hidden behind Signer":  {opaque{edKey}, "", "EdDSA"},
		"a hardware P-521":      {opaque{ec(elliptic.P521())}, "", "ES512"},
		"RSA for ES256":         {rsaKey, "ES256", ""},
		"P-256 for ES384":       {ec(elliptic.P256()), "ES384", ""},
		"P-224":                 {ec(elliptic.P224()), "", ""},
		"no key":                {nil, "", ""},
		"a nil pointer":         {(*rsa.PrivateKey)(nil), "", ""},
		"a signer that refuses": {failing{edKey}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := serving(active())
			c := u.client(t, authenticating(introspect.Auth{
				Method: "private_key_jwt", ClientID: "gateway", Algorithm: row.algorithm,
				Key: func(context.Context) (crypto.Signer, string, error) { return row.key, "k1", nil },
			}))
			got := ask(t.Context(), c, tokenA)
			if row.want == "" {
				require.Equal(t, "undecided", got.word)
				require.Zero(t, u.calls())
				return
			}
			require.Equal(t, "active", got.word)
			_, form := u.lastRequest()
			require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
			require.Equal(t, "gateway", form.Get("client_id"))
			claims := verified(t, form.Get("client_assertion"), row.want, row.key.Public())
			require.Equal(t, []any{"gateway", "gateway", issuerURL}, []any{claims["iss"], claims["sub"], claims["aud"]})
			require.Len(t, claims["jti"], 26)
			require.InDelta(t, time.Now().Unix(), claims["iat"], 5)
			require.InDelta(t, time.Now().Add(time.Minute).Unix(), claims["exp"], 5)
		})
	}
}

// verified reads an assertion by go-jose, which did not make it.
func verified(t *testing.T, raw, alg string, key crypto.PublicKey) map[string]any {
	t.Helper()
	s, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	require.NoError(t, err)
	require.Equal(t, "k1", s.Signatures[0].Header.KeyID)
	payload, err := s.Verify(key)
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims
}

// opaque hides what kind of key it is, as one in hardware does.
type opaque struct{ crypto.Signer }

type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New(secret)
}

func TestAssertionsAreMadeForOneRequestAndNameTheAudienceAskedFor(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	u := serving(active())
	c := u.client(t, authenticating(introspect.Auth{
		Method: "private_key_jwt", ClientID: "gateway", Algorithm: "Ed25519", Audience: "https://issuer.test/token",
		Key: func(context.Context) (crypto.Signer, string, error) { return key, "k1", nil },
	}))
	seen := map[any]bool{}
	for _, tok := range []string{tokenA, tokenB} {
		require.Equal(t, "active", ask(t.Context(), c, tok).word)
		_, form := u.lastRequest()
		header, _, _ := strings.Cut(form.Get("client_assertion"), ".")
		decoded, err := base64.RawURLEncoding.DecodeString(header)
		require.NoError(t, err)
		require.JSONEq(t, `{"alg":"Ed25519","kid":"k1"}`, string(decoded))
		payload := strings.Split(form.Get("client_assertion"), ".")[1]
		decoded, err = base64.RawURLEncoding.DecodeString(payload)
		require.NoError(t, err)
		var claims map[string]any
		require.NoError(t, json.Unmarshal(decoded, &claims))
		require.Equal(t, "https://issuer.test/token", claims["aud"])
		seen[claims["jti"]] = true
	}
	require.Len(t, seen, 2)
}

func TestRawSignatureOfWhatASignerShouldNotReturn(t *testing.T) {
	der := func(r, s *big.Int) []byte {
		b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)
		return b
	}
	one, wide := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	raw, err := introspect.RawSignature(der(one, new(big.Int).Sub(wide, one)), 32)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("00", 31)+"01"+strings.Repeat("ff", 32), big2hex(raw))
	for name, bad := range map[string][]byte{
		"empty": {}, "no DER": {1, 2, 3}, "more after it": append(der(one, one), 0), "zero": der(big.NewInt(0), one),
		"negative": der(one, big.NewInt(-1)), "too long": der(wide, one), "raw already": make([]byte, 64),
	} {
		_, err := introspect.RawSignature(bad, 32)
		require.Error(t, err, name)
	}
}

func big2hex(b []byte) string {
	var sb strings.Builder
	for _, c := range b {
		sb.WriteString("0123456789abcdef"[c>>4 : c>>4+1])
		sb.WriteString("0123456789abcdef"[c&15 : c&15+1])
	}
	return sb.String()
}

func TestTLSClientAuthPresentsTheCertificateOfTheCallersClient(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.FormValue("client_id") + " " + r.TLS.PeerCertificates[0].Subject.Organization[0]
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, active())
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	trusting := server.Client()
	transport, ok := trusting.Transport.(*http.Transport)
	require.True(t, ok)
	transport.TLSClientConfig.Certificates = server.TLS.Certificates

	cfg := config()
	cfg.Endpoint, cfg.Auth = server.URL, introspect.Auth{Method: "tls_client_auth", ClientID: "gateway"}
	c, err := introspect.New(cfg, &introspect.Options{HTTPClient: trusting})
	require.NoError(t, err)
	require.Equal(t, "active", ask(t.Context(), c, tokenA).word)
	require.Equal(t, "gateway Acme Co", <-seen)
	transport.CloseIdleConnections()
}

func TestSecretsAreReplacedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[string]
		now.Store(new("old"))
		u := serving(active())
		c := u.client(t, authenticating(introspect.Auth{
			Method: "client_secret_post", ClientID: "gateway",
			Secret: func(context.Context) (string, error) { return *now.Load(), nil },
		}))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		_, form := u.lastRequest()
		require.Equal(t, "old", form.Get("client_secret"))
		now.Store(new("new"))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenB))
		_, form = u.lastRequest()
		require.Equal(t, "new", form.Get("client_secret"))
	})
}

func TestASecretThatCannotBeHadIsUndecidedAndInNoError(t *testing.T) {
	for name, get := range map[string]func(context.Context) (string, error){
		"an error":                     func(context.Context) (string, error) { return "", errors.New(secret) },
		"an error that claims refusal": func(context.Context) (string, error) { return "", introspect.ErrRefused },
		"a secret and an error":        func(context.Context) (string, error) { return secret, errors.New(secret) },
		"empty":                        func(context.Context) (string, error) { return "", nil },
		"a panic":                      func(context.Context) (string, error) { panic(secret) },
		"one that hangs":               func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
		"deaf":                         func(context.Context) (string, error) { time.Sleep(8 * time.Second); return secret, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(active())
				c := u.client(t, authenticating(introspect.Auth{Method: "bearer", Secret: get}))
				got := ask(t.Context(), c, tokenA)
				require.Equal(t, "undecided", got.word)
				require.LessOrEqual(t, got.took, 5*time.Second)
				require.Zero(t, u.calls())
			})
		})
	}
	t.Run("a secret that no header can carry", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		defer server.Close()
		cfg := config()
		cfg.Endpoint, cfg.Auth = server.URL, introspect.Auth{Method: "bearer", Secret: always(secret + "\r\nX: y")}
		c, err := introspect.New(cfg, &introspect.Options{InsecureAllowHTTP: true})
		require.NoError(t, err)
		require.Equal(t, "undecided", ask(t.Context(), c, tokenA).word)
	})
}
