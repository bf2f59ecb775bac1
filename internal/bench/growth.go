package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/perimeter-go/perimeter/internal/bench/upstream"
	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
	"github.com/perimeter-go/perimeter/token"
)

// sweep is one thing that grows, and a target for each of its sizes.
type sweep struct {
	what  string
	unit  string
	sizes []int
	make  func(ctx context.Context, n int) (target, error)
}

// growths is the section on cost against size, of Perimeter alone.
func growths(ctx context.Context, s size) (string, error) {
	sweeps := []sweep{
		{"issuers in a Mux, a token refused before its signature", "issuer", powers(10_000, s), manyIssuers},
		{"issuers in a Mux, a remembered token", "issuer", powers(10_000, s), manyIssuersRemembered},
		{"keys in a set", "key", powers(100, s), manyKeys},
		{"rules in a route table", "rule", powers(10_000, s), manyRules},
		{"bytes of a token, verified, ES256", "byte", []int{256, 1024, 4096, 16 << 10}, longToken},
		{"bytes of a token, remembered", "byte", []int{256, 1024, 4096, 16 << 10}, longTokenRemembered},
	}
	rows := table{{"what grows", "from → to", "cost of each", "last / first", "verdict"}}
	for _, w := range sweeps {
		row, err := w.run(ctx, s)
		if err != nil {
			return "", fmt.Errorf("%s: %w", w.what, err)
		}
		rows = append(rows, row)
	}
	more, err := manyTokens(ctx, s)
	if err != nil {
		return "", err
	}
	rows = append(rows, more...)
	return section("Cost as the work grows", "One look-up or verification of Perimeter in tables of each size. Constant: the last costs at most a quarter more than the first. Otherwise the better "+
		"of two least-squares lines, over the logarithm of the size and over the size, and its slope. Remembered tokens are judged beside the SHA-256 of the same "+
		"tokens.", rows), nil
}

// powers are 1, 10, 100 and so on, up to last or the most that a run is to do.
func powers(last int, s size) (sizes []int) {
	for n := 1; n <= min(last, s.most); n *= 10 {
		sizes = append(sizes, n)
	}
	return sizes
}

func (w sweep) run(ctx context.Context, s size) ([]string, error) {
	targets := make([]target, len(w.sizes))
	for i, n := range w.sizes {
		t, err := w.make(ctx, n)
		if err != nil {
			return nil, err
		}
		targets[i] = t
	}
	measured, err := measure(targets, s)
	if err != nil {
		return nil, err
	}
	return grown(w.what, w.unit, w.sizes, measured), nil
}

// grown is a row of the table.
func grown(what, unit string, sizes []int, measured []cost) []string {
	ns, each := make([]float64, len(sizes)), make([]string, len(sizes))
	for i, c := range measured {
		ns[i], each[i] = c.ns, nanos(c.ns)
	}
	last := len(sizes) - 1
	return []string{
		what, fmt.Sprintf("%d → %d", sizes[0], sizes[last]), strings.Join(each, ", "),
		ratio(ns[last], ns[0]), verdict(unit, sizes, ns),
	}
}

// verdict says how ns grows with sizes.
func verdict(unit string, sizes []int, ns []float64) string {
	if ns[len(ns)-1] <= 1.25*ns[0] {
		return "constant"
	}
	linear, logarithmic := make([]float64, len(sizes)), make([]float64, len(sizes))
	for i, n := range sizes {
		linear[i], logarithmic[i] = float64(n), math.Log2(float64(n))
	}
	slope, off := fit(linear, ns)
	slopeLog, offLog := fit(logarithmic, ns)
	if off <= offLog {
		return fmt.Sprintf("linear, %.2g ns per %s", slope, unit)
	}
	return fmt.Sprintf("logarithmic, %.2g ns per doubling", slopeLog)
}

// fit is the least-squares line through the points, and the sum of the squares that it is off.
func fit(x, y []float64) (slope, off float64) {
	var mx, my, sxx, sxy float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(y))
	}
	for i := range x {
		sxx, sxy = sxx+(x[i]-mx)*(x[i]-mx), sxy+(x[i]-mx)*(y[i]-my)
	}
	slope = sxy / sxx
	for i := range x {
		d := y[i] - my - slope*(x[i]-mx)
		off += d * d
	}
	return slope, off
}

var errAccepted = errors.New("bench: an expired token was accepted")

// local is an issuer whose keys need no network; it signs ES256 and EdDSA.
var local = sync.OnceValue(func() *upstream.Issuer {
	return &upstream.Issuer{Issuer: localissuer.New("https://id.example.com")}
})

// localKeys are the keys of local as a service has them.
func localKeys() (*jwks.Set, error) {
	i := local()
	i.KeyID("EdDSA") // makes the key
	w := &record{header: http.Header{}}
	r, err := http.NewRequest(http.MethodGet, i.KeySetURL(), nil)
	if err != nil {
		return nil, err
	}
	i.Issuer.ServeHTTP(w, r)
	return jwks.Parse(w.body)
}

// record is a ResponseWriter that keeps the body.
type record struct {
	header http.Header
	body   []byte
}

func (r *record) Header() http.Header { return r.header }
func (r *record) WriteHeader(int)     {}
func (r *record) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}

