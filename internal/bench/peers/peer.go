// Package peers puts Perimeter and other Go libraries that verify access tokens behind one shape, one file each, so that a reader can
// check that every one of them is at its best: keys cached, algorithms allowed by name, issuer, audience and expiry checked, claims
// read into a struct, 30 seconds of leeway where there is a setting for it, and the same bounds on refreshing where there is one.
//
// What is not checked everywhere is what has no setting: the type at+jwt, the claims that RFC 9068 requires, duplicate and
// differently spelled members. Perimeter checks these too.
package peers

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Facts is what a service knows about its issuer. Every peer is configured from it and from nothing else.
type Facts struct {
	Issuer    string
	KeySetURL string
	Audience  string
	Scope     string           // what the route behind the middleware needs
	Algorithm string           // the only one that is allowed
	Key       crypto.PublicKey // for peers that know no key sets

	Refresh     time.Duration // how often keys are fetched again
	MinInterval time.Duration // pace of the fetches that unknown key ids cause, after a burst of two
	Timeout     time.Duration // of one fetch
}

// leeway is what each peer allows between clocks, if it has a setting.
const leeway = 30 * time.Second

// Claims is what a service reads from a token at the least.
type Claims struct {
	Subject, ClientID, Scope string
	Expiry                   time.Time
}

// Verify says who sent a token, or that it is not good.
type Verify func(ctx context.Context, raw string) (Claims, error)

// Instance is a peer at work.
type Instance struct {
	Verify     Verify
	Middleware func(http.Handler) http.Handler
}

// Peer is one library.
type Peer struct {
	Name    string
	Modules []string // whose versions are the peer's
	// FixedKey is set if the peer knows no key sets: it is given one key at start.
	FixedKey bool
	// Remembers is set if a token seen before is not verified again.
	Remembers bool
	// Wraps is set if the peer leaves the verification to another one of the list: then only what it adds is its own.
	Wraps bool
	// New makes an Instance, which may fetch keys at once and keep goroutines until ctx is done.
	New func(ctx context.Context, f Facts) (Instance, error)
}

// All lists the peers, Perimeter first.
func All() []Peer {
	return []Peer{
		{Name: "Perimeter", Modules: []string{"github.com/perimeter-go/perimeter"}, New: newPerimeter},
		{Name: "Perimeter with a Cache", Modules: []string{"github.com/perimeter-go/perimeter"}, Remembers: true, New: newRememberingPerimeter},
		{Name: "golang-jwt + keyfunc", Modules: []string{"github.com/golang-jwt/jwt/v5", "github.com/MicahParks/keyfunc/v3"}, New: newGolangJWT},
		{Name: "jwx", Modules: []string{"github.com/lestrrat-go/jwx/v3"}, New: newJWX},
		{Name: "go-oidc", Modules: []string{"github.com/coreos/go-oidc/v3"}, New: newGoOIDC},
		{Name: "hashicorp/cap", Modules: []string{"github.com/hashicorp/cap"}, New: newCap},
		{Name: "zitadel/oidc", Modules: []string{"github.com/zitadel/oidc/v3"}, New: newZitadel},
		{Name: "auth0 middleware", Modules: []string{"github.com/auth0/go-jwt-middleware/v3"}, New: newAuth0},
		{Name: "chi jwtauth", Modules: []string{"github.com/go-chi/jwtauth/v5"}, FixedKey: true, New: newJWTAuth},
		{Name: "MCP SDK auth", Modules: []string{"github.com/modelcontextprotocol/go-sdk"}, Wraps: true, New: newMCP},
		{Name: "Kubernetes' cache", Modules: []string{"k8s.io/apiserver"}, Wraps: true, Remembers: true, New: newKubernetes},
	}
}

// spoken is the JSON of the claims that the peers decode into a struct of ours.
type spoken struct {
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

var errNoBearer = errors.New("no bearer token")

type claimsKey struct{}

// bearer is the least middleware that a service writes around a verifier that comes without one: header, verification, scope,
// context.
func bearer(verify Verify, scope string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok {
				http.Error(w, errNoBearer.Error(), http.StatusUnauthorized)
				return
			}
			claims, err := verify(r.Context(), raw)
			switch {
			case err != nil:
				http.Error(w, "invalid token", http.StatusUnauthorized)
			case !granted(claims.Scope, scope):
				http.Error(w, "insufficient scope", http.StatusForbidden)
			default:
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
			}
		})
	}
}

func granted(scopes, wanted string) bool { return slices.Contains(strings.Fields(scopes), wanted) }
