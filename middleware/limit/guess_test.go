package limit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"

	"github.com/perimeter-go/perimeter/token"
)

const audience = "orders-api"

// inProcess reaches an issuer without a network.
type inProcess struct{ issuer http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.issuer.ServeHTTP(w, r)
	return w.Result(), nil
}

func newClient(tb testing.TB, i *localissuer.Issuer) *introspect.Client {
	tb.Helper()
	secret := i.Register("gateway", "")
	c, err := introspect.New(introspect.Config{
		Endpoint:  i.IntrospectionURL(),
		Issuer:    i.URL(),
		Audiences: []string{audience},
		Auth: introspect.Auth{
			Method: "client_secret_basic", ClientID: "gateway",
			Secret: func(context.Context) (string, error) { return secret, nil },
		},
	}, &introspect.Options{HTTPClient: &http.Client{Transport: inProcess{i}}})
	require.NoError(tb, err)
	return c
}

func newVerifier(tb testing.TB, keys token.KeySource, i *localissuer.Issuer) *token.Verifier {
	tb.Helper()
	v, err := token.NewVerifier(keys, token.Policy{
		Issuer: i.URL(), Audiences: []string{audience}, RequiredClaims: map[string]string{"scope": ""}, ClientIDs: []string{"client-1"},
	}, nil)
	require.NoError(tb, err)
	return v
}

// unsigned replaces the signature of a token.
func unsigned(tok string, i int) string {
	signature := []byte(tok[strings.LastIndexByte(tok, '.')+1:])
	copy(signature, fmt.Sprintf("%08d", i))
	return tok[:strings.LastIndexByte(tok, '.')+1] + string(signature)
}

type claims = map[string]any

