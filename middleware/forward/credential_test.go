package forward_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/forward"
)

func TestTheCredentialEndsAtThePerimeter(t *testing.T) {
	c := config
	c.CredentialHeaders, c.CredentialCookies = []string{"X-Access-Token", "Proxy-Authorization"}, []string{"session", "session2"}
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, c)
			t.Run("from Authorization", func(t *testing.T) {
				got := p.send(t, "/", p.bearer()).Header
				require.NotContains(t, got, "Authorization")
				require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
			})
			t.Run("from a header of its own, and what else is a credential", func(t *testing.T) {
				got := p.send(t, "/", "X-Access-Token: "+p.issuer.AccessToken(audience), "Authorization: Basic eDp5", "Proxy-Authorization: Basic eDp5").Header
				require.NotContains(t, got, "X-Access-Token")
				require.NotContains(t, got, "Authorization")
				require.NotContains(t, got, "Proxy-Authorization")
				require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
			})
			t.Run("from a cookie, whose neighbours stay", func(t *testing.T) {
				got := p.send(t, "/", "Cookie: a=1; session="+p.issuer.AccessToken(audience)+"; b=2;Session=3; sessions=4; session2=5").Header
				require.Equal(t, []string{"a=1; b=2; Session=3; sessions=4"}, got["Cookie"])
				require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])
			})
			t.Run("from a cookie alone", func(t *testing.T) {
				got := p.send(t, "/", "Cookie: session="+p.issuer.AccessToken(audience)).Header
				require.NotContains(t, got, "Cookie")
			})
			t.Run("from a second Cookie header, blanks around its name", func(t *testing.T) {
				got := p.send(t, "/", "Cookie: x=\"1\";y=2", "Cookie:  session ="+p.issuer.AccessToken(audience)).Header
				require.Equal(t, []string{"x=\"1\";y=2"}, got["Cookie"], "byte for byte")
			})
		})
	}
}

func TestOnPublicRoutesCredentialsPass(t *testing.T) {
	c := config
	c.CredentialHeaders, c.CredentialCookies = []string{"X-Access-Token"}, []string{"session"}
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, c)
			got := p.send(t, "/public/", "Authorization: Basic eDp5", "X-Access-Token: x", "Cookie: session=1;a=2").Header
			require.Equal(t, []string{"Basic eDp5"}, got["Authorization"])
			require.Equal(t, []string{"x"}, got["X-Access-Token"])
			require.Equal(t, []string{"session=1;a=2"}, got["Cookie"])
			require.NotContains(t, got, "X-Identity-Subject")
		})
	}
}

func TestTheCredentialIsKeptWhenAskedFor(t *testing.T) {
	c := config
	c.KeepCredential, c.CredentialHeaders, c.CredentialCookies = true, []string{"X-Access-Token"}, []string{"session"}
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, c)
			bearer := p.bearer()
			got := p.send(t, "/", bearer, "Cookie: a=1").Header
			require.Equal(t, bearer, "Authorization: "+got.Get("Authorization"))
			require.Equal(t, []string{"client-1"}, got["X-Identity-Subject"])

			cookie := "session=" + p.issuer.AccessToken(audience)
			require.Equal(t, []string{cookie}, p.send(t, "/", "Cookie: "+cookie).Header["Cookie"])
		})
	}
}

func TestACredentialThatMayNotPassEvenOnPublicRoutesIsRemovedByName(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, forward.Config{Remove: []string{"Authorization"}})
			require.NotContains(t, p.send(t, "/public/", "Authorization: Basic eDp5").Header, "Authorization")
		})
	}
}
