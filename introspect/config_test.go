package introspect_test

import (
	"bytes"
	"context"
	"crypto"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestNewReportsEveryMistake(t *testing.T) {
	key := func(context.Context) (crypto.Signer, string, error) { return nil, "", nil }
	for want, edit := range map[string]func(*introspect.Config, *introspect.Options){
		"Config.Endpoint is not https":             func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = "http://issuer.test/i" },
		"Config.Endpoint is not an https URL":      func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = "ftp://issuer.test/i" },
		"Config.Endpoint names no host":            func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = "" },
		"Config.Endpoint is not a URL":             func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = "https://%" },
		"Config.Endpoint has a fragment":           func(c *introspect.Config, _ *introspect.Options) { c.Endpoint += "#x" },
		"Config.Endpoint holds a user name":        func(c *introspect.Config, _ *introspect.Options) { c.Endpoint = "https://u:p@issuer.test/i" },
		"Config.Issuer is empty":                   func(c *introspect.Config, _ *introspect.Options) { c.Issuer = "" },
		"has white space around it":                func(c *introspect.Config, _ *introspect.Options) { c.Issuer += " " },
		"Config.Audiences is empty":                func(c *introspect.Config, _ *introspect.Options) { c.Audiences = nil },
		"contradict each other":                    func(c *introspect.Config, _ *introspect.Options) { c.InsecureAnyAudience = true },
		"Config.Audiences[1] is empty":             func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{"a", ""} },
		`Config.Audiences[0] " a" has white space`: func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{" a"} },
		`Auth.Method "" is not one of`:             func(c *introspect.Config, _ *introspect.Options) { c.Auth = introspect.Auth{} },
		`Auth.Method "none" is not one of`:         func(c *introspect.Config, _ *introspect.Options) { c.Auth.Method = "none" },
		"Auth.ClientID is empty":                   func(c *introspect.Config, _ *introspect.Options) { c.Auth.ClientID = "" },
		"Auth.Secret is missing":                   func(c *introspect.Config, _ *introspect.Options) { c.Auth.Secret = nil },
		"Auth.Key is missing": func(c *introspect.Config, _ *introspect.Options) {
			c.Auth.Method, c.Auth.Secret = "private_key_jwt", nil
		},
		"Auth.Secret is set, which means nothing": func(c *introspect.Config, _ *introspect.Options) { c.Auth.Method, c.Auth.Key = "private_key_jwt", key },
		"Auth.Key is set, which means nothing":    func(c *introspect.Config, _ *introspect.Options) { c.Auth.Key = key },
		"are for private_key_jwt":                 func(c *introspect.Config, _ *introspect.Options) { c.Auth.Audience = "x" },
		`Auth.Algorithm "HS256" is not one of`:    func(c *introspect.Config, _ *introspect.Options) { c.Auth.Algorithm = "HS256" },
		"Options.HTTPClient has no client": func(c *introspect.Config, o *introspect.Options) {
			c.Auth.Method, c.Auth.Secret, o.HTTPClient = "tls_client_auth", nil, nil
		},
		"no client certificate, which tls": func(c *introspect.Config, o *introspect.Options) {
			c.Auth.Method, c.Auth.Secret, o.HTTPClient.Transport = "tls_client_auth", nil, &http.Transport{}
		},
		"Options.TTL is 1h0m1s, not between":   options(func(o *introspect.Options) { o.TTL = time.Hour + time.Second }),
		"Options.TTL is -1s":                   options(func(o *introspect.Options) { o.TTL = -time.Second }),
		"Options.NegativeTTL is 2m0s":          options(func(o *introspect.Options) { o.NegativeTTL = 2 * time.Minute }),
		"Options.Timeout is 1ms":               options(func(o *introspect.Options) { o.Timeout = time.Millisecond }),
		"Options.Leeway is 3m0s":               options(func(o *introspect.Options) { o.Leeway = 3 * time.Minute }),
		"Options.StaleIfError is 2h0m0s":       options(func(o *introspect.Options) { o.StaleIfError = 2 * time.Hour }),
		"Options.MaxActive is -1":              options(func(o *introspect.Options) { o.MaxActive = -1 }),
		"Options.MaxInactive is -1":            options(func(o *introspect.Options) { o.MaxInactive = -1 }),
		"Options.MaxBytes is 1024":             options(func(o *introspect.Options) { o.MaxBytes = 1024 }),
		"Options.StoreKey has 31 bytes":        options(func(o *introspect.Options) { o.Store, o.StoreKey = newMemory(), make([]byte, 31) }),
		"Options.StoreKey has 0 bytes":         options(func(o *introspect.Options) { o.Store = newMemory() }),
		"are for a Store, and there is none":   options(func(o *introspect.Options) { o.StoreKey = make([]byte, 32) }),
		"StoreTimeout are for a Store":         options(func(o *introspect.Options) { o.StoreTimeout = time.Second }),
		"Options.Store is nil in an interface": options(func(o *introspect.Options) { o.Store, o.StoreKey = (*memory)(nil), make([]byte, 32) }),
		"Options.StoreTimeout is 1ns":          options(func(o *introspect.Options) { o.Store, o.StoreKey, o.StoreTimeout = newMemory(), make([]byte, 32), 1 }),
		"Options.Verify needs Auth.ClientID": func(c *introspect.Config, o *introspect.Options) {
			c.Auth = introspect.Auth{Method: "bearer", Secret: always("x")}
			o.Verify = trusting
		},
	} {
		t.Run(want, func(t *testing.T) {
			c, o := config(), &introspect.Options{HTTPClient: &http.Client{}}
			edit(&c, o)
			made, err := introspect.New(c, o)
			require.ErrorContains(t, err, want)
			require.Nil(t, made)
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.True(t, strings.HasPrefix(line, "introspect: "), line)
			}
		})
	}
	_, err := introspect.New(introspect.Config{}, nil)
	for _, want := range []string{"Config.Endpoint", "Config.Issuer", "Config.Audiences", "Auth.Method"} {
		require.ErrorContains(t, err, want, "all at once")
	}
}

