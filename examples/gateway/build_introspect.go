package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

// maxAnswerAge is how long ago a signed answer may have been signed.
const maxAnswerAge = time.Minute

var errNotAToken = errors.New("holds a byte that no access token has")

// checkIntrospectionByBuilding finds what the package introspect does not take.
func (i *issuerConfig) checkIntrospectionByBuilding(m *mistakes) {
	if i.introspection != nil {
		i.introspection.options(m)
	}
}

// options takes the members one by one, as issuerConfig.keyOptions does.
func (s *introspectionConfig) options(m *mistakes) *introspect.Options {
	opts := &introspect.Options{}
	sample := introspect.Config{
		Endpoint: "https://introspection.invalid", Issuer: "issuer", Audiences: []string{"audience"},
		Auth: introspect.Auth{Method: bearerAuth, Secret: func(context.Context) (string, error) { return "", nil }},
	}
	for _, member := range []struct {
		name  string
		value time.Duration
		field *time.Duration
	}{
		{"ttl", s.ttl, &opts.TTL},
		{"negative_ttl", s.negativeTTL, &opts.NegativeTTL},
		{"timeout", s.timeout, &opts.Timeout},
	} {
		*member.field = member.value
		if _, err := introspect.New(sample, opts); err != nil {
			m.addAll(s.path+"."+member.name, err)
			*member.field = 0
		}
	}
	return opts
}

// readSecret reads the client secret, or the access token, which is checked because a header has to carry it.
func (s *introspectionConfig) readSecret() (string, error) {
	text, err := readSecret(s.clientSecretFile)
	if err == nil && s.auth == bearerAuth && strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errNotAToken
	}
	return text, err
}

// introspector makes the client of one issuer's endpoint. It asks for nothing yet. A nil store shares nothing.
func (i *issuerConfig) introspector(keys *jwks.Cache, shared *sharedStore, event func(string), log *slog.Logger) (*introspector, error) {
	s := i.introspection
	log = log.With("issuer", i.issuer)
	warnIfOpen(log, s.path+".client_secret_file", s.clientSecretFile)
	secret, err := newSecretFile(s.readSecret, log)
	if err != nil {
		return nil, err
	}
	asked := &introspector{log: log, counts: map[string]int64{}}
	opts := s.options(newMistakes())
	opts.InsecureAllowHTTP = i.insecureAllowHTTP
	opts.Observe = func(name string) { asked.count(name); event(name) }
	if shared != nil {
		opts.Store, opts.StoreKey = shared, shared.key
	}
	if s.signed {
		if opts.Verify, err = i.answerVerifier(keys); err != nil {
			return nil, err
		}
	}
	asked.Client, err = introspect.New(introspect.Config{
		Endpoint: s.endpoint, Issuer: i.issuer, Audiences: i.audiences,
		Auth: introspect.Auth{
			Method: s.auth, ClientID: s.clientID,
			Secret: func(context.Context) (string, error) { return secret.current(), nil },
		},
	}, opts)
	return asked, err
}

// answerVerifier verifies signed answers (RFC 9701) under the keys that the issuer's tokens are verified under.
func (i *issuerConfig) answerVerifier(keys *jwks.Cache) (func(context.Context, string) ([]byte, error), error) {
	v, err := token.NewVerifier(keys, token.Policy{
		Issuer: i.issuer, Audiences: []string{i.introspection.clientID}, Type: "token-introspection+jwt",
		MaxAge: maxAnswerAge, Algorithms: i.algorithms, Leeway: i.leeway,
	}, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, jwt string) ([]byte, error) {
		claims, err := v.Verify(ctx, jwt)
		return claims.Payload(), err
	}, nil
}