// muxOf has n issuers; the last is local.
func muxOf(n int, cache *token.Cache) (*token.Mux, error) {
	keys, err := localKeys()
	if err != nil {
		return nil, err
	}
	verifiers := make([]*token.Verifier, n)
	for i := range verifiers {
		name := fmt.Sprintf("https://id%d.example.com", i)
		if i == n-1 {
			name = local().URL()
		}
		verifiers[i], err = token.NewVerifier(keys, token.AccessTokenPolicy(name, upstream.Audience), &token.Options{Cache: cache})
		if err != nil {
			return nil, err
		}
	}
	return token.NewMux(verifiers...)
}

func manyIssuers(ctx context.Context, n int) (target, error) {
	mux, err := muxOf(n, nil)
	raw := local().Token("ES256", map[string]any{"exp": 1})
	return repeat("", func() error {
		if _, err := mux.Verify(ctx, raw); token.ReasonOf(err) != token.ReasonExpired {
			return errors.Join(errAccepted, err)
		}
		return nil
	}), err
}

func manyIssuersRemembered(ctx context.Context, n int) (target, error) {
	cache, err1 := token.NewCache(100, 1<<20)
	mux, err2 := muxOf(n, cache)
	return verifying(ctx, mux, []string{local().Token("ES256")}), errors.Join(err1, err2)
}

// verifier is what Verifier and Mux have in common.
type verifier interface {
	Verify(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)
}

// verifying goes round the tokens.
func verifying(ctx context.Context, v verifier, tokens []string) target {
	return target{"", func(n int) error {
		for i := range n {
			if _, err := v.Verify(ctx, tokens[i%len(tokens)]); err != nil {
				return err
			}
		}
		return nil
	}}
}

var errNoKey = errors.New("bench: a key is not found")

// manyKeys looks up each key of the set in turn. The keys are one point under many names: reading one does not depend on it.
func manyKeys(ctx context.Context, n int) (target, error) {
	names := make([]string, n)
	entries := make([]map[string]string, n)
	for i := range entries {
		names[i] = fmt.Sprintf("key-%d", i)
		entries[i] = map[string]string{"kty": "EC", "crv": "P-256", "kid": names[i], "alg": "ES256", "use": "sig", "x": generator[0], "y": generator[1]}
	}
	document, err1 := json.Marshal(map[string]any{"keys": entries})
	set, err2 := jwks.Parse(document)
	return target{"", func(times int) error {
		for i := range times {
			if found, err := set.PublicKeys(ctx, names[i%n], "ES256"); err != nil || len(found) != 1 {
				return errors.Join(errNoKey, err)
			}
		}
		return nil
	}}, errors.Join(err1, err2)
}

// generator is the base point of P-256.
var generator = [2]string{"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}

// known is the least that an authenticator can do.
type known struct{ id middleware.Identity }

func (k *known) Authenticate(*http.Request) (middleware.Identity, error) { return k.id, nil }

func manyRules(_ context.Context, n int) (target, error) {
	shapes := []string{"GET /tenant/{t}/service%d/items/{id}/parts", "POST /tenant/{t}/service%d/items", "/tenant/{t}/service%d/files/{f...}", "GET /v%d/{$}"}
	rules := make([]middleware.Rule, n)
	for i := range rules {
		rules[i] = middleware.Rule{Pattern: fmt.Sprintf(shapes[i%len(shapes)], i/len(shapes)), Scope: scope.All(upstream.Scope)}
	}
	routes, err1 := middleware.NewRoutes(rules...)
	guard, err2 := middleware.New(&known{middleware.Identity{Subject: "alice", Scopes: scope.Granted(upstream.Scope)}}, nil)
	path := fmt.Sprintf("/tenant/acme/service%d/items/77/parts", n/len(shapes)/2)
	r, err3 := http.NewRequest(http.MethodGet, path, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return target{}, err
	}
	r.RequestURI = path
	return serving("routes", r, guard.Routes(routes)), nil
}

// longToken verifies a token of n bytes. The shortest have the claims that a policy cannot do without.
func longToken(ctx context.Context, n int) (target, error) {
	return tokenOf(ctx, n, nil)
}

func longTokenRemembered(ctx context.Context, n int) (target, error) {
	cache, err := token.NewCache(100, 1<<20)
	if err != nil {
		return target{}, err
	}
	return tokenOf(ctx, n, cache)
}

func tokenOf(ctx context.Context, n int, cache *token.Cache) (target, error) {
	keys, err := localKeys()
	if err != nil {
		return target{}, err
	}
	v, err := token.NewVerifier(keys, token.Policy{Issuer: local().URL(), Audiences: []string{"a"}}, &token.Options{Cache: cache})
	raw := padded(n)
	if err == nil && (len(raw) > n || len(raw) < n-8) {
		err = fmt.Errorf("bench: a token has %d bytes, not %d", len(raw), n)
	}
	return verifying(ctx, v, []string{raw}), err
}

// padded is a token of almost n bytes: four characters are three bytes.
func padded(n int) string {
	sign := func(padding int) string {
		payload := fmt.Sprintf(`{"iss":%q,"aud":"a","exp":%d,"x":%q}`, local().URL(), time.Now().Add(time.Hour).Unix(), strings.Repeat("x", padding))
		return local().Sign("ES256", map[string]any{"typ": nil}, []byte(payload))
	}
	return sign(max(0, n-len(sign(0))-4) * 3 / 4)
}
