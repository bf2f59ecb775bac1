package forward_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
)

// FuzzNames: a header arrives as it was sent, unless a careless backend could take its name for a managed one; then nothing of it
// arrives, and what is set is there once.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"x_identity.SUBJECT", "X-Identity-Subject", "X-Identity-Subject2", "x-forwarded-client_cert", "CLIENT CERT", "X\u2010Identity-Kind", ""} {
		f.Add(name)
	}
	const lettersAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	careless := func(name string) string {
		var folded strings.Builder
		for i := range len(name) {
			c := strings.ToLower(string(rune(name[i])))
			if name[i] >= 0x80 || !strings.Contains(lettersAndDigits, c) {
				c = "_"
			}
			folded.WriteString(c)
		}
		return folded.String()
	}
	managed := map[string]bool{"client_cert": true, "client_cert_chain": true, "x_forwarded_client_cert": true}
	for _, name := range []string{config.Subject, config.Issuer, config.ClientID, config.Scopes, config.Kind, config.Claims["tenant"]} {
		managed[careless(name)] = true
	}
	h, err := forward.New(config)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header[name] = []string{"forged", "again"}
		anonymous := through(h, r).Header
		named := through(h, r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "alice"}))).Header

		require.Equal(t, []string{"alice"}, named["X-Identity-Subject"])
		require.Equal(t, []string{"other"}, named["X-Identity-Kind"])
		delete(named, "X-Identity-Subject")
		delete(named, "X-Identity-Kind")
		if managed[careless(name)] {
			require.Empty(t, anonymous)
			require.Empty(t, named)
			return
		}
		require.Equal(t, r.Header, anonymous)
		if name != "Authorization" { // the credential, which stays where it is not ours
			require.Equal(t, r.Header, named)
		}
	})
}
