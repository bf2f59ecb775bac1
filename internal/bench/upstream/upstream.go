// Package upstream is the issuer whose key set the peers fetch: over loopback, after a delay as of a network, and with the faults that the
// comparison needs.
package upstream

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

// Audience is whom the tokens are for, Scope what they grant.
const (
	Audience = "orders-api"
	Scope    = "orders:read"
)

// Mode is how the key set is served.
type Mode int32

// The modes of an Issuer.
const (
	Up   Mode = iota
	Drop      // the connection ends without an answer
	Hang      // there is no answer, for as long as the client waits
)

// Issuer signs tokens and serves its keys. All methods are safe for concurrent use.
type Issuer struct {
	*localissuer.Issuer

	delay   time.Duration
	mode    atomic.Int32
	fetches atomic.Int64
}

// Start serves until ctx is done; each answer takes delay.
func Start(ctx context.Context, delay time.Duration) (*Issuer, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &Issuer{Issuer: localissuer.New("http://" + ln.Addr().String()), delay: delay}
	server := &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // ends with Close
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return i, nil
}

// ServeHTTP serves the key set as the mode says.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.fetches.Add(1)
	switch Mode(i.mode.Load()) {
	case Drop:
		panic(http.ErrAbortHandler)
	case Hang:
		<-r.Context().Done()
		return
	case Up:
		time.Sleep(i.delay)
	}
	i.Issuer.ServeHTTP(w, r)
}

// Set changes the mode for requests that come from now on.
func (i *Issuer) Set(m Mode) { i.mode.Store(int32(m)) }

// Fetches says how many requests there have been.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

// Token returns an access token with the 13 claims that one of RFC 9068 commonly has. Each edit replaces claims.
func (i *Issuer) Token(alg string, edits ...map[string]any) string {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL(), "aud": Audience, "sub": "alice", "client_id": "shop", "scope": "openid " + Scope + " orders:write",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Unix(), "jti": rand.Text(),
		"acr": "urn:example:loa:2", "tenant": "acme", "roles": []string{"reader", "writer"},
	}
	for _, e := range edits {
		maps.Copy(claims, e)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // these claims are JSON
	}
	return i.Sign(alg, nil, payload)
}

// Stranger returns raw under a key id that nobody has. Its signature is worth nothing, as is that of a flood.
func Stranger(raw, alg string) string {
	_, rest, _ := strings.Cut(raw, ".")
	header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, rand.Text())
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}