func TestWhatIsAGuess(t *testing.T) {
	i := localissuer.New("https://id.example")
	foreign := localissuer.New("https://other.example")
	jwt := middleware.JWT(newVerifier(t, i, i))
	both := middleware.FirstOf(jwt, middleware.Introspect(newClient(t, i)))
	orCookie := middleware.JWT(newVerifier(t, i, i), middleware.FromHeader("Authorization"), middleware.FromCookie("session"))
	manyCookies := "Cookie: session=x" + strings.Repeat("; a=b", 200)
	_, tooMany := middleware.FromCookie("session")(from(alice, manyCookies))
	require.Error(t, tooMany)
	for _, row := range []struct {
		name  string
		by    middleware.Authenticator
		send  func(n int) string // a value of Authorization, another one for each n
		with  string             // a line of header beside it, if any
		guess bool
	}{
		{name: "a bad signature", by: jwt, guess: true, send: func(n int) string { return "Bearer " + unsigned(i.AccessToken(audience), n) }},
		{name: "an unknown key", by: jwt, guess: true, send: func(int) string {
			return "Bearer " + i.Sign("ES256", claims{"kid": "nobody's"}, []byte(payload(i.AccessToken(audience))))
		}},
		{name: "an unknown issuer", by: jwt, guess: true, send: func(int) string { return "Bearer " + foreign.AccessToken(audience) }},
		{name: "an algorithm that is no algorithm", by: jwt, guess: true, send: func(n int) string {
			return "Bearer " + i.SignRaw("ES256", []byte(`{"alg":"none"}`), fmt.Appendf(nil, `{"jti":"%d"}`, n))
		}},
		{name: "a header member that is not allowed", by: jwt, guess: true, send: func(int) string {
			return "Bearer " + i.Sign("ES256", claims{"crit": []string{"exp"}}, []byte(payload(i.AccessToken(audience))))
		}},
		{name: "a token that is no token", by: jwt, guess: true, send: func(n int) string { return "Bearer " + i.Sign("ES256", nil, fmt.Append(nil, n)) }},
		{name: "an inactive token", by: both, guess: true, send: func(n int) string { return fmt.Sprint("Bearer opaque-", n) }},
		{name: "a header that is malformed", by: both, guess: true, send: func(n int) string { return fmt.Sprintf(`Bearer "%d"`, n) }},
		{name: "a header without a token", by: both, guess: true, send: func(n int) string { return "Bearer" + strings.Repeat(" ", n) }},
		{name: "another scheme", by: both, guess: true, send: func(n int) string { return fmt.Sprint("Basic ", n) }},
		{name: "an opaque token where only JWTs are taken", by: jwt, guess: true, send: func(n int) string { return fmt.Sprint("Bearer opaque-", n) }},

		{name: "an expired token", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken(audience, claims{"exp": 1_000_000_000}) }},
		{name: "an expired token with a bad signature, which is not even checked", by: jwt, send: func(n int) string {
			return "Bearer " + unsigned(i.AccessToken(audience, claims{"exp": 1_000_000_000}), n)
		}},
		{name: "a token that is not yet valid", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken(audience, claims{"nbf": 9_999_999_999}) }},
		{name: "a token for another audience", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken("payments") }},
		{name: "a token of another client", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken(audience, claims{"client_id": "other"}) }},
		{name: "a token without a required claim", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken(audience, claims{"scope": nil}) }},
		{name: "a token of another kind", by: jwt, send: func(int) string { return "Bearer " + i.AccessToken(audience, claims{"at_hash": "x"}) }},
		{name: "a bound token without its proof", by: jwt, send: func(int) string {
			return "Bearer " + i.AccessToken(audience, claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
		}},
		{name: "an active opaque token for another audience", by: both, send: func(int) string { return "Bearer " + i.OpaqueToken("payments") }},
		{name: "an active opaque token of another issuer, as the issuer itself says", by: both, send: func(int) string {
			return "Bearer " + i.OpaqueToken(audience, claims{"iss": "https://other.example"})
		}},
		{name: "an opaque token that is bound, without its proof", by: both, send: func(int) string {
			return "Bearer " + i.OpaqueToken(audience, claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
		}},
		{name: "what an outage leaves undecided", by: failing(errBroken), send: func(n int) string { return fmt.Sprint("Bearer ", n) }},
		{name: "what the authenticator itself calls undecided", by: failing(middleware.ErrUndecided), send: func(n int) string { return fmt.Sprint("Bearer ", n) }},
		{name: "what is good", by: both, send: func(int) string { return "Bearer " + i.OpaqueToken(audience) }},

		{name: "more cookies than are looked at", by: orCookie, with: manyCookies, send: func(int) string { return "" }},
		{name: "a bad signature beside more cookies than are looked at, which is not even checked", by: orCookie, guess: true, with: manyCookies, send: func(n int) string {
			return "Bearer " + unsigned(i.AccessToken(audience), n)
		}},
		{name: "what somebody does not know, before somebody else has too many cookies", by: middleware.FirstOf(failing(middleware.ErrNoCredentials), orCookie), guess: true, with: manyCookies, send: func(n int) string {
			return fmt.Sprint("Key ", n)
		}},
		{name: "a bad signature beside as many cookies where none is looked at", by: jwt, guess: true, with: manyCookies, send: func(n int) string {
			return "Bearer " + unsigned(i.AccessToken(audience), n)
		}},
		{name: "what somebody refuses, and somebody else for its cookies", by: failing(errors.Join(tooMany, middleware.ErrRefused)), guess: true, send: func(n int) string { return fmt.Sprint("Key ", n) }},

		{name: "whatever an authenticator of one's own refuses", by: failing(fmt.Errorf("%w: no such key", middleware.ErrRefused)), guess: true, send: func(n int) string { return fmt.Sprint("Key ", n) }},
		{name: "refused before nothing was presented, as the guard reads it", by: failing(errors.Join(middleware.ErrNoCredentials, middleware.ErrRefused)), guess: true, send: func(n int) string { return fmt.Sprint("Key ", n) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLimiter(t)
			for n := range 3 {
				var lines []string
				if value := row.send(n); value != "" {
					lines = append(lines, "Authorization: "+value)
				}
				if row.with != "" {
					lines = append(lines, row.with+fmt.Sprintf("; n=%d", n))
				}
				_, err := l.Authenticate(from(alice, lines...), row.by)
				require.NotErrorIs(t, err, limited)
			}
			err := send(l, alice, "good-newcomer")
			require.Equal(t, row.guess, errors.Is(err, limited), "%v", err)
			if !row.guess {
				require.Zero(t, l.Buckets(), "it has left something behind")
			}
		})
	}
}

// payload is the decoded second segment, in the only form in which Sign takes it.
func payload(tok string) string {
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(tok, ".")[1])
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestAnExpiredTokenDoesNotLockABrowserOut(t *testing.T) {
	t.Run("twenty requests with it, and then the new one passes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := localissuer.New("https://id.example")
			jwt := middleware.JWT(newVerifier(t, i, i))
			l := newLimiter(t)
			for range 20 {
				_, err := l.Authenticate(bearer(alice, i.AccessToken(audience, claims{"exp": 1})), jwt)
				require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
			}
			_, err := l.Authenticate(bearer(alice, i.AccessToken(audience)), jwt)
			require.NoError(t, err)
		})
	})
	t.Run("one that was good is told so, though a neighbour has used up all guesses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t)
			r := bearer(alice, "good")
			_, err := l.Authenticate(r, telling)
			require.NoError(t, err)
			guess(t, l, alice, 3)
			i := localissuer.New("https://id.example")
			_, expired := newVerifier(t, i, i).Verify(t.Context(), i.AccessToken(audience, claims{"exp": 1}))
			for range 100 {
				_, err = l.Authenticate(r, failing(fmt.Errorf("%w: %w", middleware.ErrRefused, expired)))
				require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
			}
		})
	})
}
