package jwks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/goroutines"
	"github.com/perimeter-go/perimeter/jwks"
)

func TestConstructorsReportAllMistakesTogether(t *testing.T) {
	c, err := jwks.New("http://user@169.254.169.254/keys#x", &jwks.Options{
		MaxAge: -time.Second, MaxStale: -time.Minute, MinInterval: 5, Timeout: time.Millisecond,
	})
	require.Nil(t, c)
	require.EqualError(t, err, `jwks: the key set URL is not https (InsecureAllowHTTP is for work on one machine)
jwks: the key set URL leads to a link-local or metadata address
jwks: the key set URL holds a user name or password
jwks: the key set URL has a fragment
jwks: MaxAge is -1s, the least is 1s
jwks: MaxStale is -1m0s, the least is 1s
jwks: MinInterval is 5ns, the least is 1s
jwks: Timeout is 1ms, the least is 100ms`)
}

func TestConstructorsRefuse(t *testing.T) {
	for _, row := range []struct{ name, url, want string }{
		{"nothing", "", "is not an https URL\njwks: the key set URL names no host"},
		{"a path", "/keys", "is not an https URL\njwks: the key set URL names no host"},
		{"a host without a scheme", "id.example.test", "is not an https URL\njwks: the key set URL names no host"},
		{"a port without a scheme", "id.example.test:443", "is not an https URL\njwks: the key set URL names no host"},
		{"plain http", "http://id.example.test/", "is not https (InsecureAllowHTTP is for work on one machine)"},
		{"a file", "file:///keys", "is not an https URL\njwks: the key set URL names no host"},
		{"an opaque URL", "https:id.example.test", "names no host"},
		{"no host", "https:///keys", "names no host"},
		{"a control byte", "https://id.example.test/\x7f", "is not a URL"},
		{"a password", "https://a:b@id.example.test/", "holds a user name or password"},
		{"an empty fragment", "https://id.example.test/#", "has a fragment"},
		{"a metadata address", "https://169.254.169.254/", "leads to a link-local or metadata address"},
		{"a link-local address with a zone", "https://[fe80::1%25eth0]/", "leads to a link-local or metadata address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := jwks.New(row.url, nil)
			require.EqualError(t, err, "jwks: the key set URL "+row.want)
			require.Nil(t, c)
			_, err = jwks.NewFromIssuer(row.url, nil)
			require.Error(t, err)
		})
	}
	_, err := jwks.NewFromIssuer("https://id.example.test/?tenant=1", nil)
	require.EqualError(t, err, "jwks: the issuer has a query")
	_, err = jwks.New("https://id.example.test/keys?tenant=1", nil)
	require.NoError(t, err, "a key set may have one")
	_, err = jwks.New("ftp://id.example.test/", &jwks.Options{InsecureAllowHTTP: true})
	require.Error(t, err)
	_, err = jwks.New("http://[::1]:8080/", &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(t, err)
	_, err = jwks.New(keysURL, &jwks.Options{MaxAge: 48 * time.Hour})
	require.NoError(t, err, "the default of MaxStale is no less than MaxAge")
	_, err = jwks.New(keysURL, &jwks.Options{MaxStale: time.Minute})
	require.EqualError(t, err, "jwks: MaxStale is 1m0s, the least is 5m0s")
}

func TestACacheThatNoConstructorMadeDecidesNothing(t *testing.T) {
	for name, c := range map[string]*jwks.Cache{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			keys, err := c.PublicKeys(t.Context(), "k1", "ES256")
			require.Empty(t, keys)
			require.ErrorIs(t, err, jwks.ErrUnavailable)
			require.ErrorIs(t, c.Refresh(t.Context()), jwks.ErrUnavailable)
			require.ErrorIs(t, c.Run(t.Context()), jwks.ErrUnavailable)
			require.Equal(t, jwks.Status{}, c.Status())
		})
	}
}

func TestConstructorsDoNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		before := goroutines.InBubble()
		u := serving(keysNamed("k1"))
		c := u.cache(t)
		u.issuerCache(t, issuerURL)
		require.Equal(t, before, goroutines.InBubble())
		require.Zero(t, u.fetches())
		_ = c.Status()
		time.Sleep(time.Hour)
		require.Zero(t, u.fetches(), "nobody asked")
	})
}
