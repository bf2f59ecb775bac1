package limit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

// apiKeys is an authenticator of one's own. It need not know that it is limited.
type apiKeys map[string]string

func (keys apiKeys) Authenticate(r *http.Request) (middleware.Identity, error) {
	key := r.Header.Get("X-Api-Key")
	if key == "" {
		return middleware.Identity{}, middleware.ErrNoCredentials
	}
	subject, ok := keys[key]
	if !ok {
		return middleware.Identity{}, middleware.ErrRefused
	}
	return middleware.Identity{Subject: subject}, nil
}

func ExampleNew() {
	authenticator := apiKeys{"k-alice": "alice"}

	limiter, err := limit.New(limit.Config{
		PerMinute:      30, // guesses
		Burst:          30,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, // who may say X-Forwarded-For
		Headers:        []string{"X-Api-Key"},                               // where credentials stand besides Authorization
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := middleware.New(authenticator, &middleware.Options{Limiter: limiter})
	fmt.Println(guard != nil, err)
	// Output: true <nil>
}

func ExampleLimiter_Authenticate() {
	limiter, err := limit.New(limit.Config{PerMinute: 1, Burst: 2, Headers: []string{"X-Api-Key"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := apiKeys{"k-alice": "alice", "k-bob": "bob"}
	for _, key := range []string{"k-alice", "guess-1", "guess-2", "guess-3", "k-bob", "k-alice"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil) // all from one address
		r.Header.Set("X-Api-Key", key)
		id, err := limiter.Authenticate(r, keys)
		fmt.Printf("%-8s %s %v\n", key, id.Subject, err)
	}
	// Output:
	// k-alice  alice <nil>
	// guess-1   middleware: credential refused
	// guess-2   middleware: credential refused
	// guess-3   limit: too many wrong credentials from this peer
	// k-bob     limit: too many wrong credentials from this peer
	// k-alice  alice <nil>
}
