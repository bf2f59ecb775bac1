package introspect_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

const signedHeader = `{"alg":"RS256","typ":"token-introspection+jwt","kid":"k1"}`

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// readPayload stands for a verifier of signatures: it believes every JWT whose signature is "good".
func readPayload(_ context.Context, jwt string) ([]byte, error) {
	parts := splitDots(jwt)
	if len(parts) != 3 || parts[2] != "good" {
		return nil, introspect.ErrRefused // as token.ErrRefused would be: a refusal of the answer
	}
	return base64.RawURLEncoding.DecodeString(parts[1])
}

func splitDots(s string) (parts []string) {
	start := 0
	for i := range len(s) {
		if s[i] == '.' {
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func TestSignedAnswers(t *testing.T) {
	payload := func(inner string) string {
		return `{"iss":"https://issuer.test","aud":"gateway","iat":1700000000,"token_introspection":` + inner + `}`
	}
	signed := func(header, payload, signature string) string {
		return b64(header) + "." + b64(payload) + "." + signature
	}
	good := signed(signedHeader, payload(active(`"sub":"alice"`)), "good")
	for name, row := range map[string]struct {
		body, contentType, want string
	}{
		"active":                      {good, "", "active"},
		"with parameters":             {good, "application/token-introspection+jwt; charset=utf-8", "active"},
		"typ in full and capitals":    {signed(`{"alg":"RS256","typ":"Application/Token-Introspection+JWT"}`, payload(active()), "good"), "", "active"},
		"aud in a list":               {signed(signedHeader, `{"iss":"https://issuer.test","aud":["x","gateway"],"token_introspection":`+active()+`}`, "good"), "", "active"},
		"inactive":                    {signed(signedHeader, payload(inactive), "good"), "", "inactive"},
		"expired inside":              {signed(signedHeader, payload(active(`"exp":1`)), "good"), "", "expired"},
		"unsigned":                    {active(), "application/json", "undecided"},
		"unsigned under its type":     {active(), "", "undecided"},
		"signed, as JSON":             {good, "application/json", "undecided"},
		"signed, as application/jwt":  {good, "application/jwt", "undecided"},
		"a bad signature":             {signed(signedHeader, payload(active()), "bad"), "", "undecided"},
		"no typ":                      {signed(`{"alg":"RS256"}`, payload(active()), "good"), "", "undecided"},
		"typ of an access token":      {signed(`{"alg":"RS256","typ":"at+jwt"}`, payload(active()), "good"), "", "undecided"},
		"typ with a long s":           {signed(`{"alg":"RS256","typ":"token-introſpection+jwt"}`, payload(active()), "good"), "", "undecided"},
		"typ twice":                   {signed(`{"typ":"token-introspection+jwt","typ":"at+jwt"}`, payload(active()), "good"), "", "undecided"},
		"another iss":                 {signed(signedHeader, `{"iss":"https://evil.test","aud":"gateway","token_introspection":`+active()+`}`, "good"), "", "undecided"},
		"no iss":                      {signed(signedHeader, `{"aud":"gateway","token_introspection":`+active()+`}`, "good"), "", "undecided"},
		"for another resource server": {signed(signedHeader, `{"iss":"https://issuer.test","aud":"other","token_introspection":`+active()+`}`, "good"), "", "undecided"},
		"no aud":                      {signed(signedHeader, `{"iss":"https://issuer.test","token_introspection":`+active()+`}`, "good"), "", "undecided"},
		"active on the outside":       {signed(signedHeader, `{"iss":"https://issuer.test","aud":"gateway","active":true}`, "good"), "", "undecided"},
		"two inside":                  {signed(signedHeader, `{"iss":"https://issuer.test","aud":"gateway","token_introspection":`+inactive+`,"token_introspection":`+active()+`}`, "good"), "", "undecided"},
		"a string inside":             {signed(signedHeader, payload(`"active"`), "good"), "", "undecided"},
		"null inside":                 {signed(signedHeader, payload(`null`), "good"), "", "undecided"},
		"no JSON inside":              {signed(signedHeader, `active`, "good"), "", "undecided"},
		"a bare verdict in a bad typ": {signed(`"token-introspection+jwt"`, payload(active()), "good"), "", "undecided"},
		"nothing":                     {"", "", "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving(row.body)
				if row.contentType == "" {
					row.contentType = "application/token-introspection+jwt"
				}
				u.header = http.Header{"Content-Type": {row.contentType}}
				c := u.client(t, options(func(o *introspect.Options) { o.Verify = readPayload }))
				require.Equal(t, atOnce(row.want), ask(t.Context(), c, tokenA))
				r, _ := u.lastRequest()
				require.Equal(t, "application/token-introspection+jwt", r.Header.Get("Accept"))
			})
		})
	}
}

// signedAnswer is what readPayload believes.
func signedAnswer(inner string) string {
	return b64(signedHeader) + "." + b64(`{"iss":"https://issuer.test","aud":"gateway","token_introspection":`+inner+`}`) + ".good"
}

func TestAVerifierThatFailsIsNoWordAboutTheToken(t *testing.T) {
	for name, verify := range map[string]func(context.Context, string) ([]byte, error){
		"an error":          func(context.Context, string) ([]byte, error) { return nil, errors.New(secret) },
		"a payload as well": func(context.Context, string) ([]byte, error) { return []byte(active()), errors.New(secret) },
		"nothing":           func(context.Context, string) ([]byte, error) { return nil, nil },
		"a panic":           func(context.Context, string) ([]byte, error) { panic(secret) },
	} {
		t.Run(name, func(t *testing.T) {
			u := serving(b64(signedHeader) + ".e30.good")
			u.header = http.Header{"Content-Type": {"application/token-introspection+jwt"}}
			c := u.client(t, options(func(o *introspect.Options) { o.Verify = verify }))
			require.Equal(t, "undecided", ask(t.Context(), c, tokenA).word)
		})
	}
}
