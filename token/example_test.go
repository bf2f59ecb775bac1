package token_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// A resource server verifies access tokens by the keys that the issuer publishes.
func Example() {
	issuer, err := localissuer.Start() // stands for the authorization server
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()

	keys, err := jwks.New(issuer.KeySetURL(), &jwks.Options{InsecureAllowHTTP: true}) // the stand-in has no certificate
	if err != nil {
		log.Panic(err)
	}
	verifier, err := token.NewVerifier(keys, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		log.Panic(err)
	}

	for _, raw := range []string{issuer.AccessToken("orders-api"), issuer.AccessToken("billing-api"), "opaque"} {
		claims, err := verifier.Verify(context.Background(), raw)
		switch {
		case errors.Is(err, token.ErrRefused):
			fmt.Println("401", token.ReasonOf(err))
		case err != nil:
			fmt.Println("503") // the keys could not be had: the token may be as good as ever
		default:
			fmt.Println("200", claims.Subject(), claims.Scopes())
		}
	}
	// Output:
	// 200 client-1 orders:read
	// 401 audience
	// 401 malformed
}

// Two issuers, each with its own keys and its own policy.
func ExampleNewMux() {
	staff, partners := localissuer.New("https://id.example.com"), localissuer.New("https://partners.example.com")

	ours, err := token.NewVerifier(staff, token.AccessTokenPolicy(staff.URL(), "orders-api"), nil)
	if err != nil {
		log.Fatal(err)
	}
	policy := token.AccessTokenPolicy(partners.URL(), "orders-api")
	policy.ScopesAllowed = []string{"orders:read"} // whatever partners grant each other
	theirs, err := token.NewVerifier(partners, policy, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux, err := token.NewMux(ours, theirs)
	if err != nil {
		log.Fatal(err)
	}

	everything := map[string]any{"scope": "orders:read orders:write"}
	for _, issuer := range []*localissuer.Issuer{staff, partners} {
		claims, err := mux.Verify(context.Background(), issuer.AccessToken("orders-api", everything))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(claims.Issuer(), "grants", claims.Scopes())
	}
	// Output:
	// https://id.example.com grants orders:read orders:write
	// https://partners.example.com grants orders:read
}

// Tokens that were verified are remembered, and a key that was withdrawn is seen at once.
func ExampleNewCache() {
	issuer := localissuer.New("https://id.example.com")
	cache, err := token.NewCache(100_000, 200<<20) // tokens, and bytes that they take at most
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), &token.Options{Cache: cache})
	if err != nil {
		log.Fatal(err)
	}

	raw := issuer.AccessToken("orders-api")
	for range 2 {
		_, err = verifier.Verify(context.Background(), raw)
		entries, _ := cache.Size()
		fmt.Println(err, entries)
	}
	issuer.Rotate() // the old keys are withdrawn
	_, err = verifier.Verify(context.Background(), raw)
	entries, _ := cache.Size()
	fmt.Println(err, entries)
	// Output:
	// <nil> 1
	// <nil> 1
	// token: refused: unknown_key (kid) 0
}

// Claims of an issuer's own are read into a type of the service's own.
func ExampleClaims_Decode() {
	issuer := localissuer.New("https://id.example.com")
	verifier, err := token.NewVerifier(issuer, token.AccessTokenPolicy(issuer.URL(), "orders-api"), nil)
	if err != nil {
		log.Fatal(err)
	}
	raw := issuer.AccessToken("orders-api", map[string]any{"tenant": "acme", "limits": map[string]int{"orders": 5}})
	claims, err := verifier.Verify(context.Background(), raw)
	if err != nil {
		log.Fatal(err)
	}

	var own struct {
		Tenant string         `json:"tenant"`
		Limits map[string]int `json:"limits"`
	}
	if err := claims.Decode(&own); err != nil {
		log.Fatal(err)
	}
	fmt.Println(own.Tenant, own.Limits["orders"])
	// Output: acme 5
}

// A preset says how a product's tokens are to be read. The policy that it returns can be narrowed.
func ExamplePreset_Policy() {
	policy, err := token.GitHubActions.Policy("https://token.actions.githubusercontent.com", "https://deploy.example.com")
	if err != nil {
		log.Fatal(err)
	}
	policy.RequiredClaims["repository"] = "acme/orders" // everybody on GitHub can get a token for this audience
	policy.RequiredClaims["ref"] = "refs/heads/main"
	fmt.Println(policy.Audiences, policy.RequiredClaims["repository"])

	_, err = token.Auth0.Policy("https://example.eu.auth0.com", "https://orders.example.com")
	fmt.Println(err)
	// Output:
	// [https://deploy.example.com] acme/orders
	// token: preset auth0: "https://example.eu.auth0.com" is not its issuer: it ends in a slash
}
