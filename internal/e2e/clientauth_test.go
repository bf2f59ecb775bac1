package e2e_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

// A proof is one way to authenticate: as what it is registered, how it is done, and how somebody does it who is another.
type proof struct {
	name                   string
	registered             members
	auth, anothers         introspect.Auth
	client, anothersClient *http.Client // with a certificate; the endpoint is then that with TLS
}

func TestAnOpaqueTokenIsAcceptedWithEachClientAuthentication(t *testing.T) {
	ca := newAuthority(t)
	// Every printable character that form-encoding changes, and the colon that ends the user name. RFC 6749 appendix A allows no
	// others in either.
	const odd = ` !"#$%&'()*+,/:;<=>?@[\]^{|}~%41%zz+`
	proofs := []proof{
		bySecret("client_secret_basic", "by-basic", rand.Text()),
		bySecret("client_secret_basic", "by-basic"+odd, odd+rand.Text()+odd),
		bySecret("client_secret_post", "by-post", rand.Text()),
		bySecret("client_secret_post", "by-post"+odd, odd+rand.Text()+odd),
		byCertificate(ca, "tls_client_auth", members{"tls_client_auth_san_dns": "orders.example.com"},
			ca.forClient("orders.example.com"), newAuthority(t).forClient("orders.example.com")),
		bySelfSigned(t, ca),
	}
	for _, alg := range []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		proofs = append(proofs, byKey(t, alg))
	}
	var registered []members
	for _, p := range proofs {
		registered = append(registered, p.registered)
	}
	i := startIssuerWithTLS(t, "", ca.serverFiles(), registered...)
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) {
			token := i.opaque()
			result, err := p.introspector(t, i, p.auth, p.client).Introspect(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, i.ClientID, result.ClientID())
			require.Equal(t, i.URL, result.Issuer())
			require.Equal(t, "orders:read", result.Scopes().String())
			require.WithinDuration(t, time.Now().Add(time.Hour), result.Expiry(), time.Minute)

			asked := i.asked()
			err = ask(t, p.introspector(t, i, p.anothers, p.anothersClient), token)
			requireUndecided(t, err, token)
			require.ErrorContains(t, err, "401")
			require.Equal(t, asked+1, i.asked())
		})
	}
}

func (p proof) introspector(t *testing.T, i *issuer, auth introspect.Auth, client *http.Client) *introspect.Client {
	t.Helper()
	c := i.introspection(auth)
	if client != nil {
		c.Endpoint = i.TLS + "/introspect"
	}
	return newIntrospector(t, c, introspect.Options{HTTPClient: client})
}

func bySecret(method, id, secret string) proof {
	auth := func(secret string) introspect.Auth {
		return introspect.Auth{
			Method: method, ClientID: id,
			Secret: func(context.Context) (string, error) { return secret, nil },
		}
	}
	return proof{
		name:       method + " of " + id,
		registered: members{"client_id": id, "client_secret": secret, "token_endpoint_auth_method": method},
		auth:       auth(secret), anothers: auth(secret + "+"),
	}
}

func byKey(t *testing.T, alg string) proof {
	t.Helper()
	id := "by-" + alg
	auth := func(key crypto.Signer) introspect.Auth {
		return introspect.Auth{
			Method: "private_key_jwt", ClientID: id, Algorithm: alg,
			Key: func(context.Context) (crypto.Signer, string, error) { return key, "key-1", nil },
		}
	}
	key := newKey(t, alg)
	return proof{
		name: "private_key_jwt with " + alg,
		registered: members{"client_id": id, "token_endpoint_auth_method": "private_key_jwt", "jwks": jose.JSONWebKeySet{
			Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "key-1", Algorithm: alg, Use: "sig"}},
		}},
		auth: auth(key), anothers: auth(newKey(t, alg)),
	}
}

func newKey(t *testing.T, alg string) (key crypto.Signer) {
	t.Helper()
	var err error
	switch alg {
	case "RS256", "PS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA", "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	require.NoError(t, err)
	return key
}

// byCertificate presents own or anothers; what the issuer knows of it besides the method is in known.
func byCertificate(ca *authority, method string, known members, own, anothers tls.Certificate) proof {
	auth := introspect.Auth{Method: "tls_client_auth", ClientID: "by-" + method}
	known["client_id"], known["token_endpoint_auth_method"] = auth.ClientID, method
	return proof{
		name: method, registered: known, auth: auth, anothers: auth,
		client: ca.client(own), anothersClient: ca.client(anothers),
	}
}

// bySelfSigned registers the certificate itself (RFC 8705 section 2.2): nobody vouches for it.
func bySelfSigned(t *testing.T, ca *authority) proof {
	t.Helper()
	own, anothers := selfSigned(t, "orders"), selfSigned(t, "orders")
	known := members{"jwks": jose.JSONWebKeySet{
		Keys: []jose.JSONWebKey{{Key: own.Leaf.PublicKey, Certificates: []*x509.Certificate{own.Leaf}}},
	}}
	return byCertificate(ca, "self_signed_tls_client_auth", known, own, anothers)
}

func TestAWrongSecretIsUndecidedAndForgottenOnceItIsRight(t *testing.T) {
	s := newResourceServer()
	i := startIssuer(t, "", s.registered())
	asker := newIntrospector(t, i.introspection(s.auth()), introspect.Options{})
	token, wrong := i.opaque(), rand.Text()
	for n := range 4 { // one less than what opens a pause
		s.secret.Store(&wrong)
		err := ask(t, asker, token)
		requireUndecided(t, err, wrong, s.correct, token)
		require.ErrorContains(t, err, "401")
		require.Equal(t, n+1, i.asked(), "what is undecided because of ourselves is not remembered")
	}
	s.secret.Store(&s.correct)
	requireAccepted(t, asker, token)
	require.Equal(t, 5, i.asked())

	s.secret.Store(&wrong)
	requireAccepted(t, asker, token)
	require.Equal(t, 5, i.asked(), "what is remembered needs no secret")
}
