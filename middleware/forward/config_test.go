package forward_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/forward"
)

func TestNewRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		config forward.Config
		want   string
	}{
		{"a name with a blank", forward.Config{Subject: "X Identity"}, `Subject: "X Identity" is no header name`},
		{"a name with a colon", forward.Config{Issuer: "X-Identity:"}, `Issuer: "X-Identity:" is no header name`},
		{"a name with a line break", forward.Config{ClientID: "X\r\nY"}, `ClientID: "X\r\nY" is no header name`},
		{"a name outside ASCII", forward.Config{Scopes: "X-\u00c4"}, `is no header name`},
		{"a kind without a name that works", forward.Config{Kind: "X;Y"}, `Kind: "X;Y" is no header name`},
		{"two fields under one name", forward.Config{Subject: "X-Who", Issuer: "X-Who"}, `Issuer: "X-Who" is the same as that of Subject`},
		{"two names that fold alike", forward.Config{Subject: "X-Who", Issuer: "x_who"}, `Issuer: "x_who" is the same as that of Subject`},
		{"a name that is the default of the kind", forward.Config{Subject: "X-Identity-Kind"}, `Kind: "X-Identity-Kind" is the same as that of Subject`},
		{"a claim under the name of a field", forward.Config{Subject: "X-Who", Claims: map[string]string{"sub": "X.Who"}}, `Claims["sub"]: "X.Who" is the same as that of Subject`},
		{"two claims under one name", forward.Config{Claims: map[string]string{"a": "X-A", "b": "x-a"}}, `Claims["b"]: "x-a" is the same as that of Claims["a"]`},
		{"a claim without a header", forward.Config{Claims: map[string]string{"a": ""}}, `Claims["a"]: "" is no header name`},
		{"a header without a claim", forward.Config{Claims: map[string]string{"": "X-A"}}, `Claims: "" is no name of a claim`},
		{"an identity in Authorization", forward.Config{Subject: "authorization"}, `has another meaning`},
		{"an identity in Connection", forward.Config{Subject: "Connection"}, `has another meaning`},
		{"an identity in Transfer-Encoding", forward.Config{Subject: "Transfer_Encoding"}, `has another meaning`},
		{"an identity in Host", forward.Config{Subject: "Host"}, `has another meaning`},
		{"an identity in a Cookie", forward.Config{Subject: "Cookie"}, `has another meaning`},
		{"an identity in a certificate's header", forward.Config{Subject: "client-cert"}, `has another meaning`},
		{"an identity in what a proxy overwrites", forward.Config{Subject: "X-Forwarded-For"}, `has another meaning`},
		{"removing what is set", forward.Config{Subject: "X-Who", Remove: []string{"x-who"}}, `Remove: "x-who" is the same as that of Subject`},
		{"removing what belongs to the connection", forward.Config{Remove: []string{"Connection"}}, `Remove: "Connection" belongs to the connection`},
		{"removing what cannot be", forward.Config{Remove: []string{""}}, `Remove: "" is no header name`},
		{"a credential in a header that is set", forward.Config{Issuer: "X-A", CredentialHeaders: []string{"X-A"}}, `CredentialHeaders: "X-A" is the same as that of Issuer`},
		{"a credential in no header", forward.Config{CredentialHeaders: []string{"a b"}}, `CredentialHeaders: "a b" is no header name`},
		{"a credential in no cookie", forward.Config{CredentialCookies: []string{"a=b"}}, `CredentialCookies: "a=b" is no cookie name`},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, err := forward.New(row.config)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, h)
		})
	}
}

func TestNewReportsEveryMistake(t *testing.T) {
	_, err := forward.New(forward.Config{
		Subject: "Host", Issuer: "a b", Scopes: "X-S", Kind: "x_s", Claims: map[string]string{"": "Te"}, Remove: []string{"Upgrade"}, CredentialCookies: []string{""},
	})
	for _, want := range []string{`"Host"`, `"a b"`, `"x_s"`, `"Te"`, "no name of a claim", `"Upgrade"`, "CredentialCookies"} {
		require.ErrorContains(t, err, want)
	}
}

func TestTheKindGoesWithTheSubject(t *testing.T) {
	for _, row := range []struct {
		name   string
		config forward.Config
		want   []string
	}{
		{"it has a default name", forward.Config{Subject: "X-Who"}, []string{"jwt"}},
		{"without a subject it has none", forward.Config{ClientID: "X-Client"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPerimeter(t, mounts[0], row.config)
			require.Equal(t, row.want, p.send(t, "/", p.bearer()).Header["X-Identity-Kind"])
		})
	}
	p := newPerimeter(t, mounts[0], forward.Config{Subject: "X-Who"})
	require.NotContains(t, p.send(t, "/public/", "X-Identity-Kind: mtls").Header, "X-Identity-Kind")
}

func TestNewKeepsNothingOfTheCallers(t *testing.T) {
	claims, remove := map[string]string{"tenant": "X-Tenant"}, []string{"X-Remote-User"}
	headers, cookies := []string{"X-Access-Token"}, []string{"session"}
	p := newPerimeter(t, mounts[0], forward.Config{Claims: claims, Remove: remove, CredentialHeaders: headers, CredentialCookies: cookies})
	claims["sub"], remove[0], headers[0], cookies[0] = "X-Sub", "X", "X", "x"
	got := p.send(t, "/", p.bearer(), "X-Remote-User: forged", "X: 1", "Cookie: x=1").Header
	require.NotContains(t, got, "X-Remote-User")
	require.NotContains(t, got, "X-Sub")
	require.Equal(t, []string{"1"}, got["X"])
	require.Equal(t, []string{"x=1"}, got["Cookie"])
}

func TestAConfigWithoutNamesOnlyRemoves(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			p := newPerimeter(t, m, forward.Config{})
			got := p.send(t, "/", p.bearer(), "Client-Cert: :x:", "X-Own: 1").Header
			require.NotContains(t, got, "Client-Cert")
			require.NotContains(t, got, "Authorization")
			require.Equal(t, []string{"1"}, got["X-Own"])
			require.Equal(t, []string{"1"}, p.send(t, "/public/", "Client-Cert: :x:", "X-Own: 1").Header["X-Own"])
		})
	}
}