func TestTheCallersConfigurationIsCopied(t *testing.T) {
	u := serving(active())
	c, o := config(), &introspect.Options{HTTPClient: &http.Client{Transport: u}}
	o.Store, o.StoreKey = newMemory(), bytes.Repeat([]byte{7}, 32)
	made, err := introspect.New(c, o)
	require.NoError(t, err)
	same, err := introspect.New(c, o)
	require.NoError(t, err)
	c.Audiences[0] = "https://evil.test"
	clear(o.StoreKey)
	o.HTTPClient.Transport = nil
	require.Equal(t, "active", ask(t.Context(), made, tokenA).word)
	require.Equal(t, same.Key(tokenA), made.Key(tokenA))
	require.Nil(t, o.HTTPClient.CheckRedirect, "nor is the caller's client changed")
}

func TestTheCallersClientKeepsNoCookiesAndFollowsNothing(t *testing.T) {
	u := serving(active())
	jar := &jar{}
	c := u.client(t, options(func(o *introspect.Options) {
		o.HTTPClient.Jar = jar
		o.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	}))
	u.header.Set("Set-Cookie", "a=b")
	require.Equal(t, "active", ask(t.Context(), c, tokenA).word)
	require.Zero(t, jar.asked)
	u.set(func(u *endpoint) { u.status = 307; u.header.Set("Location", "https://evil.test/") })
	require.Equal(t, "undecided", ask(t.Context(), c, tokenB).word)
	require.Equal(t, 2, u.calls())
}

type jar struct{ asked int }

func (j *jar) SetCookies(*url.URL, []*http.Cookie) { j.asked++ }
func (j *jar) Cookies(*url.URL) []*http.Cookie     { j.asked++; return nil }
