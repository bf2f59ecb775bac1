package middleware_test

import (
	"net/http"
	"testing"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

// The whole way, from the header of a request to the answer, with a real verifier.
func TestAGuardedRouteWithRealTokens(t *testing.T) {
	i := localissuer.New("https://id.example")
	other := localissuer.New("https://id.example") // the same name, other keys
	bearer := func(raw string) string { return "Authorization: Bearer " + raw }
	const refused = `Bearer error="invalid_token"`
	for _, row := range []struct {
		name    string
		headers []string
		down    bool
		want    want
	}{
		{name: "a good token", headers: []string{bearer(i.AccessToken(audience))}, want: want{status: 200}},
		{name: "none", want: want{status: 401, challenge: `Bearer`}},
		{name: "none, while the issuer is down", down: true, want: want{status: 401, challenge: `Bearer`}},
		{name: "another scheme", headers: []string{"Authorization: Basic YTpi"}, want: want{status: 401, challenge: refused}},
		{name: "an opaque token, which nobody here takes", headers: []string{bearer("ory_at_abc.def")}, want: want{status: 401, challenge: refused}},
		{name: "expired", headers: []string{bearer(i.AccessToken(audience, map[string]any{"exp": 1}))}, want: want{status: 401, challenge: refused}},
		{name: "expired, while the issuer is down", headers: []string{bearer(i.AccessToken(audience, map[string]any{"exp": 1}))}, down: true, want: want{status: 401, challenge: refused}},
		{name: "for another audience", headers: []string{bearer(i.AccessToken("other-api"))}, want: want{status: 401, challenge: refused}},
		{name: "signed by somebody else", headers: []string{bearer(other.AccessToken(audience))}, want: want{status: 401, challenge: refused}},
		{name: "alg none", headers: []string{bearer(b64(`{"alg":"none"}`) + "." + b64(`{"sub":"root"}`) + ".")}, want: want{status: 401, challenge: refused}},
		{
			name: "without the scope", headers: []string{bearer(i.AccessToken(audience, map[string]any{"scope": "orders:write"}))},
			want: want{status: 403, challenge: `Bearer error="insufficient_scope", scope="orders:read"`},
		},
		{
			name: "a scope that looks like it", headers: []string{bearer(i.AccessToken(audience, map[string]any{"scope": "Orders:Read orders:read,x orders:reader"}))},
			want: want{status: 403, challenge: `Bearer error="insufficient_scope", scope="orders:read"`},
		},
		{
			name: "no scope at all", headers: []string{bearer(i.AccessToken(audience, map[string]any{"scope": nil}))},
			want: want{status: 403, challenge: `Bearer error="insufficient_scope", scope="orders:read"`},
		},
		{name: "sent twice", headers: []string{bearer(i.AccessToken(audience)), bearer(i.AccessToken(audience))}, want: want{status: 400, challenge: `Bearer error="invalid_request"`}},
		{name: "a list", headers: []string{bearer("a, Bearer b")}, want: want{status: 400, challenge: `Bearer error="invalid_request"`}},
		{name: "good, but the keys cannot be had", headers: []string{bearer(i.AccessToken(audience))}, down: true, want: want{status: 503, retryAfter: "5"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			i.SetDown(row.down)
			defer i.SetDown(false)
			g := newGuard(t, middleware.JWT(newVerifier(t, i)))
			routes := newRoutes(t, middleware.Rule{Pattern: "GET /orders/{id}", Scope: scope.All("orders:read")})
			requireAnswer(t, row.want, g.Routes(routes)(reached), request(http.MethodGet, "/orders/7", row.headers...))
		})
	}
}
