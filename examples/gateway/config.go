package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
)

// config is the configuration file as data. Empty members mean the defaults that the README lists; what is required, and
// what contradicts what, is decided in config_check.go.
type config struct {
	listen, adminListen string
	externalURL, realm  string
	upstream            string
	tls                 *tlsConfig  // nil: the section is off
	mtls                *mtlsConfig // nil: the section is off
	issuers             []issuerConfig
	routes              []routeConfig
	failedAuthLimit     *limitConfig      // nil: the section is off
	revocation          *revocationConfig // nil: the section is off
	audit               *auditConfig      // nil: the section is off
	metrics             *metricsConfig    // nil: the section is off
	redis               *redisConfig      // nil: the section is off
	identityHeaders     *headersConfig    // nil: the section is off
	quotas              []quotaConfig
	kept                keepsakes // of the gateway before
	forwardAuthorization,
	streamPastExpiry bool
}

type issuerConfig struct {
	path                     string // where it stands, such as issuers[0]
	issuer, preset           string
	audiences, clientIDs     []string
	typ                      string
	algorithms               []string
	accessTokenProfile       bool
	leeway, maxLifetime      time.Duration
	requiredClaims           map[string]string
	scopeClaims, grantClaims []string
	scopesAllowed            []string
	jwksURL                  string
	keys                     keysConfig
	kept                     *jwks.Cache // of the configuration before this one; nil: it has none of its own yet
	insecureAllowHTTP        bool
	introspection            *introspectionConfig // nil: the section is off
}

type introspectionConfig struct {
	path                       string // where it stands, such as issuers[0].introspection
	endpoint, auth             string
	clientID, clientSecretFile string
	ttl, negativeTTL, timeout  time.Duration
	signed                     bool
}

type tlsConfig struct {
	certFile, keyFile string
}

type mtlsConfig struct {
	clientCAFile, spiffeTrustDomain string
	dnsNames, crlFiles              []string
	forwarded                       *forwardedConfig // nil: the section is off
}

type forwardedConfig struct {
	format         string
	trustedProxies []string
}

type limitConfig struct {
	perMinute, burst int // 0: the default
	trustedProxies   []string
}

type revocationConfig struct {
	files, urls     []string
	every, maxStale time.Duration
	insecureOpen    bool
	events          *eventsConfig // nil: the section is off
}

type eventsConfig struct {
	path, issuer, audience, authorizationFile string
}

type auditConfig struct {
	file, keyFile   string
	sampleAllowed   int // 0: all are kept
	requestIDHeader string
}

type metricsConfig struct {
	byRoute bool
}

type quotaConfig struct {
	path, name      string
	limit           int
	window          time.Duration
	by, claim, down string
}

type redisConfig struct {
	url, keyFile string
}

type keysConfig struct {
	maxAge, minInterval, maxStale, timeout time.Duration
	snapshot                               string
}

type routeConfig struct {
	path     string // where it stands, such as routes[1]
	pattern  string
	all, any []string // both given: both must hold
	issuers  []string
	claims   map[string]string
	accept   []string // kinds of credential; empty: any that is configured
	peers    []string // who may call with a certificate; empty: anybody whom the section mtls admits

	introspect bool // a JWT is verified, and then asked about
	public     bool
	upstream   string
	quota      string // the name of one; empty: none
}

type headersConfig struct {
	subject, issuer, clientID, scopes, kind string
	claims                                  map[string]string // claim to header
}

// loadConfig reads a configuration file. The error lists every mistake in it, each after its JSON path.
func loadConfig(name string) (*config, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, err
	}
	return parseConfig(data)
}

// errBuild is a mistake that no check has found and no path can be given for. Seeing it means that a check is missing.
var errBuild = errors.New("does not build")

// parseConfig reads a configuration. What it returns without an error, build accepts.
func parseConfig(data []byte) (*config, error) {
	m := newMistakes()
	root := readTree(data, m)
	if root != nil && root.value != kindObject {
		m.addf(top, "must be an object")
	}
	if root == nil || root.value != kindObject {
		return nil, m.err()
	}
	c := decodeConfig(root, m)
	c.check(m)
	if err := m.err(); err != nil {
		return nil, err
	}
	g, err := build(c, nil)
	if err != nil {
		m.addAll(top, fmt.Errorf("%w: %w", errBuild, err))
		return nil, m.err()
	}
	return c, g.close()
}
