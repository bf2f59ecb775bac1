package jwks_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

// site is an issuer of several pages. A page that is not there is a 404.
type site map[string]string

func (s site) respond(r *http.Request) (*http.Response, error) {
	page, ok := s[r.URL.String()]
	switch {
	case !ok:
		return answer(r, 404, nil, "not found"), nil
	case page == "down":
		return answer(r, 503, nil, "down"), nil
	case page == "hang":
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return answer(r, 200, nil, page), nil
}

func metadata(issuer, place string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"scopes_supported":["openid"]}`, issuer, place)
}

// paths lists what was asked for, in order.
func (u *upstream) paths() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []string
	for _, r := range u.requests {
		all = append(all, r.URL.String())
	}
	return all
}

func (u *upstream) issuerCache(t *testing.T, issuer string, edit ...func(*jwks.Options)) *jwks.Cache {
	t.Helper()
	o := &jwks.Options{HTTPClient: &http.Client{Transport: u}}
	for _, e := range edit {
		e(o)
	}
	c, err := jwks.NewFromIssuer(issuer, o)
	require.NoError(t, err)
	return c
}

const (
	issuerURL  = "https://id.example.test/tenant"
	openIDPage = issuerURL + "/.well-known/openid-configuration"
	oauthPage  = "https://id.example.test/.well-known/oauth-authorization-server/tenant"
)

func TestDiscoveryFindsTheKeySet(t *testing.T) {
	for _, row := range []struct {
		name, issuer string
		pages        site
		want         []string
	}{
		{
			"by OpenID Connect, path appended", issuerURL,
			site{openIDPage: metadata(issuerURL, keysURL)},
			[]string{openIDPage, keysURL},
		},
		{
			"by RFC 8414 after a 404, path inserted", issuerURL,
			site{oauthPage: metadata(issuerURL, keysURL)},
			[]string{openIDPage, oauthPage, keysURL},
		},
		{
			"an issuer without a path", "https://id.example.test",
			site{"https://id.example.test/.well-known/oauth-authorization-server": metadata("https://id.example.test", keysURL)},
			[]string{"https://id.example.test/.well-known/openid-configuration", "https://id.example.test/.well-known/oauth-authorization-server", keysURL},
		},
		{
			"an issuer that ends in a slash", "https://id.example.test/",
			site{"https://id.example.test/.well-known/oauth-authorization-server": metadata("https://id.example.test/", keysURL)},
			[]string{"https://id.example.test/.well-known/openid-configuration", "https://id.example.test/.well-known/oauth-authorization-server", keysURL},
		},
		{
			"a path that ends in a slash", issuerURL + "/",
			site{oauthPage: metadata(issuerURL+"/", keysURL)},
			[]string{openIDPage, oauthPage, keysURL},
		},
		{
			"a key set on another host", issuerURL,
			site{openIDPage: metadata(issuerURL, "https://keys.example.test/k?v=1"), "https://keys.example.test/k?v=1": keysNamed("k1")},
			[]string{openIDPage, "https://keys.example.test/k?v=1"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				row.pages[keysURL] = keysNamed("k1")
				u := serving("")
				u.respond = row.pages.respond
				c := u.issuerCache(t, row.issuer)
				require.Empty(t, u.paths(), "construction asks nothing")
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
				require.Equal(t, row.want, u.paths())
				require.Equal(t, row.want[len(row.want)-1], c.Status().URL)
				require.Equal(t, row.issuer, c.Status().Issuer)
				require.Equal(t, atOnce("none"), ask(t.Context(), c, "x"))
				require.Len(t, u.paths(), len(row.want)+1, "the place is remembered")
			})
		})
	}
}

func TestDiscoveryThatMustNotBeBelieved(t *testing.T) {
	failure := func(class string) *jwks.FetchError { return &jwks.FetchError{Class: class, Discovery: true} }
	for _, row := range []struct {
		name, page string
		want       *jwks.FetchError
	}{
		{"another issuer", metadata("https://evil.example.test", keysURL), failure("issuer")},
		{"a trailing slash more", metadata(issuerURL+"/", keysURL), failure("issuer")},
		{"another case", metadata("https://ID.example.test/tenant", keysURL), failure("issuer")},
		{"no issuer", `{"jwks_uri":"` + keysURL + `"}`, failure("issuer")},
		{"a null issuer", `{"issuer":null,"jwks_uri":"` + keysURL + `"}`, failure("issuer")},
		{"Issuer for issuer", `{"Issuer":"` + issuerURL + `","jwks_uri":"` + keysURL + `"}`, failure("issuer")},
		{"issuer twice", `{"issuer":"` + issuerURL + `","issuer":"` + issuerURL + `","jwks_uri":"` + keysURL + `"}`, failure("discovery")},
		{"an issuer that is a list", `{"issuer":["` + issuerURL + `"],"jwks_uri":"` + keysURL + `"}`, failure("issuer")},
		{"no jwks_uri", `{"issuer":"` + issuerURL + `"}`, failure("url")},
		{"an empty jwks_uri", metadata(issuerURL, ""), failure("url")},
		{"jwks_uri on plain http", metadata(issuerURL, "http://id.example.test/keys"), failure("url")},
		{"a file", metadata(issuerURL, "file:///etc/passwd"), failure("url")},
		{"another scheme", metadata(issuerURL, "ftp://id.example.test/keys"), failure("url")},
		{"a relative one", metadata(issuerURL, "/keys"), failure("url")},
		{"no host", metadata(issuerURL, "https:///keys"), failure("url")},
		{"a user", metadata(issuerURL, "https://user:pass@id.example.test/keys"), failure("url")},
		{"a fragment", metadata(issuerURL, "https://id.example.test/keys#x"), failure("url")},
		{"a metadata address", metadata(issuerURL, "https://169.254.169.254/latest/meta-data"), failure("url")},
		{"a metadata address in IPv6", metadata(issuerURL, "https://[fd00:ec2::254]/latest"), failure("url")},
		{"a metadata address mapped", metadata(issuerURL, "https://[::ffff:169.254.169.254]/latest"), failure("url")},
		{"a link-local address with a zone", metadata(issuerURL, "https://[fe80::1%25eth0]/keys"), failure("url")},
		{"HTML", "<html>", failure("discovery")},
		{"garbage", "\x00", failure("discovery")},
		{"an array", "[]", failure("discovery")},
		{"unavailable", "down", &jwks.FetchError{Class: "status", StatusCode: 503, Discovery: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving("")
				u.respond = site{openIDPage: row.page, keysURL: keysNamed("k1"), oauthPage: metadata(issuerURL, keysURL)}.respond
				c := u.issuerCache(t, issuerURL)
				require.Equal(t, row.want, c.Refresh(t.Context()))
				require.Equal(t, []string{openIDPage}, u.paths(), "nothing else is asked: RFC 8414 only after a 404")
				require.Equal(t, "undecided", ask(t.Context(), c, "k1").word)
			})
		})
	}
	t.Run("neither page", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving("")
			u.respond = site{}.respond
			want := &jwks.FetchError{Class: "status", StatusCode: 404, Discovery: true}
			err := u.issuerCache(t, issuerURL).Refresh(t.Context())
			require.Equal(t, want, err)
			require.EqualError(t, err, "jwks: fetching the discovery document failed: status 404")
			require.Len(t, u.paths(), 2)
		})
	})
}

func TestDiscoveryIsRepeatedHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		pages := site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}
		u := serving("")
		u.respond = pages.respond
		c := u.issuerCache(t, issuerURL)
		require.NoError(t, c.Refresh(t.Context()))
		moved := "https://id.example.test/moved"
		pages[openIDPage], pages[moved] = metadata(issuerURL, moved), keysNamed("k2")
		time.Sleep(time.Hour - time.Nanosecond)
		require.NoError(t, c.Refresh(t.Context()))
		require.Equal(t, keysURL, c.Status().URL)
		time.Sleep(time.Nanosecond)
		require.NoError(t, c.Refresh(t.Context()))
		require.Equal(t, moved, c.Status().URL)
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k2"))
		require.Equal(t, atOnce("none"), ask(t.Context(), c, "k1"), "the whole set is replaced")
	})
}

func TestDiscoveryIsRepeatedWhenTheKeySetIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer landing()
		pages := site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}
		u := serving("")
		u.respond = pages.respond
		c := u.issuerCache(t, issuerURL)
		require.NoError(t, c.Refresh(t.Context()))

		delete(pages, keysURL)
		require.Equal(t, &jwks.FetchError{Class: "status", StatusCode: 404}, c.Refresh(t.Context()))
		require.Equal(t, []string{keysURL, openIDPage}, u.paths()[2:], "it has not moved")
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))

		moved := "https://id.example.test/moved"
		pages[openIDPage], pages[moved] = metadata(issuerURL, moved), keysNamed("k1", "k2")
		require.Equal(t, atOnce("found"), ask(t.Context(), c, "k2"), "in the very request")
	})
	t.Run("once in a fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			u := serving("")
			u.respond = site{openIDPage: metadata(issuerURL, keysURL)}.respond
			c := u.issuerCache(t, issuerURL)
			require.Error(t, c.Refresh(t.Context()))
			require.Equal(t, []string{openIDPage, keysURL}, u.paths())
		})
	})
}

func TestDiscoveryThatFailsLaterCostsNoKey(t *testing.T) {
	for _, trouble := range []string{"down", "gone", "hang"} {
		t.Run(trouble, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				pages := site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}
				u := serving("")
				u.respond = pages.respond
				c := u.issuerCache(t, issuerURL)
				require.NoError(t, c.Refresh(t.Context()))
				pages[openIDPage] = trouble
				if trouble == "gone" {
					delete(pages, openIDPage)
				}
				time.Sleep(61 * time.Minute)
				for range 3 {
					if c.Refresh(t.Context()) == nil {
						break
					}
				}
				require.Zero(t, c.Status().Failures, "the place is known")
				require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"))
			})
		})
	}
	t.Run("deaf", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			pages := site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}
			u := serving("")
			u.respond = pages.respond
			c := u.issuerCache(t, issuerURL)
			require.NoError(t, c.Refresh(t.Context()))
			release := make(chan struct{})
			defer close(release)
			u.set(func(u *upstream) {
				u.respond = func(r *http.Request) (*http.Response, error) {
					if r.URL.String() == openIDPage {
						<-release // whatever its context says
					}
					return pages.respond(r)
				}
			})
			time.Sleep(61 * time.Minute)
			require.Equal(t, &jwks.FetchError{Class: "timeout"}, c.Refresh(t.Context()))
			require.NoError(t, c.Refresh(t.Context()), "discovery had its chance")
		})
	})
	t.Run("unless it contradicts itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			pages := site{openIDPage: metadata(issuerURL, keysURL), keysURL: keysNamed("k1")}
			u := serving("")
			u.respond = pages.respond
			c := u.issuerCache(t, issuerURL)
			require.NoError(t, c.Refresh(t.Context()))
			pages[openIDPage] = metadata("https://evil.example.test", "https://evil.example.test/keys")
			time.Sleep(61 * time.Minute)
			for range 3 {
				require.Equal(t, &jwks.FetchError{Class: "issuer", Discovery: true}, c.Refresh(t.Context()))
			}
			require.False(t, slices.Contains(u.paths(), "https://evil.example.test/keys"))
			require.Equal(t, atOnce("found"), ask(t.Context(), c, "k1"), "the last good set stays")
			pages[openIDPage] = metadata(issuerURL, keysURL)
			require.NoError(t, c.Refresh(t.Context()))
		})
	})
}

func TestDiscoveryOverRealHTTPWithInsecureAllowHTTP(t *testing.T) {
	var base string
	base, _ = server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			fmt.Fprint(w, keysNamed("k1"))
			return
		}
		fmt.Fprint(w, metadata(base, base+"/keys"))
	})
	c, err := jwks.NewFromIssuer(base, &jwks.Options{InsecureAllowHTTP: true})
	require.NoError(t, err)
	require.Equal(t, "found", ask(t.Context(), c, "k1").word)
}
