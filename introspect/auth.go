package introspect

import (
	"context"
	"crypto"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Auth is how we authenticate to the introspection endpoint, which RFC 7662 section 2.1 requires.
//
// Secrets are functions. They are called for every call to the endpoint, possibly by several goroutines at once, so that a secret
// can be replaced while the service runs: keep it at hand, in an atomic.Pointer or a cache of its own. What they return, and the text
// of their errors, goes into no error and no log.
type Auth struct {
	// Method is one of the registered names (RFC 8414 section 2), or bearer:
	//
	//	client_secret_basic  ClientID and Secret, form-encoded, in the Authorization header (RFC 6749 section 2.3.1)
	//	client_secret_post   ClientID and Secret in the body
	//	private_key_jwt      ClientID and a short-lived JWT signed with Key (RFC 7523)
	//	tls_client_auth      ClientID, and the client certificate of Options.HTTPClient (RFC 8705); self-signed ones as well
	//	bearer               an access token of our own, from Secret
	Method string

	// ClientID is who we are. Required, but for bearer.
	ClientID string

	// Secret returns the client secret, or with bearer the access token.
	Secret func(ctx context.Context) (string, error)

	// Key returns the key that signs the assertions of private_key_jwt, and its key id, "" for none. It may live in hardware.
	Key func(ctx context.Context) (key crypto.Signer, keyID string, err error)

	// Algorithm is that of the assertions. The default follows the key: RS256, ES256, ES384, ES512 or EdDSA. PS256 must be asked
	// for, and so must the name Ed25519 (RFC 9864) for EdDSA.
	Algorithm string

	// Audience is aud of the assertions. The default is Config.Issuer.
	Audience string

	_ struct{}
}

// credentials puts what proves who we are into a request.
type credentials func(ctx context.Context, form url.Values, header http.Header) error

// needs says which fields a method reads.
var needs = map[string]struct{ clientID, secret, key bool }{
	"client_secret_basic": {clientID: true, secret: true},
	"client_secret_post":  {clientID: true, secret: true},
	"private_key_jwt":     {clientID: true, key: true},
	"tls_client_auth":     {clientID: true},
	"bearer":              {secret: true},
}

func (m *mistakes) checkAuth(a Auth, client *http.Client) {
	n, known := needs[a.Method]
	if !known {
		m.addf("Auth.Method %q is not one of client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, bearer", a.Method)
		return
	}
	if n.clientID && a.ClientID == "" {
		m.addf("Auth.ClientID is empty")
	}
	if n.secret != (a.Secret != nil) {
		m.addf("Auth.Secret is %s with %s", given(a.Secret != nil), a.Method)
	}
	if n.key != (a.Key != nil) {
		m.addf("Auth.Key is %s with %s", given(a.Key != nil), a.Method)
	}
	if !n.key && a.Algorithm+a.Audience != "" {
		m.addf("Auth.Algorithm and Auth.Audience are for private_key_jwt")
	}
	if a.Algorithm != "" && !slices.Contains(assertionAlgorithms, a.Algorithm) {
		m.addf("Auth.Algorithm %q is not one of %s", a.Algorithm, strings.Join(assertionAlgorithms, " "))
	}
	if a.Method == "tls_client_auth" && !mayPresent(client) {
		m.addf("Options.HTTPClient has no client certificate, which tls_client_auth is")
	}
}

func given(is bool) string {
	if is {
		return "set, which means nothing"
	}
	return "missing"
}

// mayPresent reports whether a client may have a certificate to present. Of a RoundTripper that is not net/http's nobody can tell.
func mayPresent(client *http.Client) bool {
	if client == nil || client.Transport == nil {
		return false
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok || t.DialTLSContext != nil {
		return true
	}
	var c *tls.Config
	if t != nil {
		c = t.TLSClientConfig
	}
	return c != nil && (len(c.Certificates) > 0 || c.GetClientCertificate != nil)
}

// compile returns how to authenticate. a has been checked.
func (a Auth) compile(issuer string) credentials {
	switch a.Method {
	case "client_secret_basic":
		return a.basic
	case "client_secret_post":
		return a.post
	case "private_key_jwt":
		if a.Audience == "" {
			a.Audience = issuer
		}
		return a.assertion
	case "tls_client_auth":
		return a.certificate
	default:
		return a.bearer
	}
}

// secret returns a secret that is there.
func (a Auth) secret(ctx context.Context) (string, error) {
	s, err := a.Secret(ctx)
	if err != nil || s == "" {
		return "", errNoSecret
	}
	return s, nil
}

func (a Auth) basic(ctx context.Context, _ url.Values, h http.Header) error {
	secret, err := a.secret(ctx)
	if err != nil {
		return err
	}
	pair := url.QueryEscape(a.ClientID) + ":" + url.QueryEscape(secret) // RFC 6749 section 2.3.1: each form-encoded first
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	return nil
}

func (a Auth) post(ctx context.Context, form url.Values, _ http.Header) error {
	secret, err := a.secret(ctx)
	if err != nil {
		return err
	}
	form.Set("client_id", a.ClientID)
	form.Set("client_secret", secret)
	return nil
}

func (a Auth) certificate(_ context.Context, form url.Values, _ http.Header) error {
	form.Set("client_id", a.ClientID) // RFC 8705 section 2
	return nil
}

func (a Auth) bearer(ctx context.Context, _ url.Values, h http.Header) error {
	secret, err := a.secret(ctx)
	if err != nil || !isToken(secret) { // with a line's end of its file, say
		return errNoSecret
	}
	h.Set("Authorization", "Bearer "+secret)
	return nil
}

func (a Auth) assertion(ctx context.Context, form url.Values, _ http.Header) error {
	jwt, err := a.sign(ctx)
	if err != nil {
		return err
	}
	form.Set("client_id", a.ClientID)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") // RFC 7523 section 2.2
	form.Set("client_assertion", jwt)
	return nil
}
