package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/token"
)

// authorizationServer stands for an issuer that knows two tokens.
func authorizationServer() *httptest.Server {
	answers := map[string]string{
		"mF_9.B5f-4.1JqM": `{"active":true,"sub":"alice","client_id":"shop","scope":"orders:read","aud":"orders-api"}`,
		"for-billing":     `{"active":true,"sub":"alice","aud":"billing-api"}`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != "gateway" || secret != "correct+horse" { // form-encoded
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer, ok := answers[r.PostFormValue("token")]
		if !ok {
			answer = `{"active":false}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
}

// A resource server asks the issuer about opaque tokens.
func Example() {
	issuer := authorizationServer()
	defer issuer.Close()

	client, err := introspect.New(introspect.Config{
		Endpoint: issuer.URL,
		Auth: introspect.Auth{
			Method:   "client_secret_basic",
			ClientID: "gateway",
			Secret:   func(context.Context) (string, error) { return "correct horse", nil }, // from wherever secrets are kept
		},
		Issuer:    "https://id.example.com",
		Audiences: []string{"orders-api"},
	}, &introspect.Options{InsecureAllowHTTP: true}) // the stand-in has no certificate
	if err != nil {
		log.Panic(err)
	}

	for _, tok := range []string{"mF_9.B5f-4.1JqM", "for-billing", "revoked"} {
		result, err := client.Introspect(context.Background(), tok)
		switch {
		case errors.Is(err, introspect.ErrRefused):
			fmt.Println("401", introspect.ReasonOf(err))
		case err != nil:
			fmt.Println("503") // the issuer did not tell: the token may be as good as ever
		default:
			fmt.Println("200", result.Subject(), result.Scopes())
		}
	}
	// Output:
	// 200 alice orders:read
	// 401 audience
	// 401 inactive
}

// Answers are asked for in signed form (RFC 9701), and a token.Verifier tells whether the issuer has signed them.
func ExampleOptions_signedAnswers() {
	keys := localissuer.New("https://id.example.com") // stands for the authorization server, and for a jwks.Cache of its keys
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		payload := fmt.Sprintf(`{"iss":"https://id.example.com","aud":"gateway","iat":%d,"token_introspection":{"active":true,"sub":"alice","aud":"orders-api"}}`, time.Now().Unix())
		w.Header().Set("Content-Type", "application/token-introspection+jwt")
		_, _ = io.WriteString(w, keys.Sign("ES256", map[string]any{"typ": "token-introspection+jwt"}, []byte(payload)))
	}))
	defer endpoint.Close()

	verifier, err := token.NewVerifier(keys, token.Policy{
		Issuer:    "https://id.example.com",
		Audiences: []string{"gateway"}, // Auth.ClientID: the answer is for us
		Type:      "token-introspection+jwt",
		MaxAge:    time.Minute,
	}, nil)
	if err != nil {
		log.Panic(err)
	}
	client, err := introspect.New(introspect.Config{
		Endpoint:  endpoint.URL,
		Auth:      introspect.Auth{Method: "client_secret_basic", ClientID: "gateway", Secret: func(context.Context) (string, error) { return "correct horse", nil }},
		Issuer:    "https://id.example.com",
		Audiences: []string{"orders-api"},
	}, &introspect.Options{
		InsecureAllowHTTP: true, // the stand-in has no certificate
		Verify: func(ctx context.Context, jwt string) ([]byte, error) {
			claims, err := verifier.Verify(ctx, jwt)
			return claims.Payload(), err
		},
	})
	if err != nil {
		log.Panic(err)
	}
	result, err := client.Introspect(context.Background(), "2YotnFZFEjr1zCsicMWpAA")
	fmt.Println(result.Subject(), err)
	// Output: alice <nil>
}

// A logout makes the next request ask again.
func ExampleClient_Forget() {
	active := true
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"active":%v,"aud":"orders-api"}`, active)
	}))
	defer issuer.Close()
	client, err := introspect.New(introspect.Config{
		Endpoint:  issuer.URL,
		Auth:      introspect.Auth{Method: "bearer", Secret: func(context.Context) (string, error) { return "our-own-token", nil }},
		Issuer:    "https://id.example.com",
		Audiences: []string{"orders-api"},
	}, &introspect.Options{InsecureAllowHTTP: true, TTL: time.Minute})
	if err != nil {
		log.Panic(err)
	}

	ctx := context.Background()
	_, err = client.Introspect(ctx, "2YotnFZFEjr1zCsicMWpAA")
	fmt.Println(err)
	active = false // the token is revoked
	_, err = client.Introspect(ctx, "2YotnFZFEjr1zCsicMWpAA")
	fmt.Println(err)
	fmt.Println(client.Forget(ctx, "2YotnFZFEjr1zCsicMWpAA"))
	_, err = client.Introspect(ctx, "2YotnFZFEjr1zCsicMWpAA")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// introspect: refused: inactive (active)
}
