package main

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// workloadConfig has a route for certificates and one for tokens.
const workloadConfig = `{
  "listen": "127.0.0.1:8443",
  "tls": {"cert_file": "SERVER-FILE", "key_file": "SERVER-KEY-FILE"},
  "mtls": {"client_ca_file": "CA-FILE", "spiffe_trust_domain": "example.com"},
  "upstream": "http://127.0.0.1:9000",
  "issuers": [{"issuer": "https://id.example.com", "audiences": ["orders-api"]}],
  "routes": [
    {"pattern": "GET /internal/", "accept": ["mtls"], "peers": ["spiffe://example.com/ns/prod/*"]},
    {"pattern": "GET /orders/v1/{id}", "all": ["orders:read"]}
  ]
}`

func TestGoodConfigurationsOfCertificates(t *testing.T) {
	const trust, domain = `"client_ca_file": "CA-FILE"`, `"spiffe_trust_domain": "example.com"`
	for _, tc := range []struct{ name, old, new string }{
		{"the least", `"listen"`, `"listen"`},
		{"empty strings and lists mean the defaults", domain, domain + `, "dns_names": [], "crl_files": []`},
		{"names instead of a trust domain", domain, `"dns_names": ["api.example.com"]`},
		{"both", domain, domain + `, "dns_names": ["api.example.com"]`},
		{"a revocation list", domain, domain + `, "crl_files": ["CRL-FILE"]`},
		{"a proxy instead of TLS", `"tls": {"cert_file": "SERVER-FILE", "key_file": "SERVER-KEY-FILE"},
  "mtls": {` + trust, `"mtls": {"forwarded": {"format": "xfcc", "trusted_proxies": ["10.0.0.0/8"]}, ` + trust},
		{"TLS alone", `"mtls": {"client_ca_file": "CA-FILE", "spiffe_trust_domain": "example.com"},`, ``},
		{"no issuer, as certificates will do", `"issuers": [{"issuer": "https://id.example.com", "audiences": ["orders-api"]}],`, ``},
		{"peers of each kind", `["spiffe://example.com/ns/prod/*"]`, `["spiffe://example.com/a/*/b", "spiffe://example.com", "https://api.example.com/x", "api.example.com"]`},
		{"a kind beside certificates", `"accept": ["mtls"], "peers": ["spiffe://example.com/ns/prod/*"]`, `"accept": ["mtls", "jwt"], "all": ["a"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := workloadConfig
			if tc.name == "TLS alone" {
				text = edit(t, text, `"accept": ["mtls"], "peers": ["spiffe://example.com/ns/prod/*"]`, `"all": ["a"]`)
			}
			_, err := parseConfig([]byte(withFiles(edit(t, text, tc.old, tc.new))))
			require.NoError(t, err)
		})
	}
}

func TestMistakesOfCertificates(t *testing.T) {
	const trust = `"client_ca_file": "CA-FILE", "spiffe_trust_domain": "example.com"`
	const accept = `"accept": ["mtls"], "peers": ["spiffe://example.com/ns/prod/*"]`
	for _, tc := range []struct{ name, old, new, want string }{
		{
			"TLS without anything", `"cert_file": "SERVER-FILE", "key_file": "SERVER-KEY-FILE"`, ``,
			"tls.cert_file: required: the certificate and its intermediates in PEM\ntls.key_file: required: the certificate's private key in PEM",
		},
		{"a certificate and another's key", `"key_file": "SERVER-KEY-FILE"`, `"key_file": "OTHER-SERVER-KEY-FILE"`, "tls.cert_file: tls: private key does not match public key"},
		{"a certificate that is not there", `"cert_file": "SERVER-FILE"`, `"cert_file": "NO-FILE"`, "tls.cert_file: not read: no such file or directory"},
		{"certificates without anything", trust, ``, "mtls.client_ca_file: required: the authorities that vouch for clients\n" +
			"mtls.spiffe_trust_domain: required, or dns_names: the authorities may vouch for others too"},
		{
			"neither TLS nor a proxy", `"tls": {"cert_file": "SERVER-FILE", "key_file": "SERVER-KEY-FILE"},`, ``,
			"mtls: needs tls, for certificates of its own clients, or forwarded, for those of a proxy's",
		},
		{"an unknown member", trust, trust + `, "ca": ""`, "mtls.ca: unknown member"},
		{"a proxy without anything", trust, trust + `, "forwarded": {}`, `mtls.forwarded.format: "" is none of client-cert xfcc pem der` + "\n" +
			"mtls.forwarded.trusted_proxies: required: whoever may say who the client is"},
		{
			"an address for a range", trust, trust + `, "forwarded": {"format": "pem", "trusted_proxies": ["127.0.0.1"]}`,
			`mtls.forwarded.trusted_proxies[0]: "127.0.0.1" must be a range of addresses such as 10.0.0.0/8, without bits set outside of it`,
		},
		{
			"a range with bits outside of it", trust, trust + `, "forwarded": {"format": "pem", "trusted_proxies": ["127.0.0.1/8"]}`,
			`mtls.forwarded.trusted_proxies[0]: "127.0.0.1/8" must be a range of addresses such as 10.0.0.0/8, without bits set outside of it`,
		},
		{
			"a range that is everybody", trust, trust + `, "forwarded": {"format": "pem", "trusted_proxies": ["0.0.0.0/0"]}`,
			`mtls.forwarded.trusted_proxies[0]: "0.0.0.0/0" is everybody`,
		},
		{
			"an IPv4 range in IPv6 form", trust, trust + `, "forwarded": {"format": "pem", "trusted_proxies": ["::ffff:10.0.0.0/104"]}`,
			`mtls.forwarded.trusted_proxies[0]: "::ffff:10.0.0.0/104" is an IPv4 range in IPv6 form: write it as IPv4`,
		},
		{"certificates without the section", `"mtls": {` + trust + `},`, ``, "routes[0].accept: mtls: the section mtls is missing, so that nobody would be admitted"},
		{"scopes of a certificate", accept, accept + `, "all": ["a"]`, "routes[0].all: a certificate has no scopes, claims or issuer, and this route takes nothing else"},
		{"peers beside tokens", `"accept": ["mtls"]`, `"accept": ["mtls", "jwt"]`, `routes[0].peers: is about certificates: it needs "accept": ["mtls"]`},
		{"peers of any kind", `"accept": ["mtls"], "peers"`, `"peers"`, `routes[0].peers: is about certificates: it needs "accept": ["mtls"]`},
		{"peers of a public route", `"accept": ["mtls"], "peers"`, `"public": true, "peers"`, "routes[0].public: contradicts all, any, claims, issuers, accept, peers and introspect: a public route asks for nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, workloadConfig, tc.old, tc.new))))
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestMistakesOfNamesAndFilesAreFoundWhereTheyAre(t *testing.T) {
	for _, tc := range []struct{ name, old, new, path string }{
		{"a trust domain that is none", `"spiffe_trust_domain": "example.com"`, `"spiffe_trust_domain": "Example.com/a"`, "mtls.spiffe_trust_domain: "},
		{"a name that is none", `"spiffe_trust_domain"`, `"dns_names": ["*.example.com"], "spiffe_trust_domain"`, "mtls.dns_names[0]: "},
		{"authorities that are not there", `"CA-FILE"`, `"NO-FILE"`, "mtls.client_ca_file: "},
		{"a key for authorities", `"CA-FILE"`, `"SERVER-KEY-FILE"`, "mtls.client_ca_file: "},
		{"a list that is none", `"spiffe_trust_domain"`, `"crl_files": ["CA-FILE"], "spiffe_trust_domain"`, "mtls.crl_files[0]: "},
		{"a peer that is none", `"spiffe://example.com/ns/prod/*"`, `"spiffe://Example.com/ns/prod/*"`, "routes[0].peers[0]: "},
		{"a peer that is neither URI nor name", `"spiffe://example.com/ns/prod/*"`, `":a"`, "routes[0].peers[0]: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(withFiles(edit(t, workloadConfig, tc.old, tc.new))))
			require.ErrorContains(t, err, tc.path)
			require.NotContains(t, err.Error(), "\n", "and nothing else")
			require.NotContains(t, err.Error(), errBuild.Error())
		})
	}
}

func TestAListThatTheAuthorityDidNotSignIsAMistake(t *testing.T) {
	own, dir := newAuthority(t), t.TempDir()
	forger := &authority{tb: t, own: tls.Certificate{Leaf: own.own.Leaf, PrivateKey: newAuthority(t).own.PrivateKey}}
	text := edit(t, workloadConfig, `"spiffe_trust_domain"`, `"crl_files": ["`+write(t, filepath.Join(dir, "crl.pem"), forger.revoke(1))+`"], "spiffe_trust_domain"`)
	_, err := parseConfig([]byte(withFiles(edit(t, text, "CA-FILE", write(t, filepath.Join(dir, "ca.pem"), pemOf(own.own))))))
	require.ErrorContains(t, err, "mtls.crl_files: ")
	require.NotContains(t, err.Error(), errBuild.Error())
}
