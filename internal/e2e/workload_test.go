package e2e_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// A trustDomain tells its workloads who they are (SPIFFE).
type trustDomain interface {
	name() string
	// x509SVID is a new X509-SVID of the workload at path.
	x509SVID(path string) tls.Certificate
	// jwtSVID is a new JWT-SVID of the workload at path for the audience.
	jwtSVID(path, audience string) string
	// issuer is the iss of the JWT-SVIDs.
	issuer() string
	// bundle is what others need to verify both, as a SPIFFE bundle document, or the X.509 part of it in PEM.
	bundle(form string) []byte
	// rotate takes a step of a change of the X.509 authority: the bundle has a new one too, SVIDs come from it, the old one is gone.
	rotate(step rotation)
}

type rotation string

const (
	announce rotation = "prepare"
	switchTo rotation = "activate"
	drop     rotation = "revoke"
)

const (
	asDocument = "spiffe"
	asPEM      = "pem"
)

// trustDomains start one that looks like SPIRE's, and in the full form of the tests SPIRE's as well.
func trustDomains() map[string]func(t *testing.T, name string) trustDomain {
	all := map[string]func(*testing.T, string) trustDomain{
		"drawn after SPIRE's": func(t *testing.T, name string) trustDomain { t.Helper(); return newDrawnDomain(t, name) },
	}
	if os.Getenv("E2E_FULL") == "1" {
		all["SPIRE's"] = func(t *testing.T, name string) trustDomain { t.Helper(); return startSPIRE(t, name) }
	}
	return all
}

// A drawnDomain is drawn after what SPIRE 1.13 makes.
type drawnDomain struct {
	*authority // whose SVIDs are signed

	domain   string
	trusted  []*x509.Certificate
	next     tls.Certificate
	iss, kid string
	jwtKey   *ecdsa.PrivateKey
}

func newDrawnDomain(t *testing.T, name string) *drawnDomain {
	t.Helper()
	d := &drawnDomain{
		authority: &authority{t: t}, domain: name,
		iss: "https://oidc." + name, kid: rand.Text(), jwtKey: newKey(t, "ES256").(*ecdsa.PrivateKey),
	}
	d.rotate(announce)
	d.rotate(switchTo)
	return d
}

func (d *drawnDomain) rotate(step rotation) {
	switch step {
	case announce:
		d.next = (&authority{t: d.t}).issue(x509.Certificate{
			Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIFFE"}, SerialNumber: strconv.FormatInt(time.Now().UnixNano(), 10)},
			URIs:    []*url.URL{{Scheme: "spiffe", Host: d.domain}},
			IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		})
		d.trusted = append(d.trusted, d.next.Leaf)
	case switchTo:
		d.own = d.next
	case drop:
		d.trusted = d.trusted[1:]
	}
}

func (d *drawnDomain) name() string   { return d.domain }
func (d *drawnDomain) issuer() string { return d.iss }

func (d *drawnDomain) x509SVID(path string) tls.Certificate { return d.x509SVIDOf(d.domain, path) }

// x509SVIDOf is what no SPIRE would make if the domain is not its own.
func (d *drawnDomain) x509SVIDOf(domain, path string) tls.Certificate {
	return d.issue(x509.Certificate{
		Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}}, URIs: []*url.URL{{Scheme: "spiffe", Host: domain, Path: path}},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (d *drawnDomain) jwtSVID(path, audience string) string {
	d.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: d.jwtKey, KeyID: d.kid}},
		(&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(d.t, err)
	claims, err := json.Marshal(members{
		"aud": []string{audience}, "exp": time.Now().Add(5 * time.Minute).Unix(), "iat": time.Now().Unix(),
		"iss": d.issuer(), "sub": "spiffe://" + d.domain + path,
	})
	require.NoError(d.t, err)
	signed, err := signer.Sign(claims)
	require.NoError(d.t, err)
	token, err := signed.CompactSerialize()
	require.NoError(d.t, err)
	return token
}

func (d *drawnDomain) bundle(form string) []byte {
	d.t.Helper()
	keys := []jose.JSONWebKey{{Key: d.jwtKey.Public(), Use: "jwt-svid", KeyID: d.kid}}
	var text []byte
	for _, c := range d.trusted {
		text = append(text, certificatePEM(c)...)
		keys = append(keys, jose.JSONWebKey{Key: c.PublicKey, Use: "x509-svid", Certificates: []*x509.Certificate{c}})
	}
	if form == asPEM {
		return text
	}
	document, err := json.Marshal(members{"keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 300})
	require.NoError(d.t, err)
	return document
}
