package peers

import (
	"context"
	"net/http"

	"github.com/go-chi/jwtauth/v5"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// newJWTAuth is chi's jwtauth with one key, which is all that it takes, and its own middleware.
//
// At its best: the token is looked for in the header alone.
func newJWTAuth(_ context.Context, f Facts) (Instance, error) {
	auth := jwtauth.New(f.Algorithm, nil, f.Key,
		jwt.WithIssuer(f.Issuer), jwt.WithAudience(f.Audience), jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithAcceptableSkew(leeway))
	verify := func(_ context.Context, raw string) (Claims, error) {
		tok, err := jwtauth.VerifyToken(auth, raw)
		if err != nil {
			return Claims{}, err
		}
		return jwtauthClaims(tok), nil
	}
	return Instance{verify, func(next http.Handler) http.Handler {
		return jwtauth.Verify(auth, jwtauth.TokenFromHeader)(jwtauth.Authenticator(auth)(jwtauthScope(f.Scope, next)))
	}}, nil
}

func jwtauthClaims(tok jwt.Token) Claims {
	c := Claims{Subject: tok.Subject(), Expiry: tok.Expiration()}
	if v, ok := tok.Get("client_id"); ok {
		c.ClientID, _ = v.(string)
	}
	if v, ok := tok.Get("scope"); ok {
		c.Scope, _ = v.(string)
	}
	return c
}

// jwtauthScope is what jwtauth leaves to the service. It reads the token by its key: FromContext would make a map of all claims.
func jwtauthScope(scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tok, ok := r.Context().Value(jwtauth.TokenCtxKey).(jwt.Token)
		if !ok || !granted(jwtauthClaims(tok).Scope, scope) {
			http.Error(w, "insufficient scope", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
