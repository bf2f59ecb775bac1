package peers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
)

var errNotAuthenticated = errors.New("not authenticated")

// newKubernetes is the token cache of the Kubernetes API server over go-oidc, on which the server's own verifier is built.
//
// At its best: a token is remembered for ten minutes (the API server: ten seconds), so that every hit is a hit; failures are not
// remembered.
func newKubernetes(ctx context.Context, f Facts) (Instance, error) {
	inner, err := newGoOIDC(ctx, f)
	if err != nil {
		return Instance{}, err
	}
	remembering := cache.New(authenticator.TokenFunc(func(ctx context.Context, raw string) (*authenticator.Response, bool, error) {
		c, err := inner.Verify(ctx, raw)
		if err != nil {
			return nil, false, err
		}
		info := &user.DefaultInfo{Name: c.Subject, UID: c.ClientID, Groups: []string{c.Scope}}
		return &authenticator.Response{User: info}, true, nil
	}), false, 10*time.Minute, 0)
	verify := func(ctx context.Context, raw string) (Claims, error) {
		res, ok, err := remembering.AuthenticateToken(ctx, raw)
		if err != nil {
			return Claims{}, err
		}
		if !ok {
			return Claims{}, errNotAuthenticated
		}
		return Claims{Subject: res.User.GetName(), ClientID: res.User.GetUID(), Scope: res.User.GetGroups()[0]}, nil
	}
	return Instance{verify, bearer(verify, f.Scope)}, nil
}
