// Package localissuer is an authorization server small enough to read: one process, one loopback port, keys made at start.
//
// It exists so that tests, the quickstart and the gateway's demo have an issuer without a network, and it is written on the
// standard library alone so that what it signs owes nothing to the code that verifies it. It is no model for a real issuer:
// keys and clients live in memory, nothing is rate limited, and it signs whatever its owner asks for.
package localissuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Issuer signs tokens and serves its metadata, its key set, a token endpoint and an introspection endpoint.
//
// All methods are safe for concurrent use.
type Issuer struct {
	url    string
	server *http.Server // nil when made by New

	mu         sync.Mutex
	generation int
	keys       map[string]*signingKey // current key of each algorithm
	announced  []*signingKey          // published beside the current ones
	clients    map[string]client
	issued     map[string]map[string]any // the claims of each access token that was not revoked
	requests   map[string]int
	down       bool
}

type client struct {
	secret string
	scope  string
}

// New returns an issuer that listens nowhere and calls itself url. It is a key source by its method PublicKeys and can be
// mounted by its method ServeHTTP.
func New(url string) *Issuer {
	i := &Issuer{
		url:      url,
		keys:     map[string]*signingKey{},
		clients:  map[string]client{},
		issued:   map[string]map[string]any{},
		requests: map[string]int{},
	}
	i.Rotate()
	return i
}

// Start returns an issuer that serves on a loopback port of the system's choice until Close.
func Start() (*Issuer, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("localissuer: %w", err)
	}
	i := New("http://" + ln.Addr().String())
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = i.server.Serve(ln) }() // ends with Close
	return i, nil
}

// Close stops serving and drops the connections. It does nothing to an issuer made by New.
func (i *Issuer) Close() error {
	if i.server == nil {
		return nil
	}
	return i.server.Close()
}

// URL is the issuer identifier: the iss of its tokens and the issuer of its metadata.
func (i *Issuer) URL() string { return i.url }

// KeySetURL is where the key set is served.
func (i *Issuer) KeySetURL() string { return i.url + pathKeys }

// SetDown makes every endpoint drop the connection without an answer, or mends it.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Requests says how many requests a path has had, those that were dropped included.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// IntrospectionURL is where the issuer tells registered clients about its tokens (RFC 7662).
func (i *Issuer) IntrospectionURL() string { return i.url + pathIntrospection }

// Register admits a client to the token and introspection endpoints, by client_secret_basic, for tokens of at most the given scope,
// and returns its secret.
func (i *Issuer) Register(clientID, scope string) (secret string) {
	secret = rand.Text()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clients[clientID] = client{secret: secret, scope: scope}
	return secret
}

// Rotate replaces every key at once: what was signed before is signed by a key that is no longer published.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.generation++
	clear(i.keys)
	i.announced = nil
	i.mustKey("ES256")
}

// RotateGently replaces the signing keys and goes on publishing the old ones, as an issuer does during a planned rotation.
func (i *Issuer) RotateGently() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.generation++
	for _, k := range i.keys {
		i.announced = append(i.announced, k)
	}
	clear(i.keys)
	i.mustKey("ES256")
}

// AccessToken returns an access token in the form of RFC 9068: typ at+jwt, ES256, five minutes to live, subject and client
// "client-1", scope "orders:read". Each edit replaces claims; a nil value removes one.
func (i *Issuer) AccessToken(audience string, edits ...map[string]any) string {
	claims := i.claims(audience, edits)
	return i.issue(i.Sign("ES256", nil, mustJSON(claims)), claims)
}

// OpaqueToken returns an access token of which only the introspection endpoint can tell. That says the same of it as
// AccessToken does.
func (i *Issuer) OpaqueToken(audience string, edits ...map[string]any) string {
	return i.issue(rand.Text(), i.claims(audience, edits))
}

// Revoke makes a token inactive for the introspection endpoint. A JWT still verifies, as it does with every issuer.
func (i *Issuer) Revoke(tok string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.issued, tok)
}

func (i *Issuer) issue(tok string, claims map[string]any) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued[tok] = claims
	return tok
}

func (i *Issuer) claims(audience string, edits []map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "aud": audience, "sub": "client-1", "client_id": "client-1", "scope": "orders:read",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(),
	}
	for _, e := range edits {
		merge(claims, e)
	}
	return claims
}

// Sign returns the compact JWS of payload, whatever it holds, under the current key of alg. The header is alg, kid and
// typ at+jwt, with the members of edit replaced, or removed where nil.
//
// alg is one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; anything else panics, and so does a
// failing random source: there is nothing a caller could do.
func (i *Issuer) Sign(alg string, edit map[string]any, payload []byte) string {
	i.mu.Lock()
	k := i.mustKey(alg)
	i.mu.Unlock()
	header := map[string]any{"alg": alg, "kid": k.kid, "typ": "at+jwt"}
	merge(header, edit)
	return k.sign(mustJSON(header), payload)
}

// SignRaw is Sign with the header's own bytes, for headers that no JSON encoder would write.
func (i *Issuer) SignRaw(alg string, header, payload []byte) string {
	i.mu.Lock()
	k := i.mustKey(alg)
	i.mu.Unlock()
	return k.sign(header, payload)
}

// KeyID is the kid of the key that signs with alg now.
func (i *Issuer) KeyID(alg string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.mustKey(alg).kid
}

// PublicKeys makes an Issuer a key source without HTTP. It makes no attempt to be realistic: while the issuer is down it
// answers with an error.
func (i *Issuer) PublicKeys(_ context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return nil, errors.New("localissuer: down")
	}
	var found []crypto.PublicKey
	for _, k := range i.published() {
		if (kid == "" || kid == k.kid) && k.alg == canonical(alg) {
			found = append(found, k.private.Public())
		}
	}
	return found, nil
}

// published lists the current keys, then the announced ones. The caller holds mu.
func (i *Issuer) published() []*signingKey {
	all := make([]*signingKey, 0, len(i.keys)+len(i.announced))
	for _, alg := range algorithms {
		if k, ok := i.keys[alg]; ok {
			all = append(all, k)
		}
	}
	return append(all, i.announced...)
}

// mustKey returns the current key of alg and makes it on first use. The caller holds mu.
func (i *Issuer) mustKey(alg string) *signingKey {
	alg = canonical(alg)
	if k, ok := i.keys[alg]; ok {
		return k
	}
	k := newSigningKey(alg, i.generation)
	i.keys[alg] = k
	return k
}

func merge(into, edit map[string]any) {
	maps.Copy(into, edit)
	maps.DeleteFunc(into, func(_ string, v any) bool { return v == nil })
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("localissuer: not JSON: %v", err))
	}
	return b
}
